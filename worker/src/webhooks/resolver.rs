//! Names to addresses, without those that nobody outside may reach. What is found here is what is connected
//! to: nothing asks for the name a second time, and may then be told another address.

use std::{error::Error, net::SocketAddr};

use otpost_shared::webhook::is_public;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Asks the system, and passes on what may be connected to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vetted {
    pub(super) allow_private: bool,
}

impl Resolve for Vetted {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            // The port is set by whoever connects.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let vetted = vet(found, allow_private)?;
            Ok(Box::new(vetted.into_iter()) as Addrs)
        })
    }
}

fn vet(
    found: impl Iterator<Item = SocketAddr>,
    allow_private: bool,
) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>> {
    let vetted: Vec<SocketAddr> =
        found.filter(|address| allow_private || is_public(address.ip())).collect();
    if vetted.is_empty() {
        return Err("the name has no public address".into());
    }
    Ok(vetted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_inside_leads_nowhere() {
        let of = |texts: &[&str], allow_private| {
            let found: Vec<SocketAddr> = texts
                .iter()
                .map(|text| SocketAddr::new(text.parse().expect("an address"), 0))
                .collect();
            vet(found.into_iter(), allow_private).map(|vetted| vetted.len()).ok()
        };
        assert_eq!(of(&["93.184.215.14"], false), Some(1));
        // One of several may be meant to be taken when the first does not answer.
        assert_eq!(of(&["93.184.215.14", "127.0.0.1", "::1"], false), Some(1));
        for inside in
            ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:10.0.0.1", "64:ff9b::a00:1"]
        {
            assert_eq!((of(&[inside], false), of(&[inside], true)), (None, Some(1)), "{inside}");
        }
        assert_eq!(of(&[], true), None);
    }

    #[tokio::test]
    async fn the_systems_own_names_are_vetted() {
        let resolve =
            |allow_private| Vetted { allow_private }.resolve("localhost".parse().expect("a name"));
        assert!(resolve(false).await.is_err());
        assert!(resolve(true).await.is_ok());
    }
}
