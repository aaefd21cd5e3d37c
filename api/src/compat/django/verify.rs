//! `POST …/verify`: is this the code that was sent to this number with this token?

use std::net::IpAddr;

use axum::{
    Extension,
    extract::{Request, State},
};
use otpost_shared::{
    Home,
    db::DbError,
    limits::{Rule, Scope},
    recipient::Recipient,
    secrets::{Code, Handle},
    strangers::{self, Fault, Stranger},
    verification::{self, CheckAnswer, CheckRequest, Status},
};
use uuid::Uuid;

use super::{
    Speaker,
    answer::{ALREADY_VERIFIED, Answer, EXPIRED, NOT_VALID, TOO_MANY},
    endpoint::VERIFY,
    fields::Form,
};
use crate::{App, client::ClientAddress};

/// What makes a right code right again, where it does not count once.
const REPEATED: &str = "django-phone-verify";

/// What is presented, as texts that are of the right form.
struct Presented {
    to: Recipient,
    token: String,
    code: String,
}

pub(super) async fn verify(
    State(app): State<App>,
    Extension(speaker): Extension<Speaker>,
    ClientAddress(client): ClientAddress,
    request: Request,
) -> Result<Answer, Answer> {
    let home = &app.home;
    let presented = read(home, request).await?;
    let tenant_id = speaker.tenant_id(home).await?;
    let stranger = stranger(home, tenant_id, client, &presented.to)?;
    let counted = match strangers::count(home, &stranger).await {
        Ok(counted) => counted,
        Err(limited) if limited.scope == Scope::Recipient => {
            return Err(Answer::refused(TOO_MANY));
        }
        Err(limited) => return Err(Answer::throttled(limited.wait_ms)),
    };
    let checked = check(home, tenant_id, presented).await;
    let fault = checked.as_ref().map_or(Fault::None, Found::fault);
    strangers::settle(home, counted, fault).await;
    checked?.answer()
}

async fn read(home: &Home, request: Request) -> Result<Presented, Answer> {
    let mut form = Form::new(VERIFY.open(request).await?);
    // In this order, in which the errors are told.
    let to = form.phone(home);
    let (token, code) = (form.text("session_token"), form.text("security_code"));
    match (to, token, code) {
        (Some(to), Some(token), Some(code)) => Ok(Presented { to, token, code }),
        _ => Err(form.refusal()),
    }
}

fn stranger<'a>(
    home: &'a Home,
    tenant_id: Uuid,
    client: IpAddr,
    to: &'a Recipient,
) -> Result<Stranger<'a>, Answer> {
    let django = &home.config.compat.django;
    let Some(policy) = home.config.purposes.get(&django.purpose) else {
        tracing::error!("there is no purpose of the name in compat.django.purpose");
        return Err(Answer::failed());
    };
    let window_ms = i64::from(policy.lifetime_secs) * 1_000;
    let guesses = Rule { count: policy.guesses, window_ms };
    Ok(Stranger { tenant_id, client, to, wrong_per_client: &django.wrong_per_client, guesses })
}

/// What became of a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Right,
    WrongCode,
    NoSuchToken,
    /// Nothing was compared; this is said.
    Over(&'static str),
}

impl Found {
    fn fault(&self) -> Fault {
        match self {
            Self::Right | Self::Over(_) => Fault::None,
            Self::WrongCode => Fault::Code,
            Self::NoSuchToken => Fault::Token,
        }
    }

    fn answer(self) -> Result<Answer, Answer> {
        match self {
            Self::Right => Ok(Answer::verified()),
            // Which of the two it is must not be told.
            Self::WrongCode | Self::NoSuchToken => Err(Answer::refused(NOT_VALID)),
            Self::Over(said) => Err(Answer::refused(said)),
        }
    }
}

async fn check(home: &Home, tenant_id: Uuid, presented: Presented) -> Result<Found, DbError> {
    let Some(token) = Handle::parse(&presented.token) else { return Ok(Found::NoSuchToken) };
    let (id, once) = (token.id, home.config.compat.django.once);
    let request = CheckRequest {
        tenant_id,
        token,
        // As it is: what is no code is a wrong one.
        code: Code::new(presented.code),
        to: Some(presented.to),
        subject: None,
        idempotency_key: (!once).then(|| REPEATED.to_owned()),
    };
    let found = found(&verification::check(home, request).await?, once);
    if found == Found::Right && !once && is_past(home, id).await? {
        return Ok(Found::Over(EXPIRED));
    }
    Ok(found)
}

/// The place for verifications that can be used again by themselves: until there are such, a code that
/// may count again is one that is presented again with the same key.
fn found(answer: &CheckAnswer, once: bool) -> Found {
    match answer {
        CheckAnswer::Over(Status::Verified) if once => Found::Over(ALREADY_VERIFIED),
        CheckAnswer::Verified { .. } => Found::Right,
        // Where it may count again, the right code would have been right.
        CheckAnswer::Incorrect { .. } | CheckAnswer::Over(Status::Verified) => Found::WrongCode,
        CheckAnswer::NotFound => Found::NoSuchToken,
        CheckAnswer::BudgetSpent { .. } | CheckAnswer::Over(Status::Locked) => {
            Found::Over(TOO_MANY)
        }
        CheckAnswer::Over(Status::Canceled) => Found::Over(NOT_VALID),
        CheckAnswer::Over(Status::Expired | Status::Failed | Status::Pending) => {
            Found::Over(EXPIRED)
        }
    }
}

/// True when the time of a verification is over, whatever became of it.
async fn is_past(home: &Home, id: Uuid) -> Result<bool, DbError> {
    let row = verification::find(&home.db, id).await?;
    Ok(row.is_none_or(|row| row.expires_at <= home.clock.now()))
}
