# Romanian
minutes =
    { $minutes ->
        [one] un minut
        [few] { $minutes } minute
       *[other] { $minutes } de minute
    }
sms = { $code } este codul dvs. { $app }. Este valabil { minutes }.
email-title = { $code } este codul dvs. { $app }
email-text =
    Codul dvs. { $app } este:

    { $code }

    Este valabil { minutes }. Dacă nu l-ați cerut, nu trebuie să faceți nimic.
speech = Bună ziua. Aici { $app }. Codul dumneavoastră este: { $code }.
    .voice = ro-RO
