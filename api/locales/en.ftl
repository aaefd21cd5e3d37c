# English
title = Verification
title-phone = Confirm your phone number
title-email = Confirm your e-mail address
intro = { $app } sends you a code to make sure that it is yours.
way = How should the code reach you?
sms = Text message (SMS)
voice = Phone call
whatsapp = WhatsApp
email = E-mail
country = Country or region
number = Phone number
address = E-mail address
send = Send code
code-title = Enter the code
sent-sms = We sent a code to { $to } by SMS.
sent-voice = We are calling { $to } to read a code out to you.
sent-whatsapp = We sent a code to { $to } by WhatsApp.
sent-email = We sent a code to { $to }. If you cannot find it, look among the spam.
code = Code
confirm = Confirm
again = Send the code again
again-in = You can ask for it again in { $time }.
other-way = Get the code another way:
back = Back
wait = One moment…
done = Confirmed
continue = Continue
leave = Back to { $app }
no-script = Please turn JavaScript on: this page needs it.
wrong-number = There is no such number. Check the digits and the country.
wrong-address = This is not an e-mail address. Check it for typing errors.
wrong-country = Codes are not sent to this country.
no-digits = Enter the digits of the code.
wrong-code =
    { $left ->
        [one] The code is not right. You have one more try.
       *[other] The code is not right. You have { $left } more tries.
    }
used-up = There were too many wrong codes. Get a new one.
expired = This code has expired. Get a new one.
undelivered = The code could not be delivered. Check the number or address.
too-often = Too many tries. Try again in { $time }.
over = This page can no longer be used. Go back to { $app } and start again.
offline = There is no connection. Check your internet access and try again.
failed = That did not work. Try again in a moment.
