# Finnish
minutes =
    { $minutes ->
        [one] { $minutes } minuutin
       *[other] { $minutes } minuuttia
    }
sms = { $code } on koodisi palveluun { $app }. Se on voimassa { minutes }.
email-title = { $code } on koodisi palveluun { $app }
email-text =
    Koodisi palveluun { $app } on:

    { $code }

    Se on voimassa { minutes }. Jos et pyytänyt sitä, sinun ei tarvitse tehdä mitään.
speech = Hei. Täällä on { $app }. Koodisi on: { $code }.
    .voice = fi-FI
