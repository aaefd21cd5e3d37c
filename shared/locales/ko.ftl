# Korean
sms = [{ $app }] 인증번호 { $code } ({ $minutes }분간 유효)
email-title = [{ $app }] 인증번호 { $code }
email-text =
    { $app } 인증번호:

    { $code }

    { $minutes }분간 유효합니다. 요청하지 않으셨다면 아무것도 하지 않으셔도 됩니다.
speech = 안녕하세요. { $app }입니다. 인증번호는 { $code }입니다.
    .voice = ko-KR
