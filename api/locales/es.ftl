# Spanish
title = Verificación
title-phone = Confirma tu número de teléfono
title-email = Confirma tu correo electrónico
intro = { $app } te envía un código para comprobar que es tuyo.
way = ¿Cómo quieres recibir el código?
sms = Mensaje de texto (SMS)
voice = Llamada
whatsapp = WhatsApp
email = Correo electrónico
country = País o región
number = Número de teléfono
address = Correo electrónico
send = Enviar código
code-title = Introduce el código
sent-sms = Hemos enviado un código por SMS al { $to }.
sent-voice = Estamos llamando al { $to } para leerte un código.
sent-whatsapp = Hemos enviado un código por WhatsApp al { $to }.
sent-email = Hemos enviado un código a { $to }. Si no lo encuentras, mira en el correo no deseado.
code = Código
confirm = Confirmar
again = Volver a enviar el código
again-in = Podrás pedirlo de nuevo en { $time }.
other-way = Recibir el código de otra forma:
back = Atrás
wait = Un momento…
done = Confirmado
continue = Continuar
leave = Volver a { $app }
no-script = Activa JavaScript: esta página lo necesita.
wrong-number = Ese número no existe. Revisa los dígitos y el país.
wrong-address = Eso no es una dirección de correo. Revísala por si hay errores.
wrong-country = No se envían códigos a este país.
no-digits = Introduce los dígitos del código.
wrong-code =
    { $left ->
        [one] El código no es correcto. Te queda un intento.
       *[other] El código no es correcto. Te quedan { $left } intentos.
    }
used-up = Demasiados códigos incorrectos. Pide uno nuevo.
expired = Este código ha caducado. Pide uno nuevo.
undelivered = No se ha podido entregar el código. Revisa el número o la dirección.
too-often = Demasiados intentos. Vuelve a intentarlo en { $time }.
over = Esta página ya no se puede usar. Vuelve a { $app } y empieza de nuevo.
offline = No hay conexión. Comprueba tu acceso a internet e inténtalo de nuevo.
failed = No ha funcionado. Vuelve a intentarlo en un momento.
