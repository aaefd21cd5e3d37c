# Dutch
minutes =
    { $minutes ->
        [one] { $minutes } minuut
       *[other] { $minutes } minuten
    }
sms = { $code } is uw code voor { $app }. Deze is { minutes } geldig.
email-title = { $code } is uw code voor { $app }
email-text =
    Uw code voor { $app } is:

    { $code }

    Deze is { minutes } geldig. Als u er niet om hebt gevraagd, hoeft u niets te doen.
speech = Goedendag. U spreekt met { $app }. Uw code is: { $code }.
    .voice = nl-NL
