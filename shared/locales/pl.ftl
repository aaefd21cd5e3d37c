# Polish
minutes =
    { $minutes ->
        [one] { $minutes } minutę
        [few] { $minutes } minuty
        [many] { $minutes } minut
       *[other] { $minutes } minuty
    }
sms = Kod { $app }: { $code }. Wygasa za { $minutes } min.
email-title = Kod { $app }: { $code }
email-text =
    Twój kod { $app }:

    { $code }

    Wygasa za { minutes }. Jeśli ta wiadomość nie dotyczy Ciebie, nie musisz nic robić.
speech = Dzień dobry. Tu { $app }. Twój kod to: { $code }.
    .voice = pl-PL
