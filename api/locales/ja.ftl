# Japanese
title = 本人確認
title-phone = 電話番号の確認
title-email = メールアドレスの確認
intro = ご本人のものであることを確認するため、{ $app } からコードをお送りします。
way = コードの受け取り方法を選んでください
sms = SMS
voice = 電話
whatsapp = WhatsApp
email = メール
country = 国または地域
number = 電話番号
address = メールアドレス
send = コードを送信
code-title = コードを入力
sent-sms = { $to } に SMS でコードを送信しました。
sent-voice = { $to } に電話をかけ、コードを読み上げます。
sent-whatsapp = { $to } に WhatsApp でコードを送信しました。
sent-email = { $to } にコードを送信しました。見つからない場合は迷惑メールをご確認ください。
code = コード
confirm = 確認
again = コードを再送信
again-in = あと { $time } で再送信できます。
other-way = 別の方法でコードを受け取る：
back = 戻る
wait = お待ちください…
done = 確認できました
continue = 続ける
leave = { $app } に戻る
no-script = このページには JavaScript が必要です。有効にしてください。
wrong-number = この番号は存在しません。数字と国をご確認ください。
wrong-address = メールアドレスではありません。入力内容をご確認ください。
wrong-country = この国にはコードを送信していません。
no-digits = コードの数字を入力してください。
wrong-code =
    { $left ->
       *[other] コードが正しくありません。 あと { $left } 回入力できます。
    }
used-up = 間違ったコードが多すぎます。新しいコードを受け取ってください。
expired = このコードは期限切れです。新しいコードを受け取ってください。
undelivered = コードを届けられませんでした。番号またはアドレスをご確認ください。
too-often = 回数が多すぎます。{ $time } 後にもう一度お試しください。
over = このページはもう使えません。{ $app } に戻ってやり直してください。
offline = 接続できません。インターネット接続を確認して、もう一度お試しください。
failed = うまくいきませんでした。少し待ってからもう一度お試しください。
