# Italian
title = Verifica
title-phone = Conferma il tuo numero di telefono
title-email = Conferma il tuo indirizzo e-mail
intro = { $app } ti invia un codice per assicurarsi che sia tuo.
way = Come vuoi ricevere il codice?
sms = SMS
voice = Telefonata
whatsapp = WhatsApp
email = E-mail
country = Paese o regione
number = Numero di telefono
address = Indirizzo e-mail
send = Invia il codice
code-title = Inserisci il codice
sent-sms = Abbiamo inviato un codice via SMS al { $to }.
sent-voice = Stiamo chiamando il { $to } per leggerti un codice.
sent-whatsapp = Abbiamo inviato un codice su WhatsApp al { $to }.
sent-email = Abbiamo inviato un codice a { $to }. Se non lo trovi, guarda nella posta indesiderata.
code = Codice
confirm = Conferma
again = Invia di nuovo il codice
again-in = Potrai richiederlo di nuovo tra { $time }.
other-way = Ricevi il codice in un altro modo:
back = Indietro
wait = Un momento…
done = Confermato
continue = Continua
leave = Torna a { $app }
no-script = Attiva JavaScript: questa pagina ne ha bisogno.
wrong-number = Questo numero non esiste. Controlla le cifre e il paese.
wrong-address = Questo non è un indirizzo e-mail. Controlla che sia scritto bene.
wrong-country = Non si inviano codici in questo paese.
no-digits = Inserisci le cifre del codice.
wrong-code =
    { $left ->
        [one] Il codice non è corretto. Hai ancora un tentativo.
       *[other] Il codice non è corretto. Hai ancora { $left } tentativi.
    }
used-up = Troppi codici sbagliati. Richiedine uno nuovo.
expired = Questo codice è scaduto. Richiedine uno nuovo.
undelivered = Non è stato possibile consegnare il codice. Controlla il numero o l’indirizzo.
too-often = Troppi tentativi. Riprova tra { $time }.
over = Questa pagina non è più utilizzabile. Torna a { $app } e ricomincia.
offline = Nessuna connessione. Controlla l’accesso a Internet e riprova.
failed = Non ha funzionato. Riprova tra un momento.
