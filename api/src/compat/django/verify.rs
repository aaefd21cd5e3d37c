//! `POST …/verify`: is this the code that was sent to this number with this token?

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
    strangers::{self, Fault, Stranger, Surface},
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
    let stranger = Stranger {
        surface: Surface::Django,
        tenant_id,
        client,
        to: &presented.to,
        wrong_per_client: &home.config.compat.django.wrong_per_client,
        guesses: guesses(home, tenant_id).await?,
    };
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

/// How many wrong ones an address has per number while a code counts.
async fn guesses(home: &Home, tenant_id: Uuid) -> Result<Rule, Answer> {
    let settings = home.settings.now(&home.db, home.clock.now()).await?;
    let policy = settings.policy(tenant_id, &home.config.compat.django.purpose);
    let Some(policy) = policy else {
        tracing::error!("there is no purpose of the name in compat.django.purpose");
        return Err(Answer::failed());
    };
    Ok(Rule { count: policy.guesses, window_ms: i64::from(policy.lifetime_secs) * 1_000 })
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
    let request = CheckRequest {
        tenant_id,
        token,
        // As it is: what is no code is a wrong one.
        code: Code::new(presented.code),
        to: Some(presented.to),
        subject: None,
        idempotency_key: None,
    };
    Ok(match verification::check(home, request).await? {
        CheckAnswer::Verified { .. } | CheckAnswer::VerifiedAgain { .. } => Found::Right,
        CheckAnswer::Incorrect { .. } => Found::WrongCode,
        CheckAnswer::NotFound => Found::NoSuchToken,
        CheckAnswer::BudgetSpent { .. } => Found::Over(TOO_MANY),
        CheckAnswer::Over(status) => Found::Over(match status {
            Status::Verified => ALREADY_VERIFIED,
            Status::Locked => TOO_MANY,
            Status::Canceled => NOT_VALID,
            Status::Expired | Status::Failed | Status::Pending => EXPIRED,
        }),
    })
}
