# Greek
minutes =
    { $minutes ->
        [one] { $minutes } λεπτό
       *[other] { $minutes } λεπτά
    }
sms = Κωδικός { $app }: { $code }. Ισχύει { minutes }.
email-title = Κωδικός { $app }: { $code }
email-text =
    Ο κωδικός σας για { $app } είναι:

    { $code }

    Ισχύει για { minutes }. Αν δεν τον ζητήσατε, δεν χρειάζεται να κάνετε τίποτα.
speech = Γεια σας. Εδώ { $app }. Ο κωδικός σας είναι: { $code }.
    .voice = el-GR
