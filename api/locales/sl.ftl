# Slovenian
title = Preverjanje
title-phone = Potrdite svojo telefonsko številko
title-email = Potrdite svoj e-poštni naslov
intro = { $app } vam pošlje kodo, da preveri, ali je res vaše.
way = Kako želite prejeti kodo?
sms = Sporočilo SMS
voice = Telefonski klic
whatsapp = WhatsApp
email = E-pošta
country = Država ali regija
number = Telefonska številka
address = E-poštni naslov
send = Pošlji kodo
code-title = Vnesite kodo
sent-sms = Kodo smo poslali s sporočilom SMS na { $to }.
sent-voice = Kličemo { $to }, da vam preberemo kodo.
sent-whatsapp = Kodo smo poslali prek WhatsAppa na { $to }.
sent-email = Kodo smo poslali na { $to }. Če je ne najdete, poglejte med neželeno pošto.
code = Koda
confirm = Potrdi
again = Znova pošlji kodo
again-in = Znova jo lahko zahtevate čez { $time }.
other-way = Prejmite kodo na drug način:
back = Nazaj
wait = Trenutek …
done = Potrjeno
continue = Nadaljuj
leave = Nazaj na { $app }
no-script = Vklopite JavaScript: ta stran ga potrebuje.
wrong-number = Take številke ni. Preverite števke in državo.
wrong-address = To ni e-poštni naslov. Preverite, ali so v njem napake.
wrong-country = V to državo se kode ne pošiljajo.
no-digits = Vnesite števke kode.
wrong-code =
    { $left ->
        [one] Koda ni pravilna. Imate še { $left } poskus.
        [two] Koda ni pravilna. Imate še { $left } poskusa.
        [few] Koda ni pravilna. Imate še { $left } poskuse.
       *[other] Koda ni pravilna. Imate še { $left } poskusov.
    }
used-up = Preveč napačnih kod. Zahtevajte novo.
expired = Ta koda je potekla. Zahtevajte novo.
undelivered = Kode ni bilo mogoče dostaviti. Preverite številko ali naslov.
too-often = Preveč poskusov. Poskusite znova čez { $time }.
over = Te strani ni več mogoče uporabiti. Vrnite se na { $app } in začnite znova.
offline = Ni povezave. Preverite dostop do interneta in poskusite znova.
failed = Ni uspelo. Poskusite znova čez trenutek.
