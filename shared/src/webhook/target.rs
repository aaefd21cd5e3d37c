//! Where may be posted to: an https address of a public host. Whoever makes an endpoint must not reach through
//! us what only we can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::config::Webhooks;

/// Bytes of an address.
const LONGEST: usize = 2_048;

/// Why nothing is posted there, in words that follow the name of the field.
pub type Refused = &'static str;

/// An endpoint's address that may be posted to, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    text: String,
    url: Url,
}

impl Target {
    /// Reads an endpoint's address. Its host may be a name: whoever connects looks at what that resolves to,
    /// with [`is_public`], and every time.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str, rules: Webhooks) -> Result<Self, Refused> {
        read(text, rules).map(|url| Self { text: text.to_owned(), url })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn into_url(self) -> Url {
        self.url
    }
}

fn read(text: &str, rules: Webhooks) -> Result<Url, Refused> {
    if text.len() > LONGEST {
        return Err("has at most 2048 characters");
    }
    let url = Url::parse(text).map_err(|_| "is no address; write https://host/path")?;
    match url.scheme() {
        "https" => {}
        "http" if rules.allow_http => {}
        "http" => return Err("must be https, or set webhooks.allow_http for development"),
        _ => return Err("must be an https address"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user or a password; the signature says that it is us");
    }
    if url.fragment().is_some() {
        return Err("must have no #fragment");
    }
    let is_good = match url.host() {
        None => return Err("is no address; write https://host/path"),
        Some(Host::Ipv4(ip)) => is_public(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => is_public(IpAddr::V6(ip)),
        Some(Host::Domain(name)) => !is_local_name(name),
    };
    if is_good || rules.allow_private {
        return Ok(url);
    }
    Err("must be a public address, or set webhooks.allow_private for development")
}

/// Names that never are anybody else's.
fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is_below = |zone: &str| {
        name == zone || name.strip_suffix(zone).is_some_and(|above| above.ends_with('.'))
    };
    !name.contains('.') || ["localhost", "local", "internal", "home.arpa"].into_iter().any(is_below)
}

/// True for addresses on the public internet, by the special-purpose registries of IANA (RFC 6890 and what
/// came after). Whatever carries another address within it (mapped, NAT64, 6to4, Teredo) is none.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

/// The first address of each block, and how many bits name it.
const NOT_PUBLIC_V4: [([u8; 4], u32); 17] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    // With 169.254.169.254, where clouds keep credentials.
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 31, 196, 0], 24),
    ([192, 52, 193, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // Multicast, what is reserved, and broadcast.
    ([224, 0, 0, 0], 3),
    // Azure's own services answer here to whoever is inside.
    ([168, 63, 129, 16], 32),
];

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let is_in = |(first, bits): &([u8; 4], u32)| {
        (u32::from(ip) ^ u32::from_be_bytes(*first)) >> (32 - bits) == 0
    };
    !NOT_PUBLIC_V4.iter().any(is_in)
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [first, second, ..] = ip.segments();
    // Global unicast: everything else is local, mapped, translated or reserved.
    let is_global = first & 0xe000 == 0x2000;
    // 2001::/23 is for protocols, with Teredo; 2001:db8::/32 and 3fff::/20 for examples; 2002::/16 is 6to4.
    let is_special = (first == 0x2001 && (second < 0x0200 || second == 0x0db8))
        || first == 0x2002
        || (first == 0x3fff && second < 0x1000);
    is_global && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: Webhooks =
        Webhooks { allow_http: false, allow_private: false, most_per_tenant: 1 };
    const LAX: Webhooks = Webhooks { allow_http: true, allow_private: true, most_per_tenant: 1 };

    #[test]
    fn what_is_not_public_is_refused_in_every_spelling() {
        for host in [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
            "127.255.255.254",
            "0",
            "0.0.0.0",
            "10.0.0.5",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "0xa9fea9fe",
            "2852039166",
            "0251.0376.0251.0376",
            "100.64.0.1",
            "100.100.100.200",
            "192.0.0.192",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "[::1]",
            "[::]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[::ffff:169.254.169.254]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b::169.254.169.254]",
            "[64:ff9b:1::7f00:1]",
            "[2002:7f00:1::]",
            "[2001:0:7f00:1::]",
            "[fe80::1]",
            "[fc00::1]",
            "[fd00:ec2::254]",
            "[ff02::1]",
            "[2001:db8::1]",
            "[fec0::1]",
            "[3fff::1]",
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "metadata.google.internal",
            "printer.local",
            "router",
            "１２７.０.０.１",
            "127。0。0。1",
            "ⓛocalhost",
        ] {
            let url = format!("https://{host}/hook");
            assert!(Target::parse(&url, STRICT).is_err(), "{url}");
            assert!(Target::parse(&url, LAX).is_ok(), "{url}");
        }
    }

    #[test]
    fn what_is_public_is_taken() {
        for host in [
            "example.org",
            "hooks.example.org:8443",
            "93.184.215.14",
            "[2606:4700::1111]",
            "1.1.1.1",
        ] {
            let url = format!("https://{host}/hook?of=1");
            let target = Target::parse(&url, STRICT).expect("public");
            assert_eq!(target.as_str(), url);
        }
    }

    #[test]
    fn only_https_without_anything_hidden() {
        for wrong in [
            "",
            "example.org",
            "http://example.org/",
            "ftp://example.org/",
            "file:///etc/passwd",
            "gopher://example.org/",
            "https://",
            "https://u@example.org/",
            "https://u:p@example.org/",
            "https://example.org/#x",
            "https://exa mple.org/",
            "https://[::1/",
        ] {
            assert!(Target::parse(wrong, STRICT).is_err(), "{wrong}");
        }
        assert!(Target::parse("http://example.org/", LAX).is_ok());
        let long = format!("https://example.org/{}", "a".repeat(2_048));
        assert!(Target::parse(&long, STRICT).is_err());
    }
}
