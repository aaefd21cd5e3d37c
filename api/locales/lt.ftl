# Lithuanian
title = Patvirtinimas
title-phone = Patvirtinkite savo telefono numerį
title-email = Patvirtinkite savo el. pašto adresą
intro = { $app } atsiunčia jums kodą, kad įsitikintų, jog tai jūsų duomenys.
way = Kaip norite gauti kodą?
sms = SMS žinutė
voice = Skambutis
whatsapp = WhatsApp
email = El. paštas
country = Šalis arba regionas
number = Telefono numeris
address = El. pašto adresas
send = Siųsti kodą
code-title = Įveskite kodą
sent-sms = Išsiuntėme kodą SMS žinute numeriu { $to }.
sent-voice = Skambiname numeriu { $to }, kad perskaitytume jums kodą.
sent-whatsapp = Išsiuntėme kodą per „WhatsApp“ numeriu { $to }.
sent-email = Išsiuntėme kodą adresu { $to }. Jei jo nerandate, pažiūrėkite šlamšto aplanke.
code = Kodas
confirm = Patvirtinti
again = Siųsti kodą dar kartą
again-in = Galėsite jo vėl paprašyti po { $time }.
other-way = Gauti kodą kitu būdu:
back = Atgal
wait = Akimirką…
done = Patvirtinta
continue = Tęsti
leave = Grįžti į { $app }
no-script = Įjunkite „JavaScript“: šiam puslapiui jos reikia.
wrong-number = Tokio numerio nėra. Patikrinkite skaitmenis ir šalį.
wrong-address = Tai ne el. pašto adresas. Patikrinkite, ar nėra klaidų.
wrong-country = Į šią šalį kodai nesiunčiami.
no-digits = Įveskite kodo skaitmenis.
wrong-code =
    { $left ->
        [one] Kodas neteisingas. Liko { $left } bandymas.
        [few] Kodas neteisingas. Liko { $left } bandymai.
        [many] Kodas neteisingas. Liko { $left } bandymo.
       *[other] Kodas neteisingas. Liko { $left } bandymų.
    }
used-up = Per daug neteisingų kodų. Paprašykite naujo.
expired = Kodas nebegalioja. Paprašykite naujo.
undelivered = Kodo pristatyti nepavyko. Patikrinkite numerį arba adresą.
too-often = Per daug bandymų. Bandykite dar kartą po { $time }.
over = Šiuo puslapiu naudotis nebegalima. Grįžkite į { $app } ir pradėkite iš naujo.
offline = Nėra ryšio. Patikrinkite interneto prieigą ir bandykite dar kartą.
failed = Nepavyko. Netrukus bandykite dar kartą.
