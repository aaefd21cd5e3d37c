# Arabic
minutes =
    { $minutes ->
        [zero] { $minutes } دقيقة
        [one] دقيقة واحدة
        [two] دقيقتين
        [few] { $minutes } دقائق
        [many] { $minutes } دقيقة
       *[other] { $minutes } دقيقة
    }
sms = رمز { $app } هو { $code }. صالح لمدة { minutes }.
email-title = رمز { $app }: { $code }
email-text =
    رمز { $app } الخاص بك هو:

    { $code }

    وهو صالح لمدة { minutes }. إذا لم تطلبه، فلا داعي لفعل أي شيء.
speech = مرحباً. معك { $app }. رمزك هو: { $code }.
    .voice = ar-AE
