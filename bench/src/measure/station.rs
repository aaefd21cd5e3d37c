//! The fake gateway in a process of its own, so that its work is not counted as the load's.

use std::{env, net::SocketAddr, path::PathBuf, process::Command, time::Duration};

use serde::de::DeserializeOwned;
use tempfile::TempDir;

use crate::{
    error::{Result, while_doing},
    gateway::{Answer, Counts, Rule, Seen},
    harness::{Child, Usage, free_address},
    http::Client,
};

const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(crate) struct Station {
    client: Client,
    child: Child,
    _folder: TempDir,
}

impl Station {
    pub(crate) async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = free_address()?;
        let own: PathBuf = env::current_exe()?;
        let mut command = Command::new(own);
        command.args(["gateway", "--listen", &address.to_string()]);
        let child = Child::start(command, "gateway", folder.path())?;
        let key = String::new();
        let client = Client { address, key };
        let mut station = Self { client, child, _folder: folder };
        for _ in 0..500 {
            if station.counts().await.is_ok() {
                return Ok(station);
            }
            if !station.child.is_alive() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(format!("the gateway did not start: {}", station.child.last_words()).into())
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage::of("gateway", self.child.id())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.client.address
    }

    /// Every request is answered after this long.
    pub(crate) async fn answer_after(&self, delay_ms: u64) -> Result<()> {
        let rules = vec![Rule::new("/", Answer::Ok).delay_ms(delay_ms)];
        let body = serde_json::to_string(&rules)?;
        let request = self.client.post("/control/rules", None, &body);
        // The same bytes, only the verb differs.
        let request = [b"PUT".as_slice(), &request[4..]].concat();
        let answer = self.client.call(&request, PATIENCE).await?;
        match answer.status {
            200 => Ok(()),
            _ => Err(format!("the gateway refused a rule: {}", answer.text()).into()),
        }
    }

    pub(crate) async fn counts(&self) -> Result<Counts> {
        self.get("/control/counts").await
    }

    /// Everything received since the last [`Self::clear`].
    pub(crate) async fn received(&self) -> Result<Vec<Seen>> {
        self.get("/control/sent").await
    }

    /// At most `limit` of what came after number `after`.
    pub(crate) async fn received_after(&self, after: u64, limit: u64) -> Result<Vec<Seen>> {
        self.get(&format!("/control/sent?after={after}&limit={limit}")).await
    }

    pub(crate) async fn clear(&self) -> Result<()> {
        let request = self.client.get("/control/sent");
        let request = [b"DELETE".as_slice(), &request[3..]].concat();
        self.client.call(&request, PATIENCE).await.map(drop)
    }

    /// Waits until so many were accepted, and says when the first and the last were.
    pub(crate) async fn wait_for(&self, accepted: u64, within: Duration) -> Result<Counts> {
        let waited = async {
            loop {
                let counts = self.counts().await?;
                if counts.accepted >= accepted {
                    return Ok(counts);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let late = |_| format!("{accepted} messages did not arrive within {within:?}");
        tokio::time::timeout(within, waited).await.map_err(late)?
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let answer = self.client.call(&self.client.get(path), PATIENCE).await?;
        serde_json::from_slice(&answer.body).map_err(while_doing(path))
    }
}
