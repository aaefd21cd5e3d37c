//! Single settings that faults need, as the environment variables that override the file.

/// Where the two providers' gateways are.
pub(crate) fn base_urls(urls: [String; 2]) -> [(&'static str, String); 2] {
    let [first, second] = urls;
    [
        ("OTPOST__PROVIDERS__TWILIO__BASE_URL", first),
        ("OTPOST__PROVIDERS__VONAGE__BASE_URL", second),
    ]
}

/// Bulk messages that one worker sends at the same time.
pub(crate) fn bulk_concurrency(slots: u32) -> (String, String) {
    ("OTPOST__WORKER__BULK_CONCURRENCY".to_owned(), slots.to_string())
}

/// A purpose whose codes live only so many seconds, and are not sent again before the last of them.
pub(crate) fn lifetime(purpose: &str, seconds: u32) -> [(String, String); 2] {
    let section = format!("OTPOST__PURPOSES__{}", purpose.to_uppercase());
    [
        (format!("{section}__LIFETIME_SECS"), seconds.to_string()),
        (format!("{section}__RESEND_AFTER_SECS"), seconds.saturating_sub(1).to_string()),
    ]
}

/// A provider whose silence about a code sends it on after so long.
pub(crate) fn fallback_after(provider: &str, seconds: u32) -> (String, String) {
    let section = format!("OTPOST__PROVIDERS__{}", provider.to_uppercase());
    (format!("{section}__FALLBACK_AFTER_SECS"), seconds.to_string())
}

/// A provider that may be called so often a second, and so often at once.
pub(crate) fn rate(provider: &str, per_second: u32, burst: u32) -> [(String, String); 2] {
    let section = format!("OTPOST__PROVIDERS__{}", provider.to_uppercase());
    [
        (format!("{section}__RATE"), format!("{per_second}/s")),
        (format!("{section}__BURST"), burst.to_string()),
    ]
}
