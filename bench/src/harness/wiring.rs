//! What a fault needs beyond a plan: proxies in front of every server, settings, small disks,
//! clocks that are wrong. And the list of running processes, for those who watch their memory.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    process::Command,
    sync::{Arc, Mutex, PoisonError},
};

use tempfile::TempDir;

use crate::{
    error::Result,
    product,
    proxy::{Protocol, Proxy},
};

/// How an installation is wired up; the default is as in production.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wiring {
    /// The gateways of the first and the second provider; every process then reaches these, the
    /// database and the queue through proxies of its own.
    pub(crate) gateways: Option<[SocketAddr; 2]>,
    /// The first provider is called here instead; `{port}` is that of its proxy.
    pub(crate) first_url: Option<&'static str>,
    /// Environment variables of the product's processes.
    pub(crate) settings: Vec<(String, String)>,
    /// More lines for Postgres' own configuration.
    pub(crate) postgres: String,
    /// The database lies on a disk of so many megabytes.
    pub(crate) disk_mb: Option<u32>,
    /// Providers are asked to report to the first API.
    pub(crate) reports: bool,
    /// The clocks of these processes are wrong.
    pub(crate) skew: Option<Skew>,
}

/// A library to be preloaded that shifts the wall clock, and by how many seconds for whom.
#[derive(Clone, Debug)]
pub(crate) struct Skew {
    /// Holds the library, and goes when the last clone does.
    pub(crate) folder: Arc<TempDir>,
    pub(crate) library: &'static str,
    pub(crate) variable: &'static str,
    pub(crate) seconds: Vec<(&'static str, i64)>,
}

impl Wiring {
    pub(super) fn environment(&self, name: &str, lines: Option<&Lines>, command: &mut Command) {
        if let Some(lines) = lines {
            let mut urls =
                [&lines.first, &lines.second].map(|line| format!("http://{}", line.address));
            if let Some(url) = self.first_url {
                urls[0] = url.replace("{port}", &lines.first.address.port().to_string());
            }
            command.envs(product::base_urls(urls));
        }
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        let Some(skew) = &self.skew else { return };
        let own = skew.seconds.iter().find(|(whose, _)| *whose == name);
        if let Some((_, seconds)) = own {
            let library = skew.folder.path().join(skew.library);
            command.env("LD_PRELOAD", library).env(skew.variable, seconds.to_string());
        }
    }
}

/// The proxies of one process.
#[derive(Debug)]
pub(crate) struct Lines {
    pub(crate) database: Option<Proxy>,
    pub(crate) queue: Option<Proxy>,
    /// To the gateway of the first provider.
    pub(crate) first: Proxy,
    pub(crate) second: Proxy,
}

impl Lines {
    pub(super) async fn lay(
        gateways: [SocketAddr; 2],
        database: Option<SocketAddr>,
        queue: Option<SocketAddr>,
    ) -> Result<Self> {
        let line = async |to: Option<SocketAddr>, protocol| match to {
            Some(to) => Proxy::start(to, protocol).await.map(Some),
            None => Ok(None),
        };
        Ok(Self {
            database: line(database, Protocol::Postgres).await?,
            queue: line(queue, Protocol::Raw).await?,
            first: Proxy::start(gateways[0], Protocol::Raw).await?,
            second: Proxy::start(gateways[1], Protocol::Raw).await?,
        })
    }

    pub(crate) fn database(&self) -> Result<&Proxy> {
        Ok(self.database.as_ref().ok_or("this process has no proxy to a database")?)
    }

    pub(crate) fn queue(&self) -> Result<&Proxy> {
        Ok(self.queue.as_ref().ok_or("this process has no proxy to a queue")?)
    }
}

/// The ids of the running product processes by name; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roster(Arc<Mutex<BTreeMap<String, u32>>>);

impl Roster {
    pub(super) fn put(&self, name: &str, id: u32) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(name.to_owned(), id);
    }

    pub(crate) fn list(&self) -> Vec<(String, u32)> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter().map(|(name, id)| (name.clone(), *id)).collect()
    }
}
