# French
title = Vérification
title-phone = Confirmez votre numéro de téléphone
title-email = Confirmez votre adresse e-mail
intro = { $app } vous envoie un code pour s’assurer que vous en êtes titulaire.
way = Comment souhaitez-vous recevoir le code ?
sms = SMS
voice = Appel téléphonique
whatsapp = WhatsApp
email = E-mail
country = Pays ou région
number = Numéro de téléphone
address = Adresse e-mail
send = Envoyer le code
code-title = Saisissez le code
sent-sms = Nous avons envoyé un code par SMS au { $to }.
sent-voice = Nous appelons le { $to } pour vous lire un code.
sent-whatsapp = Nous avons envoyé un code par WhatsApp au { $to }.
sent-email = Nous avons envoyé un code à { $to }. Si vous ne le trouvez pas, regardez dans les indésirables.
code = Code
confirm = Confirmer
again = Renvoyer le code
again-in = Vous pourrez le redemander dans { $time }.
other-way = Recevoir le code autrement :
back = Retour
wait = Un instant…
done = Confirmé
continue = Continuer
leave = Retour à { $app }
no-script = Veuillez activer JavaScript : cette page en a besoin.
wrong-number = Ce numéro n’existe pas. Vérifiez les chiffres et le pays.
wrong-address = Ce n’est pas une adresse e-mail. Vérifiez la saisie.
wrong-country = Aucun code n’est envoyé vers ce pays.
no-digits = Saisissez les chiffres du code.
wrong-code =
    { $left ->
        [one] Le code n’est pas correct. Il vous reste { $left } essai.
       *[other] Le code n’est pas correct. Il vous reste { $left } essais.
    }
used-up = Trop de codes erronés. Demandez-en un nouveau.
expired = Ce code a expiré. Demandez-en un nouveau.
undelivered = Le code n’a pas pu être remis. Vérifiez le numéro ou l’adresse.
too-often = Trop de tentatives. Réessayez dans { $time }.
over = Cette page n’est plus utilisable. Revenez à { $app } et recommencez.
offline = Pas de connexion. Vérifiez votre accès à Internet et réessayez.
failed = Cela n’a pas fonctionné. Réessayez dans un instant.
