//! One running process of the product.

use std::{
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{Child, Lines};
use crate::{error::Result, http::Client, product::READY};

#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    pub(super) lines: Option<Lines>,
    pub(super) role: &'static str,
    pub(super) file: PathBuf,
}

impl Process {
    pub(crate) fn lines(&self) -> Result<&Lines> {
        Ok(self.lines.as_ref().ok_or("this process is not behind proxies")?)
    }

    pub(crate) async fn wait_until_ready(&mut self) -> Result<()> {
        let began = Instant::now();
        let key = String::new();
        let client = Client { address: self.address, key };
        let request = client.get(READY);
        loop {
            let asked = client.call(&request, Duration::from_secs(2)).await;
            let what = match asked {
                Ok(answer) if answer.status == 200 => return Ok(()),
                Ok(answer) => format!("{} {}", answer.status, answer.text()),
                Err(error) => error.to_string(),
            };
            if !self.child.is_alive() || began.elapsed() > Duration::from_secs(30) {
                let (name, words) = (&self.child.name, self.child.last_words());
                return Err(format!("{name} did not get ready ({what}):\n{words}").into());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
