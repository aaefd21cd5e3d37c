# Turkish
title = Doğrulama
title-phone = Telefon numaranızı onaylayın
title-email = E-posta adresinizi onaylayın
intro = { $app }, size ait olduğundan emin olmak için bir kod gönderir.
way = Kodu nasıl almak istersiniz?
sms = Kısa mesaj (SMS)
voice = Telefon araması
whatsapp = WhatsApp
email = E-posta
country = Ülke veya bölge
number = Telefon numarası
address = E-posta adresi
send = Kodu gönder
code-title = Kodu girin
sent-sms = { $to } numarasına SMS ile bir kod gönderdik.
sent-voice = Size bir kod okumak için { $to } numarasını arıyoruz.
sent-whatsapp = { $to } numarasına WhatsApp ile bir kod gönderdik.
sent-email = { $to } adresine bir kod gönderdik. Bulamazsanız spam klasörüne bakın.
code = Kod
confirm = Onayla
again = Kodu yeniden gönder
again-in = { $time } sonra yeniden isteyebilirsiniz.
other-way = Kodu başka bir yolla alın:
back = Geri
wait = Bir dakika…
done = Onaylandı
continue = Devam
leave = { $app } sayfasına dön
no-script = Lütfen JavaScript'i açın: bu sayfa için gereklidir.
wrong-number = Böyle bir numara yok. Rakamları ve ülkeyi kontrol edin.
wrong-address = Bu bir e-posta adresi değil. Yazım hatalarını kontrol edin.
wrong-country = Bu ülkeye kod gönderilmiyor.
no-digits = Kodun rakamlarını girin.
wrong-code =
    { $left ->
        [one] Kod doğru değil. { $left } deneme hakkınız kaldı.
       *[other] Kod doğru değil. { $left } deneme hakkınız kaldı.
    }
used-up = Çok fazla yanlış kod girildi. Yeni bir kod isteyin.
expired = Bu kodun süresi doldu. Yeni bir kod isteyin.
undelivered = Kod teslim edilemedi. Numarayı veya adresi kontrol edin.
too-often = Çok fazla deneme. { $time } sonra yeniden deneyin.
over = Bu sayfa artık kullanılamaz. { $app } sayfasına dönüp yeniden başlayın.
offline = Bağlantı yok. İnternet erişiminizi kontrol edip yeniden deneyin.
failed = Olmadı. Birazdan yeniden deneyin.
