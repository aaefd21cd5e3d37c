//! Everything a process holds: configuration, database, queue, limits, keys and clock.

mod database_file;
mod key_file;
mod test_numbers;

use std::{collections::HashMap, fs, sync::Arc, time::Duration};

use uuid::Uuid;

use crate::{
    acceptance::{self, Acceptances, LastAccept},
    api_key::ApiKeys,
    channel::Channel,
    clock::Clock,
    config::{Config, ConfigError},
    db::{Db, DbError},
    inbox::Inbox,
    lanes::Lanes,
    limits::Limiter,
    message::{self, Message, Steps},
    process,
    queue::Queue,
    rate::Rates,
    recipient::{Recipient, RecipientError},
    redis_link::RedisLink,
    report::{Hearer, Reference},
    secrets::{Keyring, SecretError},
    settings,
    suppression::{self, Blocked},
    tenant,
    verification::{self, Guesses, Lookups},
};

/// One process's view of the service; clones share everything.
#[derive(Clone, Debug)]
pub struct Home {
    pub config: Arc<Config>,
    pub db: Db,
    pub queue: Queue,
    pub redis: Option<RedisLink>,
    pub limiter: Limiter,
    pub rates: Rates,
    pub lanes: Lanes,
    pub api_keys: ApiKeys,
    pub tenants: tenant::Directory,
    /// What can be changed while everything runs.
    pub settings: settings::Live,
    pub keys: Arc<Keyring>,
    pub clock: Clock,
    /// The console provider's messages, where it may be looked at.
    pub inbox: Inbox,
    pub process_id: Uuid,
    pub(crate) coalescers: Coalescers,
    pub(crate) last_accept: LastAccept,
    pub(crate) blocked: Blocked,
    /// Of each provider: read out of its section once, and asked with every attempt and every call.
    hearers: Arc<HashMap<String, Hearer>>,
}

/// What runs together with its like.
#[derive(Clone, Debug)]
pub(crate) struct Coalescers {
    pub(crate) acceptances: Acceptances,
    pub(crate) lookups: Lookups,
    pub(crate) guesses: Guesses,
    pub(crate) steps: Steps,
}

impl Coalescers {
    fn start(db: &Db) -> Self {
        Self {
            acceptances: acceptance::coalescer(db.clone()),
            lookups: verification::lookups(db.clone()),
            guesses: verification::guesses(db.clone()),
            steps: message::steps(db.clone()),
        }
    }
}

impl Home {
    /// Opens everything. Postgres and Redis are connected to on first use; the embedded database
    /// is opened at once.
    ///
    /// # Errors
    /// A configured value cannot be used, or the embedded database cannot be opened.
    pub async fn open(config: Config) -> Result<Self, ConfigError> {
        let keys = key_file::open(&config).map_err(|e| e.at(&config.source))?;
        if config.is_embedded() {
            fs::create_dir_all(&config.data.dir).map_err(|error| {
                let dir = config.data.dir.display();
                ConfigError::new("data.dir", format!("cannot create {dir}: {error}"))
                    .at(&config.source)
            })?;
        }
        let db = Db::open(&config.database_url(), config.database.connections)
            .await
            .map_err(|e| ConfigError::new("database.url", e.to_string()).at(&config.source))?;
        let queue_url = config.queue.url.expose();
        let patience = Duration::from_millis(config.queue.patience_ms);
        let redis = (queue_url != "memory")
            .then(|| RedisLink::open(queue_url, patience))
            .transpose()
            .map_err(|e| ConfigError::new("queue.url", e.to_string()).at(&config.source))?;
        let queue = redis.clone().map_or_else(Queue::memory, Queue::redis);
        let config = Arc::new(config);
        Ok(Self {
            coalescers: Coalescers::start(&db),
            last_accept: LastAccept::default(),
            blocked: Blocked::default(),
            hearers: Arc::new(hearers(&config)),
            db,
            queue,
            limiter: Limiter::new(redis.clone()),
            rates: Rates::new(redis.clone()),
            redis,
            lanes: Lanes::default(),
            api_keys: ApiKeys::default(),
            tenants: tenant::Directory::default(),
            keys: Arc::new(keys),
            clock: Clock::start(),
            inbox: Inbox::default(),
            process_id: Uuid::now_v7(),
            settings: settings::Live::new(Arc::clone(&config)),
            config,
        })
    }

    /// Brings the tables up to date and the default tenant into being.
    ///
    /// # Errors
    /// The database does not answer, or is newer than this program.
    pub async fn migrate(&self) -> Result<(), DbError> {
        self.db.migrate().await?;
        tenant::ensure_default(&self.db, self.clock.now()).await
    }

    /// Why the last accept was not committed, if the database was the reason and nothing was since.
    #[must_use]
    pub fn accept_trouble(&self) -> Option<String> {
        self.last_accept.trouble()
    }

    /// Waits until the database answers and its tables are up to date, saying so every time it
    /// tries; with `migrate`, brings them up to date itself. Then sets the clock.
    ///
    /// # Errors
    /// The tables are newer than this program, or otherwise not what it expects.
    pub async fn wait_until_ready(&self, migrate: bool) -> Result<(), DbError> {
        let mut pause = Duration::from_millis(200);
        loop {
            let waiting_for = match self.try_ready(migrate).await {
                Ok(None) => return Ok(()),
                Ok(Some(reason)) => reason,
                Err(error @ DbError::Broken(_)) => return Err(error),
                Err(error) => error.to_string(),
            };
            tracing::warn!("waiting for the database: {waiting_for}");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    async fn try_ready(&self, migrate: bool) -> Result<Option<String>, DbError> {
        if migrate {
            self.migrate().await?;
        } else if self.db.pending_migrations().await? > 0 {
            return Ok(Some("its tables are not up to date; run `otpost migrate`".into()));
        }
        let rewritten = suppression::rewrite(self).await?;
        if rewritten > 0 {
            tracing::info!(rewritten, "suppressions were rewritten with the new keys");
        }
        self.set_clock().await?;
        self.settings.now(&self.db, self.clock.now()).await?;
        Ok(None)
    }

    /// Sets the clock to the database's.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn set_clock(&self) -> Result<(), DbError> {
        let before = self.clock.now();
        let database = self.db.now().await?;
        // The answer was made about half-way between question and arrival.
        self.clock.set(database + (self.clock.now() - before) / 2);
        Ok(())
    }

    /// Until dropped: says that this process lives, learns who else does, how busy the lanes are, what was
    /// changed and, now and then, what time it is.
    pub async fn keep_in_touch(&self, role: &str) {
        tokio::join!(self.keep_seen(role), self.keep_settings());
    }

    async fn keep_seen(&self, role: &str) {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for tick in 0_u64.. {
            ticks.tick().await;
            if let Err(error) = self.touch(role, tick).await {
                tracing::warn!(%error, "the database was not reached");
            }
        }
    }

    /// For those that take what was last read. Looks more often than it may ask, so that it asks in time.
    async fn keep_settings(&self) {
        let mut ticks = tokio::time::interval(Duration::from_millis(250));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = self.settings.now(&self.db, self.clock.now()).await {
                tracing::debug!(%error, "the settings were not read");
            }
        }
    }

    async fn touch(&self, role: &str, tick: u64) -> Result<(), DbError> {
        if tick % 10 == 9 {
            self.set_clock().await?;
        }
        let now = self.clock.now();
        if tick.is_multiple_of(3) {
            process::mark_seen(&self.db, self.process_id, role, now).await?;
            let live = process::count_live(&self.db, now).await?;
            let all_but = |other: &str| {
                let count: i64 =
                    live.iter().filter(|(role, _)| role != other).map(|(_, n)| n).sum();
                u32::try_from(count).unwrap_or(1)
            };
            self.limiter.set_live_processes(all_but("worker"));
            self.rates.set_live_processes(all_but("api"));
        }
        self.lanes.refresh(&self.db, now).await
    }

    /// The providers in use whose reports are waited for.
    pub fn reporting(&self) -> impl Iterator<Item = &str> {
        let names = self.config.providers_in_use().map(|(name, _)| name);
        names.filter(move |name| {
            self.hearer(name).is_some_and(|of| of.come_by_themselves() || self.asks(of))
        })
    }

    /// Who hears the provider of this name; none when there is no such provider.
    #[must_use]
    pub fn hearer(&self, provider: &str) -> Option<&Hearer> {
        self.hearers.get(provider)
    }

    /// True for those that are told where to report: they can reach us, and can be believed.
    fn asks(&self, hearer: &Hearer) -> bool {
        self.config.is_reachable() && hearer.can_hear()
    }

    /// What to look at when a provider's reports stay away.
    #[must_use]
    pub fn hint_on_reports(&self, provider: &str) -> String {
        let (hearer, base) = (self.hearer(provider), self.config.public_url());
        if hearer.is_some_and(Hearer::come_by_themselves) {
            return "check that the account gets delivery reports over its sessions".to_owned();
        }
        if hearer.is_some_and(Hearer::come_of_topic) {
            let address = format!("{base}/v1/inbound/{provider}/reports");
            return format!("check that {address} is still subscribed to its topic");
        }
        format!("check that it reaches {base}/v1/inbound/")
    }

    /// Where the provider of this name is to report what becomes of an attempt; none when it
    /// cannot reach us, or could not be believed.
    ///
    /// # Errors
    /// The message's key is missing.
    pub fn report_url(
        &self,
        provider: &str,
        message: &Message,
        number: i32,
    ) -> Result<Option<String>, SecretError> {
        let Some(hearer) = self.hearer(provider).filter(|of| self.asks(of)) else {
            return Ok(None);
        };
        let number = hearer.number_in_address(number);
        let of = Reference::new(&self.keys, &message.key_id, provider, message.id, number)?;
        let (base, of) = (self.config.public_url(), of.to_text());
        Ok(Some(format!("{base}/v1/inbound/{provider}/reports?of={of}")))
    }

    /// Reads whom a tenant means: an e-mail address if it looks like one, else a number.
    ///
    /// # Errors
    /// The database does not answer; the inner error says why the text is no recipient.
    pub async fn read_recipient(
        &self,
        tenant_id: Uuid,
        text: &str,
    ) -> Result<Result<Recipient, RecipientError>, DbError> {
        let channel = if text.contains('@') { Channel::Email } else { Channel::Sms };
        self.read_recipient_of(tenant_id, channel, text).await
    }

    /// Reads whom a tenant means on this channel. A number is a valid one, or one of the configured test
    /// numbers; a national one is read in the tenant's region.
    ///
    /// # Errors
    /// The database does not answer; the inner error says why the text is no recipient.
    pub async fn read_recipient_of(
        &self,
        tenant_id: Uuid,
        channel: Channel,
        text: &str,
    ) -> Result<Result<Recipient, RecipientError>, DbError> {
        if channel == Channel::Email {
            return Ok(Recipient::parse_email(text));
        }
        // Only a national number needs to know whose it is.
        let region = if text.trim_start().starts_with('+') {
            None
        } else {
            self.region_of(tenant_id).await?
        };
        let read = self.parse_recipient(text, region.as_deref());
        let is_by_email = self.config.chains.serves(Channel::Email);
        Ok(read.map_err(|error| match error {
            RecipientError::Email if is_by_email => RecipientError::EmailBySms,
            error => error,
        }))
    }

    /// The region that a tenant's national numbers are read in.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn region_of(&self, tenant_id: Uuid) -> Result<Option<String>, DbError> {
        let own = tenant::find(&self.db, tenant_id).await?.and_then(|t| t.default_region);
        let region = own.unwrap_or_else(|| self.config.recipients.default_region.clone());
        Ok((!region.is_empty()).then_some(region))
    }
}

fn hearers(config: &Config) -> HashMap<String, Hearer> {
    let all = config.providers.iter();
    all.map(|(name, section)| (name.clone(), Hearer::new(section))).collect()
}
