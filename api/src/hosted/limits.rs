//! How much whoever opened the page may ask, beyond what stands before every send: each link has so many
//! verifications, and each client address so many wrong codes.

use std::net::IpAddr;

use otpost_shared::{
    Home,
    limits::{Charge, Charged, Scope},
    page_link::PageLink,
    strangers::{self, Surface},
};

use crate::error::ApiError;

/// Counts a verification of this link, once per marker; to be given back when it is sure that nothing comes of it.
pub(super) async fn count_begin(
    home: &Home,
    link: &PageLink,
    marker: &str,
) -> Result<Charged, ApiError> {
    let rules = &home.config.page.sends_per_link;
    let charges = [Charge::new(Scope::Link, link.id.to_string(), rules)];
    let now = home.clock.now();
    Ok(home.limiter.charge(link.tenant_id, &charges, Some(marker), now).await?)
}

/// Counts a guess; to be given back when it is sure that it was not wrong.
pub(super) async fn count_guess(
    home: &Home,
    link: &PageLink,
    client: IpAddr,
) -> Result<Charged, ApiError> {
    let rules = &home.config.page.wrong_per_client;
    Ok(strangers::count_client(home, Surface::Page, link.tenant_id, client, rules).await?)
}
