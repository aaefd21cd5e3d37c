# Chinese, simplified
sms = 【{ $app }】您的验证码是{ $code }，{ $minutes }分钟内有效。
email-title = { $app }验证码：{ $code }
email-text =
    您的{ $app }验证码：

    { $code }

    { $minutes }分钟内有效。如果您没有请求此验证码，无需进行任何操作。
speech = 您好，这里是{ $app }。您的验证码是：{ $code }。
    .voice = cmn-CN
