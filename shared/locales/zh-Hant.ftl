# Chinese, traditional
sms = 【{ $app }】您的驗證碼是{ $code }，{ $minutes }分鐘內有效。
email-title = { $app }驗證碼：{ $code }
email-text =
    您的{ $app }驗證碼：

    { $code }

    { $minutes }分鐘內有效。如果您沒有要求此驗證碼，無須進行任何操作。
speech = 您好，這裡是{ $app }。您的驗證碼是：{ $code }。
    .voice = cmn-TW
