# Japanese
sms = { $app }の認証コード: { $code }（{ $minutes }分間有効）
email-title = { $app }の認証コード: { $code }
email-text =
    { $app }の認証コード:

    { $code }

    有効期限は{ $minutes }分です。お心当たりがない場合は、何もする必要はありません。
speech = こちらは{ $app }です。認証コードは、{ $code }、です。
    .voice = ja-JP
