# Dutch
title = Verificatie
title-phone = Bevestig uw telefoonnummer
title-email = Bevestig uw e-mailadres
intro = { $app } stuurt u een code om zeker te weten dat het van u is.
way = Hoe wilt u de code ontvangen?
sms = Sms
voice = Telefoongesprek
whatsapp = WhatsApp
email = E-mail
country = Land of regio
number = Telefoonnummer
address = E-mailadres
send = Code sturen
code-title = Voer de code in
sent-sms = We hebben een code per sms naar { $to } gestuurd.
sent-voice = We bellen { $to } om u een code voor te lezen.
sent-whatsapp = We hebben een code via WhatsApp naar { $to } gestuurd.
sent-email = We hebben een code naar { $to } gestuurd. Kunt u hem niet vinden, kijk dan bij de spam.
code = Code
confirm = Bevestigen
again = Code opnieuw sturen
again-in = Over { $time } kunt u hem opnieuw aanvragen.
other-way = De code op een andere manier ontvangen:
back = Terug
wait = Een ogenblik…
done = Bevestigd
continue = Doorgaan
leave = Terug naar { $app }
no-script = Schakel JavaScript in: deze pagina heeft het nodig.
wrong-number = Dit nummer bestaat niet. Controleer de cijfers en het land.
wrong-address = Dit is geen e-mailadres. Controleer het op typefouten.
wrong-country = Naar dit land worden geen codes gestuurd.
no-digits = Voer de cijfers van de code in.
wrong-code =
    { $left ->
        [one] De code klopt niet. U hebt nog één poging.
       *[other] De code klopt niet. U hebt nog { $left } pogingen.
    }
used-up = Er waren te veel onjuiste codes. Vraag een nieuwe aan.
expired = Deze code is verlopen. Vraag een nieuwe aan.
undelivered = De code kon niet worden bezorgd. Controleer het nummer of adres.
too-often = Te veel pogingen. Probeer het over { $time } opnieuw.
over = Deze pagina kan niet meer worden gebruikt. Ga terug naar { $app } en begin opnieuw.
offline = Geen verbinding. Controleer uw internettoegang en probeer het opnieuw.
failed = Dat is niet gelukt. Probeer het zo meteen opnieuw.
