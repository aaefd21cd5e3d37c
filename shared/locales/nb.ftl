# Norwegian Bokmål
minutes =
    { $minutes ->
        [one] { $minutes } minutt
       *[other] { $minutes } minutter
    }
sms = { $code } er koden din for { $app }. Den gjelder i { minutes }.
email-title = { $code } er koden din for { $app }
email-text =
    Koden din for { $app } er:

    { $code }

    Den gjelder i { minutes }. Hvis du ikke har bedt om den, trenger du ikke å gjøre noe.
speech = Hei. Dette er { $app }. Koden din er: { $code }.
    .voice = nb-NO
