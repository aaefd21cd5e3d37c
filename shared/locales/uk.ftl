# Ukrainian
minutes =
    { $minutes ->
        [one] { $minutes } хвилину
        [few] { $minutes } хвилини
        [many] { $minutes } хвилин
       *[other] { $minutes } хвилини
    }
sms = Код для { $app }: { $code }. Діє { minutes }.
email-title = Код для { $app }: { $code }
email-text =
    Ваш код для { $app }:

    { $code }

    Він діє { minutes }. Якщо ви його не запитували, нічого робити не потрібно.
speech = Добрий день. Це { $app }. Ваш код: { $code }.
    .voice = uk-UA
