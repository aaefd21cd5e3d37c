# Indonesian
title = Verifikasi
title-phone = Konfirmasi nomor telepon Anda
title-email = Konfirmasi alamat email Anda
intro = { $app } mengirim kode kepada Anda untuk memastikan bahwa itu milik Anda.
way = Bagaimana Anda ingin menerima kode?
sms = Pesan teks (SMS)
voice = Panggilan telepon
whatsapp = WhatsApp
email = Email
country = Negara atau wilayah
number = Nomor telepon
address = Alamat email
send = Kirim kode
code-title = Masukkan kode
sent-sms = Kami mengirim kode lewat SMS ke { $to }.
sent-voice = Kami menelepon { $to } untuk membacakan kode kepada Anda.
sent-whatsapp = Kami mengirim kode lewat WhatsApp ke { $to }.
sent-email = Kami mengirim kode ke { $to }. Jika tidak menemukannya, periksa folder spam.
code = Kode
confirm = Konfirmasi
again = Kirim ulang kode
again-in = Anda dapat memintanya lagi dalam { $time }.
other-way = Terima kode dengan cara lain:
back = Kembali
wait = Sebentar…
done = Terkonfirmasi
continue = Lanjutkan
leave = Kembali ke { $app }
no-script = Aktifkan JavaScript: halaman ini memerlukannya.
wrong-number = Nomor ini tidak ada. Periksa angka dan negaranya.
wrong-address = Ini bukan alamat email. Periksa kesalahan ketik.
wrong-country = Kode tidak dikirim ke negara ini.
no-digits = Masukkan angka kode.
wrong-code =
    { $left ->
       *[other] Kode tidak benar. Anda dapat mencoba { $left } kali lagi.
    }
used-up = Terlalu banyak kode salah. Minta kode baru.
expired = Kode ini sudah kedaluwarsa. Minta kode baru.
undelivered = Kode tidak dapat diantarkan. Periksa nomor atau alamatnya.
too-often = Terlalu banyak percobaan. Coba lagi dalam { $time }.
over = Halaman ini tidak dapat digunakan lagi. Kembali ke { $app } dan mulai lagi.
offline = Tidak ada koneksi. Periksa akses internet Anda dan coba lagi.
failed = Tidak berhasil. Coba lagi sebentar lagi.
