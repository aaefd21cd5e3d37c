# Finnish
title = Vahvistus
title-phone = Vahvista puhelinnumerosi
title-email = Vahvista sähköpostiosoitteesi
intro = { $app } lähettää sinulle koodin varmistaakseen, että se on sinun.
way = Miten haluat saada koodin?
sms = Tekstiviesti
voice = Puhelu
whatsapp = WhatsApp
email = Sähköposti
country = Maa tai alue
number = Puhelinnumero
address = Sähköpostiosoite
send = Lähetä koodi
code-title = Syötä koodi
sent-sms = Lähetimme koodin tekstiviestillä numeroon { $to }.
sent-voice = Soitamme numeroon { $to } ja luemme sinulle koodin.
sent-whatsapp = Lähetimme koodin WhatsAppilla numeroon { $to }.
sent-email = Lähetimme koodin osoitteeseen { $to }. Jos et löydä sitä, katso roskapostista.
code = Koodi
confirm = Vahvista
again = Lähetä koodi uudelleen
again-in = Voit pyytää sitä uudelleen ajan { $time } kuluttua.
other-way = Hanki koodi toisella tavalla:
back = Takaisin
wait = Hetkinen…
done = Vahvistettu
continue = Jatka
leave = Takaisin: { $app }
no-script = Ota JavaScript käyttöön: tämä sivu tarvitsee sitä.
wrong-number = Tällaista numeroa ei ole. Tarkista numerot ja maa.
wrong-address = Tämä ei ole sähköpostiosoite. Tarkista kirjoitusasu.
wrong-country = Tähän maahan ei lähetetä koodeja.
no-digits = Syötä koodin numerot.
wrong-code =
    { $left ->
        [one] Koodi ei ole oikein. Sinulla on vielä yksi yritys.
       *[other] Koodi ei ole oikein. Sinulla on vielä { $left } yritystä.
    }
used-up = Liian monta väärää koodia. Pyydä uusi.
expired = Tämä koodi on vanhentunut. Pyydä uusi.
undelivered = Koodia ei voitu toimittaa. Tarkista numero tai osoite.
too-often = Liian monta yritystä. Yritä uudelleen ajan { $time } kuluttua.
over = Tätä sivua ei voi enää käyttää. Palaa ({ $app }) ja aloita alusta.
offline = Ei yhteyttä. Tarkista internetyhteytesi ja yritä uudelleen.
failed = Se ei onnistunut. Yritä hetken kuluttua uudelleen.
