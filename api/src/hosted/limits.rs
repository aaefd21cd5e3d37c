//! How much whoever opened the page may ask, beyond what stands before every send: each link has so many
//! verifications, and each client address so many wrong codes.

use std::net::IpAddr;

use otpost_shared::{
    Home,
    limits::{Charge, Charged, Limited, Rule, Scope, client_key},
    page_link::PageLink,
    secrets::short_hex,
};

use crate::error::{ApiError, ErrorCode};

/// Counts a send of this link, once per marker; to be given back when nothing comes of it.
pub(super) async fn count_send(
    home: &Home,
    link: &PageLink,
    marker: &str,
) -> Result<Charged, ApiError> {
    let rules = &home.config.page.sends_per_link;
    charge(home, link, (&format!("page-link {}", link.id), rules), Some(marker))
        .await
        .map_err(|limited| refused(limited, "link"))
}

/// Counts a guess before it is made, so that no more are compared than are allowed, however parallel.
pub(super) async fn count_guess(
    home: &Home,
    link: &PageLink,
    client: IpAddr,
) -> Result<Charged, ApiError> {
    let rules = &home.config.page.wrong_per_client;
    charge(home, link, (&format!("page-guess {}", client_key(client)), rules), None)
        .await
        .map_err(|limited| refused(limited, limited.scope.as_str()))
}

async fn charge(
    home: &Home,
    link: &PageLink,
    (counted, rules): (&str, &[Rule]),
    marker: Option<&str>,
) -> Result<Charged, Limited> {
    // Not even Redis needs to know who calls.
    let key = format!("page:{}", short_hex(&home.keys.recipient_hash(link.tenant_id, counted)));
    let charges = [Charge::new(Scope::Client, key, rules)];
    home.limiter.charge(link.tenant_id, &charges, marker, home.clock.now()).await
}

fn refused(limited: Limited, what: &str) -> ApiError {
    ErrorCode::RateLimited.error().with("limit", what).retry_after_ms(limited.wait_ms)
}
