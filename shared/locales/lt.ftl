# Lithuanian
minutes =
    { $minutes ->
        [one] { $minutes } minutę
        [few] { $minutes } minutes
        [many] { $minutes } minutės
       *[other] { $minutes } minučių
    }
sms = { $app } kodas: { $code }. Galioja { $minutes } min.
email-title = { $app } kodas: { $code }
email-text =
    Jūsų { $app } kodas:

    { $code }

    Galioja { minutes }. Jei jo neprašėte, nieko daryti nereikia.
speech = Laba diena. Čia { $app }. Jūsų kodas: { $code }.
    .voice = lt-LT
