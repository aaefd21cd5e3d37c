# German
minutes =
    { $minutes ->
        [one] { $minutes } Minute
       *[other] { $minutes } Minuten
    }
sms = { $code } ist Ihr Code für { $app }. Er gilt { minutes }.
email-title = { $code } ist Ihr Code für { $app }
email-text =
    Ihr Code für { $app } lautet:

    { $code }

    Er gilt { minutes }. Wenn Sie ihn nicht angefordert haben, müssen Sie nichts tun.
speech = Guten Tag. Hier ist { $app }. Ihr Code lautet: { $code }.
    .voice = de-DE
