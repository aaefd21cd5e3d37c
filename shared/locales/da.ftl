# Danish
minutes =
    { $minutes ->
        [one] { $minutes } minut
       *[other] { $minutes } minutter
    }
sms = { $code } er din kode til { $app }. Den gælder i { minutes }.
email-title = { $code } er din kode til { $app }
email-text =
    Din kode til { $app } er:

    { $code }

    Den gælder i { minutes }. Hvis du ikke har bedt om den, behøver du ikke gøre noget.
speech = Hej. Det er { $app }. Din kode er: { $code }.
    .voice = da-DK
