//! Names to addresses, without those that nobody outside may reach. What is found here is what is connected
//! to: nothing asks for the name a second time, and may then be told another address.

use std::{error::Error, io, net::SocketAddr, sync::Arc};

use otpost_shared::webhook::is_public;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

/// Names that are looked up at the same time. Each takes one of the process's 512 threads that may block, and
/// keeps it for as long as a name server says nothing; providers' names are looked up on the others.
const MOST: usize = 128;

/// Asks the system, and passes on what may be connected to.
#[derive(Clone, Debug)]
pub(super) struct Vetted {
    allow_private: bool,
    places: Arc<Semaphore>,
}

impl Vetted {
    pub(super) fn new(allow_private: bool) -> Self {
        Self { allow_private, places: Arc::new(Semaphore::new(MOST)) }
    }
}

impl Resolve for Vetted {
    fn resolve(&self, name: Name) -> Resolving {
        let Self { allow_private, places } = self.clone();
        Box::pin(async move {
            let found = in_place(places, async move {
                // The port is set by whoever connects.
                let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
                Ok(found.collect::<Vec<_>>())
            });
            let vetted = vet(found.await?.into_iter(), allow_private)?;
            Ok(Box::new(vetted.into_iter()) as Addrs)
        })
    }
}

/// Keeps the place until the look-up ends: its thread is held for as long, also when nobody waits any more.
async fn in_place<T: Send + 'static>(
    places: Arc<Semaphore>,
    look_up: impl Future<Output = io::Result<T>> + Send + 'static,
) -> io::Result<T> {
    let place = places.acquire_owned().await.map_err(io::Error::other)?;
    let looking = tokio::spawn(async move {
        let found = look_up.await;
        drop(place);
        found
    });
    looking.await.map_err(io::Error::other)?
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
        let resolve = |allow_private| {
            Vetted::new(allow_private).resolve("localhost".parse().expect("a name"))
        };
        assert!(resolve(false).await.is_err());
        assert!(resolve(true).await.is_ok());
    }

    #[tokio::test]
    async fn a_place_is_held_until_the_look_up_ends() {
        let places = Arc::new(Semaphore::new(1));
        let (answer, silence) = tokio::sync::oneshot::channel();
        let (asked, looking) = tokio::sync::oneshot::channel();
        let given_up = tokio::spawn(in_place(Arc::clone(&places), async move {
            let _ = asked.send(());
            silence.await.map_err(io::Error::other)
        }));
        looking.await.expect("it is looked up");
        given_up.abort();
        assert!(given_up.await.is_err_and(|ended| ended.is_cancelled()));
        assert!(places.try_acquire().is_err(), "the name server has said nothing yet");
        answer.send(()).expect("it is still looked up");
        drop(places.acquire().await.expect("a place"));
    }
}
