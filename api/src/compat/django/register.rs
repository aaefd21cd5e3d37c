//! `POST …/register`: sends a code. Whoever registers a number again is sent another one; those before,
//! which may be somebody else's, count as before.

use axum::{
    Extension,
    extract::{Request, State},
    http::{HeaderMap, header},
};
use otpost_shared::{
    channel::Channel,
    texts::{Asked, Locale},
    verification::{self, NewVerification, Terms, Variables},
};

use super::{Speaker, answer::Answer, endpoint::REGISTER, fields::Form};
use crate::{App, client::ClientAddress};

/// Somebody may enable the tenant again.
const DISABLED_MS: i64 = 60_000;

pub(super) async fn register(
    State(app): State<App>,
    Extension(speaker): Extension<Speaker>,
    ClientAddress(client): ClientAddress,
    request: Request,
) -> Result<Answer, Answer> {
    let home = &app.home;
    let locale = language(request.headers());
    let mut form = Form::new(REGISTER.open(request).await?);
    let Some(to) = form.phone(home) else { return Err(form.refusal()) };
    let django = &home.config.compat.django;
    let tenant_id = speaker.tenant_id(home).await?;
    if home.is_disabled(tenant_id).await? {
        return Err(Answer::put_off(DISABLED_MS));
    }
    let new = NewVerification {
        tenant_id,
        to,
        channel: Channel::Sms,
        purpose: django.purpose.clone(),
        subject: None,
        variables: Variables::new(),
        metadata: None,
        locale,
        client: Some(client),
        code: None,
        then: None,
        decoy: false,
        idempotency_key: None,
    };
    // Whoever asks has no API key, and is not to learn who opted out.
    let terms = Terms {
        recipient_rules: Some(&django.recipient),
        hides_opt_outs: true,
        ..Terms::default()
    };
    let accepted = verification::accept_on_terms(home, new, &terms).await?;
    Ok(Answer::registered(accepted.session_token))
}

/// The first item of `Accept-Language` alone, whatever its weight: when there are no words in it, those of
/// the usual language are said, as the original does it.
fn language(headers: &HeaderMap) -> Asked {
    let header = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let first = header.and_then(|text| text.split([',', ';']).next());
    Asked::new(first.and_then(|tag| Locale::parse_lossy(tag.trim())), None)
}
