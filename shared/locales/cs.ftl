# Czech
minutes =
    { $minutes ->
        [one] { $minutes } minutu
        [few] { $minutes } minuty
        [many] { $minutes } minuty
       *[other] { $minutes } minut
    }
sms = Kód pro { $app }: { $code }. Platí { minutes }.
email-title = Kód pro { $app }: { $code }
email-text =
    Váš kód pro { $app } je:

    { $code }

    Platí { minutes }. Pokud jste o něj nežádali, nemusíte nic dělat.
speech = Dobrý den. Zde { $app }. Váš kód je: { $code }.
    .voice = cs-CZ
