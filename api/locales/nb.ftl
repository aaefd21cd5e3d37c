# Norwegian
title = Bekreftelse
title-phone = Bekreft telefonnummeret ditt
title-email = Bekreft e-postadressen din
intro = { $app } sender deg en kode for å være sikker på at det er din.
way = Hvordan vil du ha koden?
sms = SMS
voice = Telefonsamtale
whatsapp = WhatsApp
email = E-post
country = Land eller område
number = Telefonnummer
address = E-postadresse
send = Send kode
code-title = Skriv inn koden
sent-sms = Vi har sendt en kode til { $to } på SMS.
sent-voice = Vi ringer { $to } og leser opp en kode for deg.
sent-whatsapp = Vi har sendt en kode til { $to } på WhatsApp.
sent-email = Vi har sendt en kode til { $to }. Finner du den ikke, så se i søppelposten.
code = Kode
confirm = Bekreft
again = Send koden på nytt
again-in = Du kan be om den på nytt om { $time }.
other-way = Få koden på en annen måte:
back = Tilbake
wait = Et øyeblikk …
done = Bekreftet
continue = Fortsett
leave = Tilbake til { $app }
no-script = Slå på JavaScript: Siden trenger det.
wrong-number = Nummeret finnes ikke. Sjekk sifrene og landet.
wrong-address = Dette er ikke en e-postadresse. Se etter skrivefeil.
wrong-country = Koder sendes ikke til dette landet.
no-digits = Skriv inn sifrene i koden.
wrong-code =
    { $left ->
        [one] Koden er ikke riktig. Du har ett forsøk til.
       *[other] Koden er ikke riktig. Du har { $left } forsøk til.
    }
used-up = Det ble for mange feil koder. Be om en ny.
expired = Koden er utløpt. Be om en ny.
undelivered = Koden kunne ikke leveres. Sjekk nummeret eller adressen.
too-often = For mange forsøk. Prøv igjen om { $time }.
over = Siden kan ikke brukes lenger. Gå tilbake til { $app } og begynn på nytt.
offline = Ingen forbindelse. Sjekk internettilgangen og prøv igjen.
failed = Det gikk ikke. Prøv igjen om et øyeblikk.
