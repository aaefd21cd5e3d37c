# Portuguese
title = Verificação
title-phone = Confirme o seu número de telefone
title-email = Confirme o seu e-mail
intro = { $app } envia-lhe um código para confirmar que é seu.
way = Como quer receber o código?
sms = Mensagem de texto (SMS)
voice = Chamada telefónica
whatsapp = WhatsApp
email = E-mail
country = País ou região
number = Número de telefone
address = Endereço de e-mail
send = Enviar código
code-title = Introduza o código
sent-sms = Enviámos um código por SMS para { $to }.
sent-voice = Estamos a ligar para { $to } para lhe ler um código.
sent-whatsapp = Enviámos um código por WhatsApp para { $to }.
sent-email = Enviámos um código para { $to }. Se não o encontrar, veja no correio não solicitado.
code = Código
confirm = Confirmar
again = Reenviar o código
again-in = Pode voltar a pedi-lo dentro de { $time }.
other-way = Receber o código de outra forma:
back = Voltar
wait = Um momento…
done = Confirmado
continue = Continuar
leave = Voltar a { $app }
no-script = Ative o JavaScript: esta página precisa dele.
wrong-number = Esse número não existe. Verifique os algarismos e o país.
wrong-address = Isto não é um endereço de e-mail. Verifique se há erros.
wrong-country = Não são enviados códigos para este país.
no-digits = Introduza os algarismos do código.
wrong-code =
    { $left ->
        [one] O código não está certo. Tem mais uma tentativa.
       *[other] O código não está certo. Tem mais { $left } tentativas.
    }
used-up = Demasiados códigos errados. Peça um novo.
expired = Este código expirou. Peça um novo.
undelivered = Não foi possível entregar o código. Verifique o número ou o endereço.
too-often = Demasiadas tentativas. Tente de novo dentro de { $time }.
over = Esta página já não pode ser usada. Volte a { $app } e comece de novo.
offline = Sem ligação. Verifique o acesso à Internet e tente de novo.
failed = Não funcionou. Tente de novo dentro de momentos.
