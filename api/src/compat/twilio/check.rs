//! `POST …/VerificationCheck`: is this the code? A wrong one is no error.

use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
};
use otpost_shared::{
    Home,
    channel::Channel,
    clock::{Millis, whole_seconds},
    secrets::{Code, Handle},
    verification::{self, CheckAnswer, CheckRequest, Status, Verification},
    verify_service::Sid,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    caller::InService,
    fault::Fault,
    form::Form,
    verifications::{find, named, paid, payment, word_for, word_of},
};
use crate::App;

#[derive(Debug, Serialize)]
pub(super) struct CheckView {
    sid: String,
    service_sid: String,
    account_sid: String,
    /// As the request named it; else masked.
    to: String,
    channel: &'static str,
    status: &'static str,
    valid: bool,
    amount: Option<String>,
    payee: Option<String>,
    sna_attempts_error_codes: Option<Value>,
    date_created: String,
    date_updated: String,
}

pub(super) async fn check(
    State(app): State<App>,
    of: InService,
    request: Request,
) -> Result<(StatusCode, Json<CheckView>), Fault> {
    let home = &app.home;
    let form = Form::read(request).await?;
    let key = form.text("VerificationSid").or(form.text("To")).ok_or_else(Fault::no_recipient)?;
    let (code, payment) = (form.required("Code")?, payment(&of.service, &form)?);
    let row = find(home, &of, key).await?;
    let named = form.text("To").map(|to| named(home, to).ok_or_else(|| of.not_found()));
    let to = named.transpose()?;
    let request = CheckRequest {
        tenant_id: of.account.tenant_id,
        // Names the row; nobody has the secret.
        token: Handle::generate(row.id),
        code: Code::normalised(code).unwrap_or_else(|| Code::new(code.to_owned())),
        to: to.clone(),
        subject: payment.map(|payment| json!(payment).to_string()),
        idempotency_key: None,
    };
    let status = status_after(&verification::check_known(home, request).await?, &of)?;
    let to = to.map(|to| to.address().to_owned());
    Ok((StatusCode::CREATED, Json(view(home, &of, &row, (status, home.clock.now()), to)?)))
}

fn status_after(answer: &CheckAnswer, of: &InService) -> Result<Status, Fault> {
    match answer {
        CheckAnswer::Verified { .. } => Ok(Status::Verified),
        // The last one that is compared is told like those before; from then on it is over.
        CheckAnswer::Incorrect { .. } => Ok(Status::Pending),
        CheckAnswer::BudgetSpent { .. } | CheckAnswer::Over(Status::Locked) => {
            Err(Fault::checks_used_up())
        }
        // Here a code counts once, whatever the policy says.
        CheckAnswer::VerifiedAgain { .. } | CheckAnswer::Over(_) | CheckAnswer::NotFound => {
            Err(of.not_found())
        }
    }
}

fn view(
    home: &Home,
    of: &InService,
    row: &Verification,
    (status, at): (Status, Millis),
    to: Option<String>,
) -> Result<CheckView, Fault> {
    let (amount, payee) = paid(home, row)?;
    Ok(CheckView {
        sid: Sid::Verification.write(row.id),
        service_sid: of.sid(),
        account_sid: of.account.sid(),
        to: to.map_or_else(|| row.recipient(&home.keys).map(|to| to.masked()), Ok)?,
        channel: word_for(Channel::parse(&row.channel).unwrap_or_default()),
        status: word_of(status),
        valid: status == Status::Verified,
        amount,
        payee,
        sna_attempts_error_codes: None,
        date_created: whole_seconds(row.created_at),
        date_updated: whole_seconds(at),
    })
}
