# Romanian
title = Verificare
title-phone = Confirmați numărul de telefon
title-email = Confirmați adresa de e-mail
intro = { $app } vă trimite un cod pentru a se asigura că vă aparține.
way = Cum doriți să primiți codul?
sms = Mesaj text (SMS)
voice = Apel telefonic
whatsapp = WhatsApp
email = E-mail
country = Țară sau regiune
number = Număr de telefon
address = Adresă de e-mail
send = Trimite codul
code-title = Introduceți codul
sent-sms = Am trimis un cod prin SMS la { $to }.
sent-voice = Sunăm la { $to } pentru a vă citi un cod.
sent-whatsapp = Am trimis un cod prin WhatsApp la { $to }.
sent-email = Am trimis un cod la { $to }. Dacă nu îl găsiți, căutați în spam.
code = Cod
confirm = Confirmă
again = Trimite din nou codul
again-in = Îl puteți cere din nou peste { $time }.
other-way = Primiți codul în alt mod:
back = Înapoi
wait = Un moment…
done = Confirmat
continue = Continuă
leave = Înapoi la { $app }
no-script = Activați JavaScript: această pagină are nevoie de el.
wrong-number = Acest număr nu există. Verificați cifrele și țara.
wrong-address = Aceasta nu este o adresă de e-mail. Verificați dacă are greșeli.
wrong-country = În această țară nu se trimit coduri.
no-digits = Introduceți cifrele codului.
wrong-code =
    { $left ->
        [one] Codul nu este corect. Mai aveți o încercare.
        [few] Codul nu este corect. Mai aveți { $left } încercări.
       *[other] Codul nu este corect. Mai aveți { $left } de încercări.
    }
used-up = Prea multe coduri greșite. Cereți unul nou.
expired = Acest cod a expirat. Cereți unul nou.
undelivered = Codul nu a putut fi livrat. Verificați numărul sau adresa.
too-often = Prea multe încercări. Încercați din nou peste { $time }.
over = Această pagină nu mai poate fi folosită. Reveniți la { $app } și începeți din nou.
offline = Nu există conexiune. Verificați accesul la internet și încercați din nou.
failed = Nu a funcționat. Încercați din nou peste câteva clipe.
