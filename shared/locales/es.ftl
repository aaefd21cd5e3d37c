# Spanish
minutes =
    { $minutes ->
        [one] { $minutes } minuto
       *[other] { $minutes } minutos
    }
sms = { $code } es su clave de { $app }. Caduca en { minutes }.
email-title = { $code } es su código de { $app }
email-text =
    Su código de { $app } es:

    { $code }

    Caduca en { minutes }. Si no lo ha solicitado, no tiene que hacer nada.
speech = Hola. Le llamamos de { $app }. Su código es: { $code }.
    .voice = es-ES
