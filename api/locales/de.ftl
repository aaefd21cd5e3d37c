# German
title = Bestätigung
title-phone = Bestätigen Sie Ihre Telefonnummer
title-email = Bestätigen Sie Ihre E-Mail-Adresse
intro = { $app } schickt Ihnen einen Code, um sicherzugehen, dass sie Ihnen gehört.
way = Wie soll der Code zu Ihnen kommen?
sms = Textnachricht (SMS)
voice = Anruf
whatsapp = WhatsApp
email = E-Mail
country = Land oder Region
number = Telefonnummer
address = E-Mail-Adresse
send = Code senden
code-title = Geben Sie den Code ein
sent-sms = Wir haben per SMS einen Code an { $to } geschickt.
sent-voice = Wir rufen { $to } an und lesen Ihnen einen Code vor.
sent-whatsapp = Wir haben per WhatsApp einen Code an { $to } geschickt.
sent-email = Wir haben einen Code an { $to } geschickt. Falls Sie ihn nicht finden, sehen Sie im Spam-Ordner nach.
code = Code
confirm = Bestätigen
again = Code erneut senden
again-in = In { $time } können Sie ihn erneut anfordern.
other-way = Den Code auf anderem Weg erhalten:
back = Zurück
wait = Einen Moment …
done = Bestätigt
continue = Weiter
leave = Zurück zu { $app }
no-script = Bitte schalten Sie JavaScript ein: Diese Seite braucht es.
wrong-number = Diese Nummer gibt es nicht. Prüfen Sie Ziffern und Land.
wrong-address = Das ist keine E-Mail-Adresse. Prüfen Sie sie auf Tippfehler.
wrong-country = In dieses Land werden keine Codes gesendet.
no-digits = Geben Sie die Ziffern des Codes ein.
wrong-code =
    { $left ->
        [one] Der Code stimmt nicht. Sie haben noch einen Versuch.
       *[other] Der Code stimmt nicht. Sie haben noch { $left } Versuche.
    }
used-up = Es waren zu viele falsche Codes. Fordern Sie einen neuen an.
expired = Dieser Code ist abgelaufen. Fordern Sie einen neuen an.
undelivered = Der Code konnte nicht zugestellt werden. Prüfen Sie Nummer oder Adresse.
too-often = Zu viele Versuche. Versuchen Sie es in { $time } erneut.
over = Diese Seite ist nicht mehr gültig. Gehen Sie zurück zu { $app } und beginnen Sie von vorn.
offline = Keine Verbindung. Prüfen Sie Ihren Internetzugang und versuchen Sie es erneut.
failed = Das hat nicht geklappt. Versuchen Sie es gleich noch einmal.
