//! `POST …/register`: sends a code. Whoever registers a number again is sent another one; those before,
//! which may be somebody else's, count as before.

use std::net::IpAddr;

use axum::{
    Extension,
    extract::{Request, State},
};
use otpost_shared::{
    Home,
    channel::Channel,
    recipient::Recipient,
    verification::{self, NewVerification, Variables},
};
use uuid::Uuid;

use super::{Speaker, answer::Answer, endpoint::REGISTER, fields::Form};
use crate::{App, client::ClientAddress};

pub(super) async fn register(
    State(app): State<App>,
    Extension(speaker): Extension<Speaker>,
    ClientAddress(client): ClientAddress,
    request: Request,
) -> Result<Answer, Answer> {
    let home = &app.home;
    let mut form = Form::new(REGISTER.open(request).await?);
    let Some(to) = form.phone(home) else { return Err(form.refusal()) };
    let new = new_verification(home, speaker.tenant_id(home).await?, to, client);
    let rules = &home.config.compat.django.recipient;
    let accepted = verification::accept_under(home, new, rules).await?;
    Ok(Answer::registered(accepted.session_token))
}

/// The place for a language, once a verification has one. The original looks at the first item of
/// `Accept-Language` alone, without what follows its semicolon: `es-MX` is `es-MX` or else `es`, and anything
/// there is no text in, or an empty item, is the usual text, whatever items follow.
fn new_verification(
    home: &Home,
    tenant_id: Uuid,
    to: Recipient,
    client: IpAddr,
) -> NewVerification {
    NewVerification {
        tenant_id,
        to,
        channel: Channel::Sms,
        purpose: home.config.compat.django.purpose.clone(),
        subject: None,
        variables: Variables::new(),
        metadata: None,
        client: Some(client),
        code: None,
        then: Vec::new(),
        idempotency_key: None,
    }
}
