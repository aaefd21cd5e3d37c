//! From which address a caller without an API key calls.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use otpost_shared::config::Network;

use crate::{
    App,
    error::{ApiError, ErrorCode},
};

/// The other end of the connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        // The server puts it there for every connection.
        parts.extensions.get::<Self>().copied().ok_or_else(|| ErrorCode::Internal.error())
    }
}

/// The person's address: the connection's, or what trusted proxies say of it.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

impl FromRequestParts<App> for ClientAddress {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let peer = Peer::from_request_parts(parts, app).await?;
        let trusted = &app.home.config.server.trusted_proxies;
        Ok(Self(client_address(peer.0.ip(), &parts.headers, trusted)))
    }
}

/// Walks `X-Forwarded-For` from the right past trusted proxies; the first address that is not
/// one of them is the client's. Nothing an untrusted peer says is believed.
fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut address = peer;
    let hops: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for hop in hops.iter().rev() {
        if !is_trusted(address) {
            break;
        }
        match hop.trim().parse() {
            Ok(next) => address = next,
            Err(_) => break,
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted = [Network::parse("10.0.0.0/8").expect("a network")];
        let find = |peer: &str, forwarded: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", forwarded.parse().expect("a header"));
            client_address(peer.parse().expect("an address"), &headers, &trusted).to_string()
        };
        assert_eq!(find("203.0.113.9", "198.51.100.1"), "203.0.113.9");
        assert_eq!(find("10.0.0.1", "198.51.100.1"), "198.51.100.1");
        assert_eq!(find("10.0.0.1", "1.1.1.1, 198.51.100.1, 10.2.3.4"), "198.51.100.1");
        assert_eq!(find("10.0.0.1", "1.1.1.1, nonsense"), "10.0.0.1");
    }
}
