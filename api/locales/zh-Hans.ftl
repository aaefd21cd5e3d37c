# Chinese, simplified
title = 身份验证
title-phone = 确认您的手机号码
title-email = 确认您的邮箱地址
intro = { $app } 会向您发送验证码，以确认它属于您。
way = 您希望如何接收验证码？
sms = 短信
voice = 语音电话
whatsapp = WhatsApp
email = 邮件
country = 国家或地区
number = 手机号码
address = 邮箱地址
send = 发送验证码
code-title = 输入验证码
sent-sms = 我们已通过短信向 { $to } 发送验证码。
sent-voice = 我们正在拨打 { $to }，为您播报验证码。
sent-whatsapp = 我们已通过 WhatsApp 向 { $to } 发送验证码。
sent-email = 我们已向 { $to } 发送验证码。如果没有找到，请查看垃圾邮件。
code = 验证码
confirm = 确认
again = 重新发送验证码
again-in = { $time } 后可以重新获取。
other-way = 用其他方式获取验证码：
back = 返回
wait = 请稍候…
done = 已确认
continue = 继续
leave = 返回 { $app }
no-script = 请启用 JavaScript：本页面需要它。
wrong-number = 没有这个号码。请检查数字和国家或地区。
wrong-address = 这不是邮箱地址。请检查是否有误。
wrong-country = 不向该国家或地区发送验证码。
no-digits = 请输入验证码的数字。
wrong-code =
    { $left ->
       *[other] 验证码不正确。 您还可以再试 { $left } 次。
    }
used-up = 错误次数过多。请获取新的验证码。
expired = 此验证码已过期。请获取新的验证码。
undelivered = 验证码未能送达。请检查号码或地址。
too-often = 尝试次数过多。请在 { $time } 后重试。
over = 此页面已无法使用。请返回 { $app } 重新开始。
offline = 没有连接。请检查网络后重试。
failed = 操作未成功。请稍后重试。
