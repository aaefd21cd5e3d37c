# Czech
title = Ověření
title-phone = Potvrďte své telefonní číslo
title-email = Potvrďte svou e-mailovou adresu
intro = { $app } vám pošle kód, aby bylo jisté, že je vaše.
way = Jak chcete kód dostat?
sms = Textová zpráva (SMS)
voice = Telefonní hovor
whatsapp = WhatsApp
email = E-mail
country = Země nebo oblast
number = Telefonní číslo
address = E-mailová adresa
send = Poslat kód
code-title = Zadejte kód
sent-sms = Poslali jsme kód SMS zprávou na { $to }.
sent-voice = Voláme na { $to }, abychom vám kód přečetli.
sent-whatsapp = Poslali jsme kód přes WhatsApp na { $to }.
sent-email = Poslali jsme kód na { $to }. Pokud ho nenajdete, podívejte se do spamu.
code = Kód
confirm = Potvrdit
again = Poslat kód znovu
again-in = Znovu o něj můžete požádat za { $time }.
other-way = Získat kód jiným způsobem:
back = Zpět
wait = Okamžik…
done = Potvrzeno
continue = Pokračovat
leave = Zpět: { $app }
no-script = Zapněte prosím JavaScript: tato stránka ho potřebuje.
wrong-number = Takové číslo neexistuje. Zkontrolujte číslice a zemi.
wrong-address = Toto není e-mailová adresa. Zkontrolujte překlepy.
wrong-country = Do této země se kódy neposílají.
no-digits = Zadejte číslice kódu.
wrong-code =
    { $left ->
        [one] Kód není správný. Máte ještě jeden pokus.
        [few] Kód není správný. Máte ještě { $left } pokusy.
        [many] Kód není správný. Máte ještě { $left } pokusu.
       *[other] Kód není správný. Máte ještě { $left } pokusů.
    }
used-up = Bylo zadáno příliš mnoho chybných kódů. Požádejte o nový.
expired = Platnost kódu vypršela. Požádejte o nový.
undelivered = Kód se nepodařilo doručit. Zkontrolujte číslo nebo adresu.
too-often = Příliš mnoho pokusů. Zkuste to znovu za { $time }.
over = Tuto stránku už nelze použít. Vraťte se ({ $app }) a začněte znovu.
offline = Není připojení. Zkontrolujte internet a zkuste to znovu.
failed = Nepodařilo se to. Zkuste to za chvíli znovu.
