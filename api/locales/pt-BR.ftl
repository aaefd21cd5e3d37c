# Portuguese, Brazil
title = Verificação
title-phone = Confirme seu número de telefone
title-email = Confirme seu e-mail
intro = { $app } envia um código para confirmar que é seu.
way = Como você quer receber o código?
sms = Mensagem de texto (SMS)
voice = Ligação
whatsapp = WhatsApp
email = E-mail
country = País ou região
number = Número de telefone
address = Endereço de e-mail
send = Enviar código
code-title = Digite o código
sent-sms = Enviamos um código por SMS para { $to }.
sent-voice = Estamos ligando para { $to } para ler um código para você.
sent-whatsapp = Enviamos um código pelo WhatsApp para { $to }.
sent-email = Enviamos um código para { $to }. Se não o encontrar, veja na caixa de spam.
code = Código
confirm = Confirmar
again = Reenviar o código
again-in = Você poderá pedi-lo de novo em { $time }.
other-way = Receber o código de outra forma:
back = Voltar
wait = Um momento…
done = Confirmado
continue = Continuar
leave = Voltar para { $app }
no-script = Ative o JavaScript: esta página precisa dele.
wrong-number = Esse número não existe. Confira os dígitos e o país.
wrong-address = Isso não é um endereço de e-mail. Confira se há erros.
wrong-country = Não enviamos códigos para este país.
no-digits = Digite os números do código.
wrong-code =
    { $left ->
        [one] O código não está certo. Você tem mais uma tentativa.
       *[other] O código não está certo. Você tem mais { $left } tentativas.
    }
used-up = Muitos códigos errados. Peça um novo.
expired = Este código expirou. Peça um novo.
undelivered = Não foi possível entregar o código. Confira o número ou o endereço.
too-often = Muitas tentativas. Tente de novo em { $time }.
over = Esta página não pode mais ser usada. Volte para { $app } e comece de novo.
offline = Sem conexão. Verifique seu acesso à internet e tente de novo.
failed = Não funcionou. Tente de novo em instantes.
