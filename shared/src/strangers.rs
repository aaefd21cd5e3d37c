//! What strangers may get wrong: whoever checks codes without an API key is counted by address, or a new
//! verification would bring new guesses.

use std::net::IpAddr;

use uuid::Uuid;

use crate::{
    home::Home,
    limits::{Charge, Charged, Limited, Rule, Scope, client_key},
    recipient::Recipient,
    secrets::short_hex,
};

/// Somebody without an API key who says what the code of a number is.
#[derive(Clone, Debug)]
pub struct Stranger<'a> {
    pub tenant_id: Uuid,
    pub client: IpAddr,
    pub to: &'a Recipient,
    /// What one address may get wrong, about whichever number.
    pub wrong_per_client: &'a [Rule],
    /// What it may get wrong about one number, however many verifications that has.
    pub guesses: Rule,
}

/// What was wrong with a guess, as far as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Right, or not compared.
    None,
    /// There is no such verification.
    Token,
    Code,
}

/// The proof that one more guess was counted, to be settled once it is known what it was.
#[derive(Debug)]
#[must_use = "what is not settled stays counted"]
pub struct Counted {
    by_client: Charged,
    by_number: Charged,
}

/// Counts a guess before it is made, so that no more are compared than are allowed, however parallel.
///
/// # Errors
/// Which limit is used up: that of the number, or that of the client.
pub async fn count(home: &Home, stranger: &Stranger<'_>) -> Result<Counted, Limited> {
    let client = client_key(stranger.client);
    let about = format!("{client} {}", stranger.to.identity());
    let by_client =
        charge(home, stranger.tenant_id, (Scope::Client, &client), stranger.wrong_per_client)
            .await?;
    let guesses = [stranger.guesses];
    match charge(home, stranger.tenant_id, (Scope::Recipient, &about), &guesses).await {
        Ok(by_number) => Ok(Counted { by_client, by_number }),
        Err(limited) => {
            home.limiter.refund(by_client).await;
            Err(limited)
        }
    }
}

/// Gives back what was not wrong.
pub async fn settle(home: &Home, counted: Counted, fault: Fault) {
    if fault != Fault::Code {
        home.limiter.refund(counted.by_number).await;
    }
    if fault == Fault::None {
        home.limiter.refund(counted.by_client).await;
    }
}

async fn charge(
    home: &Home,
    tenant_id: Uuid,
    (scope, counted): (Scope, &str),
    rules: &[Rule],
) -> Result<Charged, Limited> {
    // Not even Redis needs to know who calls.
    let key = format!("guess:{}", short_hex(&home.keys.recipient_hash(tenant_id, counted)));
    let charges = [Charge::new(scope, key, rules)];
    home.limiter.charge(tenant_id, &charges, None, home.clock.now()).await
}
