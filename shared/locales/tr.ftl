# Turkish
sms = { $app } kodunuz: { $code }. Süre: { $minutes } dakika.
email-title = { $app } kodunuz: { $code }
email-text =
    { $app } kodunuz:

    { $code }

    { $minutes } dakika geçerlidir. Bu kodu siz istemediyseniz bir şey yapmanız gerekmez.
speech = Merhaba. Burası { $app }. Kodunuz: { $code }.
    .voice = tr-TR
