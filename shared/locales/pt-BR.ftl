# Brazilian Portuguese
minutes =
    { $minutes ->
        [one] { $minutes } minuto
       *[other] { $minutes } minutos
    }
sms = Código { $app }: { $code }. Expira em { $minutes } min.
email-title = { $code } é seu código { $app }
email-text =
    Seu código { $app } é:

    { $code }

    Ele expira em { minutes }. Se você não o solicitou, não precisa fazer nada.
speech = Olá. Aqui é { $app }. Seu código é: { $code }.
    .voice = pt-BR
