# Croatian
title = Potvrda
title-phone = Potvrdite svoj broj telefona
title-email = Potvrdite svoju adresu e-pošte
intro = { $app } vam šalje kod kako bismo bili sigurni da pripada vama.
way = Kako želite primiti kod?
sms = SMS poruka
voice = Telefonski poziv
whatsapp = WhatsApp
email = E-pošta
country = Država ili regija
number = Broj telefona
address = Adresa e-pošte
send = Pošalji kod
code-title = Unesite kod
sent-sms = Poslali smo kod SMS porukom na { $to }.
sent-voice = Zovemo { $to } kako bismo vam pročitali kod.
sent-whatsapp = Poslali smo kod putem WhatsAppa na { $to }.
sent-email = Poslali smo kod na { $to }. Ako ga ne vidite, pogledajte neželjenu poštu.
code = Kod
confirm = Potvrdi
again = Pošalji kod ponovno
again-in = Možete ga ponovno zatražiti za { $time }.
other-way = Primite kod na drugi način:
back = Natrag
wait = Samo trenutak…
done = Potvrđeno
continue = Nastavi
leave = Natrag na { $app }
no-script = Uključite JavaScript: ova ga stranica treba.
wrong-number = Takav broj ne postoji. Provjerite znamenke i državu.
wrong-address = Ovo nije adresa e-pošte. Provjerite ima li pogrešaka.
wrong-country = Kodovi se ne šalju u ovu državu.
no-digits = Unesite znamenke koda.
wrong-code =
    { $left ->
        [one] Kod nije točan. Imate još { $left } pokušaj.
        [few] Kod nije točan. Imate još { $left } pokušaja.
       *[other] Kod nije točan. Imate još { $left } pokušaja.
    }
used-up = Previše pogrešnih kodova. Zatražite novi.
expired = Ovaj je kod istekao. Zatražite novi.
undelivered = Kod nije mogao biti isporučen. Provjerite broj ili adresu.
too-often = Previše pokušaja. Pokušajte ponovno za { $time }.
over = Ova se stranica više ne može koristiti. Vratite se na { $app } i počnite ispočetka.
offline = Nema veze. Provjerite pristup internetu i pokušajte ponovno.
failed = Nije uspjelo. Pokušajte ponovno za koji trenutak.
