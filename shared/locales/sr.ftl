# Serbian, Cyrillic
minutes =
    { $minutes ->
        [one] { $minutes } минут
        [few] { $minutes } минута
       *[other] { $minutes } минута
    }
sms = Код за { $app }: { $code }. Важи { minutes }.
email-title = Код за { $app }: { $code }
email-text =
    Ваш код за { $app } је:

    { $code }

    Важи { minutes }. Ако га нисте тражили, не морате ништа да урадите.
speech = Добар дан. Овде { $app }. Ваш код је: { $code }.
    .voice = sr-RS
