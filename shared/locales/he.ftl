# Hebrew
minutes =
    { $minutes ->
        [one] דקה אחת
        [two] שתי דקות
       *[other] { $minutes } דקות
    }
sms = קוד { $app }: { $code }. תוקף: { minutes }.
email-title = קוד { $app }: { $code }
email-text =
    הקוד שלך עבור { $app } הוא:

    { $code }

    תוקפו { minutes }. אם לא ביקשת אותו, אין צורך לעשות דבר.
speech = שלום. כאן { $app }. הקוד שלך הוא: { $code }.
    .voice = he-IL
