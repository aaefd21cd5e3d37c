# Serbian, Latin
title = Potvrda
title-phone = Potvrdite svoj broj telefona
title-email = Potvrdite svoju imejl adresu
intro = { $app } vam šalje kod kako bismo bili sigurni da pripada vama.
way = Kako želite da dobijete kod?
sms = SMS poruka
voice = Telefonski poziv
whatsapp = WhatsApp
email = Imejl
country = Zemlja ili region
number = Broj telefona
address = Imejl adresa
send = Pošalji kod
code-title = Unesite kod
sent-sms = Poslali smo kod SMS porukom na { $to }.
sent-voice = Zovemo { $to } da bismo vam pročitali kod.
sent-whatsapp = Poslali smo kod preko WhatsApp-a na { $to }.
sent-email = Poslali smo kod na { $to }. Ako ga ne vidite, pogledajte neželjenu poštu.
code = Kod
confirm = Potvrdi
again = Pošalji kod ponovo
again-in = Možete ga ponovo zatražiti za { $time }.
other-way = Dobijte kod na drugi način:
back = Nazad
wait = Samo trenutak…
done = Potvrđeno
continue = Nastavi
leave = Nazad na { $app }
no-script = Uključite JavaScript: ova stranica ga zahteva.
wrong-number = Takav broj ne postoji. Proverite cifre i zemlju.
wrong-address = Ovo nije imejl adresa. Proverite da li ima grešaka.
wrong-country = Kodovi se ne šalju u ovu zemlju.
no-digits = Unesite cifre koda.
wrong-code =
    { $left ->
        [one] Kod nije tačan. Imate još { $left } pokušaj.
        [few] Kod nije tačan. Imate još { $left } pokušaja.
       *[other] Kod nije tačan. Imate još { $left } pokušaja.
    }
used-up = Previše pogrešnih kodova. Zatražite novi.
expired = Ovaj kod je istekao. Zatražite novi.
undelivered = Kod nije mogao da bude isporučen. Proverite broj ili adresu.
too-often = Previše pokušaja. Pokušajte ponovo za { $time }.
over = Ova stranica više ne može da se koristi. Vratite se na { $app } i počnite ponovo.
offline = Nema veze. Proverite pristup internetu i pokušajte ponovo.
failed = Nije uspelo. Pokušajte ponovo za koji trenutak.
