# Estonian
title = Kinnitamine
title-phone = Kinnitage oma telefoninumber
title-email = Kinnitage oma e-posti aadress
intro = { $app } saadab teile koodi, et veenduda selle kuulumises teile.
way = Kuidas soovite koodi saada?
sms = SMS
voice = Telefonikõne
whatsapp = WhatsApp
email = E-post
country = Riik või piirkond
number = Telefoninumber
address = E-posti aadress
send = Saada kood
code-title = Sisestage kood
sent-sms = Saatsime SMS-iga koodi numbrile { $to }.
sent-voice = Helistame numbrile { $to } ja loeme teile koodi ette.
sent-whatsapp = Saatsime WhatsAppis koodi numbrile { $to }.
sent-email = Saatsime koodi aadressile { $to }. Kui te seda ei leia, vaadake rämpsposti.
code = Kood
confirm = Kinnita
again = Saada kood uuesti
again-in = Saate seda uuesti küsida { $time } pärast.
other-way = Saage kood muul viisil:
back = Tagasi
wait = Üks hetk…
done = Kinnitatud
continue = Jätka
leave = Tagasi: { $app }
no-script = Palun lülitage JavaScript sisse: see leht vajab seda.
wrong-number = Sellist numbrit ei ole. Kontrollige numbreid ja riiki.
wrong-address = See ei ole e-posti aadress. Kontrollige, kas selles on vigu.
wrong-country = Sellesse riiki koode ei saadeta.
no-digits = Sisestage koodi numbrid.
wrong-code =
    { $left ->
        [one] Kood ei ole õige. Teil on veel üks katse.
       *[other] Kood ei ole õige. Teil on veel { $left } katset.
    }
used-up = Liiga palju valesid koode. Küsige uus.
expired = See kood on aegunud. Küsige uus.
undelivered = Koodi ei saanud kohale toimetada. Kontrollige numbrit või aadressi.
too-often = Liiga palju katseid. Proovige uuesti { $time } pärast.
over = Seda lehte ei saa enam kasutada. Minge tagasi ({ $app }) ja alustage uuesti.
offline = Ühendus puudub. Kontrollige internetiühendust ja proovige uuesti.
failed = See ei õnnestunud. Proovige hetke pärast uuesti.
