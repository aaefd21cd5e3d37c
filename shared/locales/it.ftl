# Italian
minutes =
    { $minutes ->
        [one] { $minutes } minuto
       *[other] { $minutes } minuti
    }
sms = { $code } è il suo codice { $app }. Scade tra { minutes }.
email-title = { $code } è il suo codice { $app }
email-text =
    Il suo codice { $app } è:

    { $code }

    Scade tra { minutes }. Se non lo ha richiesto, non deve fare nulla.
speech = Buongiorno. La chiama { $app }. Il suo codice è: { $code }.
    .voice = it-IT
