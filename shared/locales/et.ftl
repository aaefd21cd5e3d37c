# Estonian
minutes =
    { $minutes ->
        [one] { $minutes } minuti
       *[other] { $minutes } minutit
    }
sms = { $app }: teie kood on { $code }. See kehtib { minutes }.
email-title = { $app }: teie kood on { $code }
email-text =
    { $app }: teie kood on

    { $code }

    See kehtib { minutes }. Kui te seda ei küsinud, ei pea te midagi tegema.
speech = Tere. Siin { $app }. Teie kood on: { $code }.
    .voice = et-EE
