# Vietnamese
sms = Mã { $app }: { $code }. Hiệu lực { $minutes } phút.
email-title = { $code } là mã { $app } của bạn
email-text =
    Mã { $app } của bạn là:

    { $code }

    Mã có hiệu lực trong { $minutes } phút. Nếu bạn không yêu cầu mã này, bạn không cần làm gì.
speech = Xin chào. Đây là { $app }. Mã của bạn là: { $code }.
    .voice = vi-VN
