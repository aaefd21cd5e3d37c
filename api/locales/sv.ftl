# Swedish
title = Verifiering
title-phone = Bekräfta ditt telefonnummer
title-email = Bekräfta din e-postadress
intro = { $app } skickar en kod till dig för att veta att det är din.
way = Hur vill du få koden?
sms = Sms
voice = Telefonsamtal
whatsapp = WhatsApp
email = E-post
country = Land eller region
number = Telefonnummer
address = E-postadress
send = Skicka kod
code-title = Ange koden
sent-sms = Vi har skickat en kod till { $to } med sms.
sent-voice = Vi ringer { $to } och läser upp en kod för dig.
sent-whatsapp = Vi har skickat en kod till { $to } via WhatsApp.
sent-email = Vi har skickat en kod till { $to }. Titta bland skräpposten om du inte hittar den.
code = Kod
confirm = Bekräfta
again = Skicka koden igen
again-in = Du kan be om den igen om { $time }.
other-way = Få koden på ett annat sätt:
back = Tillbaka
wait = Ett ögonblick …
done = Bekräftat
continue = Fortsätt
leave = Tillbaka till { $app }
no-script = Slå på JavaScript: sidan behöver det.
wrong-number = Numret finns inte. Kontrollera siffrorna och landet.
wrong-address = Det är ingen e-postadress. Kontrollera att den är rätt skriven.
wrong-country = Koder skickas inte till det här landet.
no-digits = Ange kodens siffror.
wrong-code =
    { $left ->
        [one] Koden stämmer inte. Du har ett försök till.
       *[other] Koden stämmer inte. Du har { $left } försök till.
    }
used-up = Det blev för många felaktiga koder. Be om en ny.
expired = Koden har gått ut. Be om en ny.
undelivered = Koden kunde inte levereras. Kontrollera numret eller adressen.
too-often = För många försök. Försök igen om { $time }.
over = Sidan går inte längre att använda. Gå tillbaka till { $app } och börja om.
offline = Ingen anslutning. Kontrollera din internetåtkomst och försök igen.
failed = Det gick inte. Försök igen om en stund.
