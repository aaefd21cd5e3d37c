# English
minutes =
    { $minutes ->
        [one] { $minutes } minute
       *[other] { $minutes } minutes
    }
sms = { $code } is your { $app } code. It is valid for { minutes }.
email-title = { $code } is your { $app } code
email-text =
    Your { $app } code is:

    { $code }

    It is valid for { minutes }. If you did not ask for it, you need not do anything.
speech = Hello. This is { $app }. Your code is: { $code }.
    .voice = en-US
