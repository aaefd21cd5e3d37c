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

/// Where they call; each counts by itself, since each has rules of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    Django,
    Page,
}

impl Surface {
    fn as_str(self) -> &'static str {
        match self {
            Self::Django => "django",
            Self::Page => "page",
        }
    }
}

/// Somebody without an API key who says what the code of a number is.
#[derive(Clone, Debug)]
pub struct Stranger<'a> {
    pub surface: Surface,
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

/// Counts a guess by the address it comes from before it is made, so that no more are compared than are
/// allowed, however parallel. Whoever calls gives back what was not wrong.
///
/// # Errors
/// The limit is used up.
pub async fn count_client(
    home: &Home,
    surface: Surface,
    tenant_id: Uuid,
    client: IpAddr,
    rules: &[Rule],
) -> Result<Charged, Limited> {
    charge(home, tenant_id, (surface, Scope::Client, &client_key(client)), rules).await
}

/// As [`count_client`], and by the number that it is about.
///
/// # Errors
/// Which limit is used up: that of the number, or that of the client.
pub async fn count(home: &Home, stranger: &Stranger<'_>) -> Result<Counted, Limited> {
    let Stranger { surface, tenant_id, client, .. } = *stranger;
    let by_client =
        count_client(home, surface, tenant_id, client, stranger.wrong_per_client).await?;
    let about = format!("{} {}", client_key(client), stranger.to.identity());
    let counted = (surface, Scope::Recipient, about.as_str());
    match charge(home, tenant_id, counted, &[stranger.guesses]).await {
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
    (surface, scope, counted): (Surface, Scope, &str),
    rules: &[Rule],
) -> Result<Charged, Limited> {
    // Not even Redis needs to know who calls.
    let hash = short_hex(&home.keys.recipient_hash(tenant_id, counted));
    let key = format!("guess:{}:{hash}", surface.as_str());
    let charges = [Charge::new(scope, key, rules)];
    home.limiter.charge(tenant_id, &charges, None, home.clock.now()).await
}
