# Korean
title = 본인 확인
title-phone = 전화번호 확인
title-email = 이메일 주소 확인
intro = 본인의 것인지 확인하기 위해 { $app }에서 코드를 보냅니다.
way = 코드를 어떻게 받으시겠습니까?
sms = 문자 메시지(SMS)
voice = 전화
whatsapp = WhatsApp
email = 이메일
country = 국가 또는 지역
number = 전화번호
address = 이메일 주소
send = 코드 보내기
code-title = 코드 입력
sent-sms = { $to } 번호로 SMS 코드를 보냈습니다.
sent-voice = { $to } 번호로 전화를 걸어 코드를 읽어 드립니다.
sent-whatsapp = { $to } 번호로 WhatsApp 코드를 보냈습니다.
sent-email = { $to } 주소로 코드를 보냈습니다. 보이지 않으면 스팸함을 확인하세요.
code = 코드
confirm = 확인
again = 코드 다시 보내기
again-in = { $time } 후에 다시 요청할 수 있습니다.
other-way = 다른 방법으로 코드 받기:
back = 뒤로
wait = 잠시만요…
done = 확인되었습니다
continue = 계속
leave = { $app }(으)로 돌아가기
no-script = 이 페이지에는 JavaScript가 필요합니다. 켜 주세요.
wrong-number = 없는 번호입니다. 숫자와 국가를 확인하세요.
wrong-address = 이메일 주소가 아닙니다. 오타가 있는지 확인하세요.
wrong-country = 이 국가로는 코드를 보내지 않습니다.
no-digits = 코드의 숫자를 입력하세요.
wrong-code =
    { $left ->
       *[other] 코드가 맞지 않습니다. { $left }번 더 시도할 수 있습니다.
    }
used-up = 틀린 코드가 너무 많습니다. 새 코드를 받으세요.
expired = 코드가 만료되었습니다. 새 코드를 받으세요.
undelivered = 코드를 전달하지 못했습니다. 번호나 주소를 확인하세요.
too-often = 시도가 너무 많습니다. { $time } 후에 다시 시도하세요.
over = 이 페이지는 더 이상 사용할 수 없습니다. { $app }(으)로 돌아가 다시 시작하세요.
offline = 연결되지 않습니다. 인터넷 연결을 확인하고 다시 시도하세요.
failed = 처리하지 못했습니다. 잠시 후 다시 시도하세요.
