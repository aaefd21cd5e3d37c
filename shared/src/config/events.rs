//! `[events]` and `[webhooks]`: what is kept of what happened, and where it may be posted to.

use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
pub struct Events {
    /// Kept for all tenants, also for those without an endpoint.
    pub log: bool,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Webhooks {
    pub allow_http: bool,
    /// Addresses that are not public may be posted to.
    pub allow_private: bool,
    pub most_per_tenant: u32,
}
