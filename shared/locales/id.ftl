# Indonesian
sms = { $code } adalah kode { $app } Anda. Berlaku { $minutes } menit.
email-title = { $code } adalah kode { $app } Anda
email-text =
    Kode { $app } Anda:

    { $code }

    Kode ini berlaku { $minutes } menit. Jika Anda tidak memintanya, Anda tidak perlu melakukan apa pun.
speech = Halo. Ini { $app }. Kode Anda adalah: { $code }.
    .voice = id-ID
