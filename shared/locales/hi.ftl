# Hindi
sms = { $app } कोड: { $code }। { $minutes } मिनट तक मान्य।
email-title = { $code } आपका { $app } कोड है
email-text =
    आपका { $app } कोड है:

    { $code }

    यह { $minutes } मिनट तक मान्य है। अगर आपने इसे नहीं माँगा, तो आपको कुछ करने की ज़रूरत नहीं है।
speech = नमस्ते। यह { $app } है। आपका कोड है: { $code }।
    .voice = hi-IN
