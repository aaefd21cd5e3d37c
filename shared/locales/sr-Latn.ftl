# Serbian, Latin
minutes =
    { $minutes ->
        [one] { $minutes } minut
        [few] { $minutes } minuta
       *[other] { $minutes } minuta
    }
sms = Kod za { $app }: { $code }. Važi { minutes }.
email-title = Kod za { $app }: { $code }
email-text =
    Vaš kod za { $app } je:

    { $code }

    Važi { minutes }. Ako ga niste tražili, ne morate ništa da uradite.
speech = Dobar dan. Ovde { $app }. Vaš kod je: { $code }.
    .voice = sr-RS
