# Hungarian
sms = { $app }-kód: { $code }. Érvényes: { $minutes } perc.
email-title = { $app }-kód: { $code }
email-text =
    Az Ön kódja ({ $app }):

    { $code }

    A kód { $minutes } percig érvényes. Ha nem Ön kérte, nincs teendője.
speech = Jó napot kívánok! { $app }. Az Ön kódja: { $code }.
    .voice = hu-HU
