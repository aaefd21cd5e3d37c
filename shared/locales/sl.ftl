# Slovenian
minutes =
    { $minutes ->
        [one] { $minutes } minuto
        [two] { $minutes } minuti
        [few] { $minutes } minute
       *[other] { $minutes } minut
    }
sms = Koda za { $app }: { $code }. Velja { minutes }.
email-title = Koda za { $app }: { $code }
email-text =
    Vaša koda za { $app } je:

    { $code }

    Velja { minutes }. Če je niste zahtevali, vam ni treba storiti ničesar.
speech = Dober dan. Tukaj { $app }. Vaša koda je: { $code }.
    .voice = sl-SI
