# Russian
minutes =
    { $minutes ->
        [one] { $minutes } минуту
        [few] { $minutes } минуты
        [many] { $minutes } минут
       *[other] { $minutes } минуты
    }
sms = Код для { $app }: { $code }. Действует { minutes }.
email-title = Код для { $app }: { $code }
email-text =
    Ваш код для { $app }:

    { $code }

    Он действует { minutes }. Если вы его не запрашивали, ничего делать не нужно.
speech = Здравствуйте. Это { $app }. Ваш код: { $code }.
    .voice = ru-RU
