# Thai
sms = รหัส { $app } ของคุณคือ { $code } ใช้ได้ { $minutes } นาที
email-title = รหัส { $app } ของคุณคือ { $code }
email-text =
    รหัส { $app } ของคุณคือ

    { $code }

    รหัสนี้ใช้ได้ { $minutes } นาที หากคุณไม่ได้ขอรหัสนี้ ก็ไม่ต้องทำอะไร
speech = สวัสดี นี่คือ { $app } รหัสของคุณคือ { $code }
    .voice = th-TH
