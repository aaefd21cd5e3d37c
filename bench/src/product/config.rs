//! The product's configuration file, as text.

use std::{net::SocketAddr, path::PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::gateway::{Twilio, Vonage};

/// Keys shared by every process of one installation.
#[derive(Clone, Debug)]
pub(crate) struct Secrets {
    key: String,
    hash_key: String,
}

impl Secrets {
    /// The same for the same seed: nothing here is worth protecting.
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = crate::numbers::Dice::new(seed);
        let mut bytes = || {
            let words: Vec<u8> = (0..4).flat_map(|_| dice.next().to_le_bytes()).collect();
            STANDARD.encode(words)
        };
        Self { key: bytes(), hash_key: bytes() }
    }
}

/// Through whom an SMS leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chain {
    /// The inbox page of the embedded default.
    Console,
    /// Twilio alone, on the gateway at this address.
    Twilio(SocketAddr),
    /// Twilio first, then Vonage, both on the gateway at this address.
    TwilioVonage(SocketAddr),
}

/// One process's configuration.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Where the API, or a worker's probes, are.
    pub(crate) listen: SocketAddr,
    pub(crate) is_worker: bool,
    pub(crate) data_dir: PathBuf,
    /// Empty: the default, `SQLite` in the data folder.
    pub(crate) database_url: String,
    /// Empty: the default, `memory`.
    pub(crate) queue_url: String,
    pub(crate) secrets: Option<Secrets>,
    pub(crate) chain: Chain,
    pub(crate) otp_concurrency: Option<u32>,
    /// Where providers report, if they are asked to.
    pub(crate) public: Option<SocketAddr>,
}

impl Config {
    /// The text of the file. Limits are out of the way: they are not what is measured here.
    pub(crate) fn to_toml(&self) -> String {
        let role = if self.is_worker { "worker" } else { "server" };
        let main = format!(
            "[data]\ndir = \"{}\"\n\n[log]\nlevel = \"warn\"\n\n\
             [recipients]\ndefault_region = \"US\"\ncountries = [\"*\"]\n\n\
             [limits]\nrecipient = [\"16/1s\"]\nclient_ip = [\"1000000/1s\"]\n\
             tenant = [\"1000000/1s\"]\n\n[{role}]\nlisten = \"{}\"\n",
            self.data_dir.display(),
            self.listen,
        );
        let concurrency = self.otp_concurrency.filter(|_| self.is_worker);
        let concurrency = concurrency.map(|it| format!("otp_concurrency = {it}\n"));
        let public = self.public.map(|at| {
            let section = if self.is_worker { "\n[server]\n" } else { "" };
            format!("{section}public_url = \"http://{at}\"\n")
        });
        let url = |section: &str, url: &str| match url {
            "" => String::new(),
            url => format!("\n[{section}]\nurl = \"{url}\"\n"),
        };
        let secrets = self.secrets.as_ref().map(|it| {
            let (key, hash_key) = (&it.key, &it.hash_key);
            format!("\n[secrets]\nkeys = [\"k1:{key}\"]\nhash_keys = [\"h1:{hash_key}\"]\n")
        });
        let parts = [
            main,
            concurrency.unwrap_or_default(),
            public.unwrap_or_default(),
            url("database", &self.database_url),
            url("queue", &self.queue_url),
            secrets.unwrap_or_default(),
            self.chain.to_toml(),
        ];
        parts.concat()
    }
}

impl Chain {
    fn to_toml(self) -> String {
        match self {
            Self::Console => String::new(),
            Self::Twilio(gateway) => {
                format!("\n[chains]\nsms = [\"twilio\"]\n{}", twilio(gateway))
            }
            Self::TwilioVonage(gateway) => format!(
                "\n[chains]\nsms = [\"twilio\", \"vonage\"]\n{}{}",
                twilio(gateway),
                vonage(gateway)
            ),
        }
    }
}

fn twilio(gateway: SocketAddr) -> String {
    let account = Twilio::default();
    format!(
        "\n[providers.twilio]\nkind = \"twilio\"\naccount_sid = \"{}\"\nauth_token = \"{}\"\n\
         from = \"+15005550006\"\nbase_url = \"http://{gateway}\"\n",
        account.account_sid, account.auth_token
    )
}

fn vonage(gateway: SocketAddr) -> String {
    let account = Vonage::default();
    format!(
        "\n[providers.vonage]\nkind = \"vonage\"\napi_key = \"{}\"\napi_secret = \"{}\"\n\
         from = \"Otpost\"\nbase_url = \"http://{gateway}\"\n",
        account.api_key, account.api_secret
    )
}
