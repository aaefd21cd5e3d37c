# Portuguese
minutes =
    { $minutes ->
        [one] { $minutes } minuto
       *[other] { $minutes } minutos
    }
sms = Código { $app }: { $code }. Expira em { $minutes } min.
email-title = { $code } é o seu código { $app }
email-text =
    O seu código { $app } é:

    { $code }

    Expira em { minutes }. Se não o pediu, não precisa de fazer nada.
speech = Olá. Aqui fala { $app }. O seu código é: { $code }.
    .voice = pt-PT
