# Bulgarian
minutes =
    { $minutes ->
        [one] { $minutes } минута
       *[other] { $minutes } минути
    }
sms = Код за { $app }: { $code }. Валиден е { minutes }.
email-title = Код за { $app }: { $code }
email-text =
    Вашият код за { $app } е:

    { $code }

    Валиден е { minutes }. Ако не сте го поискали, не е нужно да правите нищо.
speech = Добър ден. Обажда се { $app }. Вашият код е: { $code }.
    .voice = bg-BG
