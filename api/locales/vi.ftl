# Vietnamese
title = Xác minh
title-phone = Xác nhận số điện thoại của bạn
title-email = Xác nhận địa chỉ email của bạn
intro = { $app } gửi cho bạn một mã để chắc chắn rằng đó là của bạn.
way = Bạn muốn nhận mã bằng cách nào?
sms = Tin nhắn (SMS)
voice = Cuộc gọi
whatsapp = WhatsApp
email = Email
country = Quốc gia hoặc khu vực
number = Số điện thoại
address = Địa chỉ email
send = Gửi mã
code-title = Nhập mã
sent-sms = Chúng tôi đã gửi mã qua SMS tới { $to }.
sent-voice = Chúng tôi đang gọi tới { $to } để đọc mã cho bạn.
sent-whatsapp = Chúng tôi đã gửi mã qua WhatsApp tới { $to }.
sent-email = Chúng tôi đã gửi mã tới { $to }. Nếu không thấy, hãy tìm trong thư rác.
code = Mã
confirm = Xác nhận
again = Gửi lại mã
again-in = Bạn có thể yêu cầu lại sau { $time }.
other-way = Nhận mã bằng cách khác:
back = Quay lại
wait = Xin chờ một chút…
done = Đã xác nhận
continue = Tiếp tục
leave = Quay lại { $app }
no-script = Vui lòng bật JavaScript: trang này cần nó.
wrong-number = Không có số này. Hãy kiểm tra các chữ số và quốc gia.
wrong-address = Đây không phải là địa chỉ email. Hãy kiểm tra lỗi gõ.
wrong-country = Mã không được gửi tới quốc gia này.
no-digits = Nhập các chữ số của mã.
wrong-code =
    { $left ->
       *[other] Mã không đúng. Bạn còn { $left } lần thử.
    }
used-up = Có quá nhiều mã sai. Hãy yêu cầu mã mới.
expired = Mã này đã hết hạn. Hãy yêu cầu mã mới.
undelivered = Không thể gửi mã tới nơi. Hãy kiểm tra số hoặc địa chỉ.
too-often = Quá nhiều lần thử. Hãy thử lại sau { $time }.
over = Trang này không còn dùng được nữa. Hãy quay lại { $app } và bắt đầu lại.
offline = Không có kết nối. Hãy kiểm tra internet và thử lại.
failed = Không thành công. Hãy thử lại sau giây lát.
