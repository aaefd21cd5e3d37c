# French
minutes =
    { $minutes ->
        [one] { $minutes } minute
       *[other] { $minutes } minutes
    }
sms = { $code } est votre code { $app }. Il est valable { minutes }.
email-title = { $code } est votre code { $app }
email-text =
    Votre code { $app } est :

    { $code }

    Il est valable { minutes }. Si vous ne l’avez pas demandé, vous n’avez rien à faire.
speech = Bonjour. Ici { $app }. Votre code est : { $code }.
    .voice = fr-FR
