# Persian
sms = کد { $app }: { $code }. تا { $minutes } دقیقه معتبر است.
email-title = کد { $app }: { $code }
email-text =
    کد شما برای { $app }:

    { $code }

    این کد تا { $minutes } دقیقه معتبر است. اگر آن را درخواست نکرده‌اید، لازم نیست کاری انجام دهید.
speech = سلام. اینجا { $app } است. کد شما: { $code }.
    .voice = fa-IR
