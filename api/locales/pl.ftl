# Polish
title = Weryfikacja
title-phone = Potwierdź swój numer telefonu
title-email = Potwierdź swój adres e-mail
intro = { $app } wyśle Ci kod, aby upewnić się, że należy do Ciebie.
way = Jak chcesz otrzymać kod?
sms = SMS
voice = Połączenie telefoniczne
whatsapp = WhatsApp
email = E-mail
country = Kraj lub region
number = Numer telefonu
address = Adres e-mail
send = Wyślij kod
code-title = Wpisz kod
sent-sms = Wysłaliśmy kod SMS-em na numer { $to }.
sent-voice = Dzwonimy na numer { $to }, aby przeczytać Ci kod.
sent-whatsapp = Wysłaliśmy kod przez WhatsApp na numer { $to }.
sent-email = Wysłaliśmy kod na adres { $to }. Jeśli go nie widzisz, zajrzyj do spamu.
code = Kod
confirm = Potwierdź
again = Wyślij kod ponownie
again-in = Możesz poprosić o niego ponownie za { $time }.
other-way = Otrzymaj kod w inny sposób:
back = Wstecz
wait = Chwileczkę…
done = Potwierdzono
continue = Dalej
leave = Wróć do { $app }
no-script = Włącz JavaScript: ta strona go potrzebuje.
wrong-number = Nie ma takiego numeru. Sprawdź cyfry i kraj.
wrong-address = To nie jest adres e-mail. Sprawdź, czy nie ma literówek.
wrong-country = Do tego kraju nie wysyłamy kodów.
no-digits = Wpisz cyfry kodu.
wrong-code =
    { $left ->
        [one] Kod jest nieprawidłowy. Masz jeszcze jedną próbę.
        [few] Kod jest nieprawidłowy. Masz jeszcze { $left } próby.
        [many] Kod jest nieprawidłowy. Masz jeszcze { $left } prób.
       *[other] Kod jest nieprawidłowy. Masz jeszcze { $left } próby.
    }
used-up = Wpisano zbyt wiele błędnych kodów. Poproś o nowy.
expired = Ten kod wygasł. Poproś o nowy.
undelivered = Nie udało się dostarczyć kodu. Sprawdź numer lub adres.
too-often = Zbyt wiele prób. Spróbuj ponownie za { $time }.
over = Tej strony nie można już użyć. Wróć do { $app } i zacznij od nowa.
offline = Brak połączenia. Sprawdź dostęp do internetu i spróbuj ponownie.
failed = Nie udało się. Spróbuj ponownie za chwilę.
