# Hungarian
title = Ellenőrzés
title-phone = Erősítse meg a telefonszámát
title-email = Erősítse meg az e-mail-címét
intro = { $app } kódot küld Önnek, hogy megbizonyosodjon róla: az Öné.
way = Hogyan szeretné megkapni a kódot?
sms = Szöveges üzenet (SMS)
voice = Telefonhívás
whatsapp = WhatsApp
email = E-mail
country = Ország vagy régió
number = Telefonszám
address = E-mail-cím
send = Kód küldése
code-title = Adja meg a kódot
sent-sms = SMS-ben kódot küldtünk ide: { $to }.
sent-voice = Felhívjuk ezt a számot, és felolvassuk a kódot: { $to }.
sent-whatsapp = WhatsAppon kódot küldtünk ide: { $to }.
sent-email = Kódot küldtünk ide: { $to }. Ha nem találja, nézze meg a levélszemét között.
code = Kód
confirm = Megerősítés
again = Kód küldése újra
again-in = Újra kérheti ennyi idő múlva: { $time }.
other-way = A kód kérése más módon:
back = Vissza
wait = Egy pillanat…
done = Megerősítve
continue = Tovább
leave = Vissza: { $app }
no-script = Kérjük, kapcsolja be a JavaScriptet: az oldalnak szüksége van rá.
wrong-number = Nincs ilyen szám. Ellenőrizze a számjegyeket és az országot.
wrong-address = Ez nem e-mail-cím. Ellenőrizze, nincs-e benne elírás.
wrong-country = Ebbe az országba nem küldünk kódot.
no-digits = Adja meg a kód számjegyeit.
wrong-code =
    { $left ->
        [one] A kód nem helyes. Még { $left } próbálkozása van.
       *[other] A kód nem helyes. Még { $left } próbálkozása van.
    }
used-up = Túl sok hibás kód. Kérjen újat.
expired = Ez a kód lejárt. Kérjen újat.
undelivered = A kódot nem sikerült kézbesíteni. Ellenőrizze a számot vagy a címet.
too-often = Túl sok próbálkozás. Próbálja újra ennyi idő múlva: { $time }.
over = Ez az oldal már nem használható. Térjen vissza ({ $app }), és kezdje újra.
offline = Nincs kapcsolat. Ellenőrizze az internetelérést, és próbálja újra.
failed = Nem sikerült. Próbálja újra egy kis idő múlva.
