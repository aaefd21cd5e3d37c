# Chinese, traditional
title = 身分驗證
title-phone = 確認您的電話號碼
title-email = 確認您的電子郵件地址
intro = { $app } 會傳送驗證碼給您，以確認它屬於您。
way = 您希望如何接收驗證碼？
sms = 簡訊
voice = 語音電話
whatsapp = WhatsApp
email = 電子郵件
country = 國家或地區
number = 電話號碼
address = 電子郵件地址
send = 傳送驗證碼
code-title = 輸入驗證碼
sent-sms = 我們已透過簡訊將驗證碼傳送至 { $to }。
sent-voice = 我們正在撥打 { $to }，為您播報驗證碼。
sent-whatsapp = 我們已透過 WhatsApp 將驗證碼傳送至 { $to }。
sent-email = 我們已將驗證碼傳送至 { $to }。如果找不到，請查看垃圾郵件。
code = 驗證碼
confirm = 確認
again = 重新傳送驗證碼
again-in = { $time } 後可以重新取得。
other-way = 用其他方式取得驗證碼：
back = 返回
wait = 請稍候…
done = 已確認
continue = 繼續
leave = 返回 { $app }
no-script = 請啟用 JavaScript：本頁面需要它。
wrong-number = 沒有這個號碼。請檢查數字和國家或地區。
wrong-address = 這不是電子郵件地址。請檢查是否有誤。
wrong-country = 不會傳送驗證碼至該國家或地區。
no-digits = 請輸入驗證碼的數字。
wrong-code =
    { $left ->
       *[other] 驗證碼不正確。 您還可以再試 { $left } 次。
    }
used-up = 錯誤次數過多。請取得新的驗證碼。
expired = 此驗證碼已過期。請取得新的驗證碼。
undelivered = 驗證碼未能送達。請檢查號碼或地址。
too-often = 嘗試次數過多。請在 { $time } 後重試。
over = 此頁面已無法使用。請返回 { $app } 重新開始。
offline = 沒有連線。請檢查網路後重試。
failed = 操作未成功。請稍後重試。
