# Croatian
minutes =
    { $minutes ->
        [one] { $minutes } minutu
        [few] { $minutes } minute
       *[other] { $minutes } minuta
    }
sms = Kod za { $app }: { $code }. Vrijedi { minutes }.
email-title = Kod za { $app }: { $code }
email-text =
    Vaš kod za { $app } je:

    { $code }

    Vrijedi { minutes }. Ako ga niste zatražili, ne morate ništa učiniti.
speech = Dobar dan. Ovdje { $app }. Vaš kod je: { $code }.
    .voice = hr-HR
