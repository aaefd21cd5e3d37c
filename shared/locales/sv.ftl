# Swedish
minutes =
    { $minutes ->
        [one] { $minutes } minut
       *[other] { $minutes } minuter
    }
sms = { $code } är din kod för { $app }. Den gäller i { minutes }.
email-title = { $code } är din kod för { $app }
email-text =
    Din kod för { $app } är:

    { $code }

    Den gäller i { minutes }. Om du inte har begärt den behöver du inte göra något.
speech = Hej. Det här är { $app }. Din kod är: { $code }.
    .voice = sv-SE
