# Danish
title = Bekræftelse
title-phone = Bekræft dit telefonnummer
title-email = Bekræft din e-mailadresse
intro = { $app } sender dig en kode for at sikre, at det er din.
way = Hvordan vil du have koden?
sms = Sms
voice = Telefonopkald
whatsapp = WhatsApp
email = E-mail
country = Land eller område
number = Telefonnummer
address = E-mailadresse
send = Send kode
code-title = Indtast koden
sent-sms = Vi har sendt en kode til { $to } på sms.
sent-voice = Vi ringer til { $to } og læser en kode op for dig.
sent-whatsapp = Vi har sendt en kode til { $to } på WhatsApp.
sent-email = Vi har sendt en kode til { $to }. Kan du ikke finde den, så se i uønsket post.
code = Kode
confirm = Bekræft
again = Send koden igen
again-in = Du kan bede om den igen om { $time }.
other-way = Få koden på en anden måde:
back = Tilbage
wait = Et øjeblik …
done = Bekræftet
continue = Fortsæt
leave = Tilbage til { $app }
no-script = Slå JavaScript til: Siden har brug for det.
wrong-number = Det nummer findes ikke. Kontrollér cifrene og landet.
wrong-address = Det er ikke en e-mailadresse. Se efter tastefejl.
wrong-country = Der sendes ikke koder til dette land.
no-digits = Indtast kodens cifre.
wrong-code =
    { $left ->
        [one] Koden er ikke rigtig. Du har ét forsøg mere.
       *[other] Koden er ikke rigtig. Du har { $left } forsøg mere.
    }
used-up = Der var for mange forkerte koder. Bed om en ny.
expired = Koden er udløbet. Bed om en ny.
undelivered = Koden kunne ikke leveres. Kontrollér nummeret eller adressen.
too-often = For mange forsøg. Prøv igen om { $time }.
over = Siden kan ikke bruges længere. Gå tilbage til { $app } og begynd forfra.
offline = Ingen forbindelse. Kontrollér din internetadgang, og prøv igen.
failed = Det lykkedes ikke. Prøv igen om et øjeblik.
