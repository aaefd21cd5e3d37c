//! What an HTTP status means where the answer's body does not say it better.

use otpost_shared::outcome::ErrorClass;

/// Refused for a reason nobody listed. Nothing was sent, repeating it here is useless, another
/// provider may do better and the operator should look: that is what a refused sender gets.
pub(super) const REFUSED: ErrorClass = ErrorClass::Sender;

/// The class of a status on its own. 2xx is unknown: whoever asks could not read the body.
pub(super) fn class_of_status(status: u16) -> ErrorClass {
    match status {
        // A redirect, or a path or method that is not there, is a wrong address in the
        // configuration: nothing of ours gets through until someone corrects it.
        300..=399 | 401..=405 | 407 | 410 => ErrorClass::Account,
        // 408 says the request came too late, but timeout layers in front of a handler use it
        // for an answer that came too late. 409 may be the echo of an earlier try of ours.
        // 502 and 504 (520, 522 and 524 at Cloudflare) are said by something between us and the
        // gateway after it passed the request on: the gateway may have sent the message while
        // its answer got lost.
        408 | 409 | 502 | 504 | 520 | 522 | 524 => ErrorClass::Unknown,
        413 => ErrorClass::Content,
        429 => ErrorClass::Throttled,
        // Too early; or the gateway's own word that it failed, or a balancer's that it has none.
        425 | 500..=599 => ErrorClass::Transient,
        400..=499 => REFUSED,
        _ => ErrorClass::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::class_of_status;
    use otpost_shared::outcome::ErrorClass;

    #[test]
    fn statuses() {
        for (status, class) in [
            (200, ErrorClass::Unknown),
            (204, ErrorClass::Unknown),
            (302, ErrorClass::Account),
            (400, ErrorClass::Sender),
            (401, ErrorClass::Account),
            (402, ErrorClass::Account),
            (403, ErrorClass::Account),
            (404, ErrorClass::Account),
            (408, ErrorClass::Unknown),
            (409, ErrorClass::Unknown),
            (413, ErrorClass::Content),
            (422, ErrorClass::Sender),
            (429, ErrorClass::Throttled),
            (500, ErrorClass::Transient),
            (502, ErrorClass::Unknown),
            (503, ErrorClass::Transient),
            (504, ErrorClass::Unknown),
            (599, ErrorClass::Transient),
            (999, ErrorClass::Unknown),
        ] {
            assert_eq!(class_of_status(status), class, "{status}");
        }
    }
}
