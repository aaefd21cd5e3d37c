# Slovak
title = Overenie
title-phone = Potvrďte svoje telefónne číslo
title-email = Potvrďte svoju e-mailovú adresu
intro = { $app } vám pošle kód, aby bolo isté, že je vaše.
way = Ako chcete dostať kód?
sms = Textová správa (SMS)
voice = Telefonický hovor
whatsapp = WhatsApp
email = E-mail
country = Krajina alebo oblasť
number = Telefónne číslo
address = E-mailová adresa
send = Poslať kód
code-title = Zadajte kód
sent-sms = Poslali sme kód SMS správou na { $to }.
sent-voice = Voláme na { $to }, aby sme vám kód prečítali.
sent-whatsapp = Poslali sme kód cez WhatsApp na { $to }.
sent-email = Poslali sme kód na { $to }. Ak ho nenájdete, pozrite sa do spamu.
code = Kód
confirm = Potvrdiť
again = Poslať kód znova
again-in = Znova oň môžete požiadať o { $time }.
other-way = Získať kód iným spôsobom:
back = Späť
wait = Okamih…
done = Potvrdené
continue = Pokračovať
leave = Späť: { $app }
no-script = Zapnite, prosím, JavaScript: táto stránka ho potrebuje.
wrong-number = Také číslo neexistuje. Skontrolujte číslice a krajinu.
wrong-address = Toto nie je e-mailová adresa. Skontrolujte preklepy.
wrong-country = Do tejto krajiny sa kódy neposielajú.
no-digits = Zadajte číslice kódu.
wrong-code =
    { $left ->
        [one] Kód nie je správny. Máte ešte jeden pokus.
        [few] Kód nie je správny. Máte ešte { $left } pokusy.
        [many] Kód nie je správny. Máte ešte { $left } pokusu.
       *[other] Kód nie je správny. Máte ešte { $left } pokusov.
    }
used-up = Bolo zadaných priveľa nesprávnych kódov. Požiadajte o nový.
expired = Platnosť kódu vypršala. Požiadajte o nový.
undelivered = Kód sa nepodarilo doručiť. Skontrolujte číslo alebo adresu.
too-often = Priveľa pokusov. Skúste to znova o { $time }.
over = Túto stránku už nemožno použiť. Vráťte sa ({ $app }) a začnite znova.
offline = Nie je pripojenie. Skontrolujte internet a skúste to znova.
failed = Nepodarilo sa to. Skúste to o chvíľu znova.
