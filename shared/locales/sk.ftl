# Slovak
minutes =
    { $minutes ->
        [one] { $minutes } minútu
        [few] { $minutes } minúty
        [many] { $minutes } minúty
       *[other] { $minutes } minút
    }
sms = Kód pre { $app }: { $code }. Platí { minutes }.
email-title = Kód pre { $app }: { $code }
email-text =
    Váš kód pre { $app } je:

    { $code }

    Platí { minutes }. Ak ste oň nežiadali, nemusíte nič robiť.
speech = Dobrý deň. Tu je { $app }. Váš kód je: { $code }.
    .voice = sk-SK
