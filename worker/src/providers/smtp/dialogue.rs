//! One e-mail over a connection, step by step, so that it is known how far it got.

use lettre::transport::smtp::{
    client::AsyncSmtpConnection,
    commands::{Data, Mail, Rcpt},
    response::Response,
};

use super::{
    compose::Letter,
    reply::{Refusal, Stage},
};

/// The reply that asks for the e-mail.
const GO_ON: u16 = 354;

/// Says who sends.
pub(super) async fn begin(
    connection: &mut AsyncSmtpConnection,
    letter: &Letter,
) -> Result<(), Refusal> {
    let mail = Mail::new(Some(letter.from.clone()), Vec::new());
    let said = connection.command(mail).await;
    said.map(drop).map_err(|error| Refusal::of(Stage::Sender, &error))
}

/// Says to whom, and asks to be listened to. Until here nothing is sent.
pub(super) async fn announce(
    connection: &mut AsyncSmtpConnection,
    letter: &Letter,
) -> Result<(), Refusal> {
    let rcpt = Rcpt::new(letter.to.clone(), Vec::new());
    let said = connection.command(rcpt).await;
    said.map_err(|error| Refusal::of(Stage::Recipient, &error))?;
    let said = connection.command(Data).await;
    let reply = said.map_err(|error| Refusal::of(Stage::Data, &error))?;
    if reply.has_code(GO_ON) { Ok(()) } else { Err(Refusal::odd(Stage::Data, &reply)) }
}

/// Hands the e-mail over. Whoever loses the connection here cannot tell whether it was taken.
pub(super) async fn hand_over(
    connection: &mut AsyncSmtpConnection,
    letter: &Letter,
) -> Result<Response, Refusal> {
    let said = connection.message(&letter.bytes).await;
    said.map_err(|error| Refusal::of(Stage::Content, &error))
}
