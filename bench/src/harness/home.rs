//! One complete installation: servers, product processes, configuration and an API key.

use std::{
    fs::{self, Permissions},
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    time::{Duration, Instant},
};

use sqlx::{PgPool, postgres::PgPoolOptions};
use tempfile::TempDir;

use super::{Child, Otpost, Postgres, Redis, Usage, free_address};
use crate::{
    error::{Result, while_doing},
    http::Client,
    product::{Chain, Config, READY, Secrets},
};

/// Which of the product's two homes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Store {
    /// One `otpost serve` with its defaults: `SQLite`, everything in one process.
    Sqlite,
    /// `otpost api` and `otpost worker` processes over Postgres and Redis.
    Postgres,
}

/// What to start.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) store: Store,
    /// `otpost api` processes; of `serve` there is always one.
    pub(crate) apis: usize,
    pub(crate) workers: usize,
    pub(crate) chain: Chain,
    pub(crate) otp_concurrency: Option<u32>,
}

/// One process of the product.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    role: &'static str,
    file: PathBuf,
}

/// Fields are dropped in this order: the product first, then its servers, then the folder.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) apis: Vec<Process>,
    pub(crate) workers: Vec<Process>,
    pub(crate) redis: Option<Redis>,
    pub(crate) postgres: Option<Postgres>,
    pub(crate) key: String,
    plan: Plan,
    secrets: Secrets,
    otpost: Otpost,
    folder: TempDir,
}

impl Home {
    pub(crate) async fn build(otpost: &Otpost, plan: Plan) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("otpost-bench-").tempdir()?;
        // Postgres may run as another user and must be able to reach its own folder inside.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o711))?;
        let (postgres, redis) = match plan.store {
            Store::Sqlite => (None, None),
            Store::Postgres => (
                Some(Postgres::start(folder.path()).await?),
                Some(Redis::start(folder.path()).await?),
            ),
        };
        let mut home = Self {
            apis: Vec::new(),
            workers: Vec::new(),
            redis,
            postgres,
            key: String::new(),
            secrets: Secrets::new(1),
            otpost: otpost.clone(),
            plan,
            folder,
        };
        let file = home.write_config("setup", "api", free_address()?)?;
        home.otpost.migrate(&file)?;
        home.key = home.otpost.create_key(&file)?;
        for _ in 0..home.plan.apis.max(1) {
            home.start_api().await?;
            if home.plan.store == Store::Sqlite {
                break;
            }
        }
        for _ in 0..home.plan.workers {
            home.start_worker().await?;
        }
        Ok(home)
    }

    /// Starts one more `otpost api`, or `otpost serve` in the embedded home.
    pub(crate) async fn start_api(&mut self) -> Result<()> {
        let role = match self.plan.store {
            Store::Sqlite => "serve",
            Store::Postgres => "api",
        };
        let process = self.launch(role, self.apis.len()).await?;
        self.apis.push(process);
        Ok(())
    }

    pub(crate) async fn start_worker(&mut self) -> Result<()> {
        let process = self.launch("worker", self.workers.len()).await?;
        self.workers.push(process);
        Ok(())
    }

    /// Ends all workers in good order.
    pub(crate) fn end_workers(&mut self) -> Result<()> {
        for mut worker in self.workers.drain(..) {
            worker.child.end()?;
        }
        Ok(())
    }

    /// `SIGKILL` to one worker; [`Self::revive_worker`] brings it back.
    pub(crate) fn kill_worker(&mut self, which: usize) -> Result<()> {
        let worker = self.workers.get_mut(which).ok_or("no such worker")?;
        worker.child.kill()
    }

    pub(crate) async fn revive_worker(&mut self, which: usize) -> Result<()> {
        let worker = self.workers.get_mut(which).ok_or("no such worker")?;
        worker.restart(&self.otpost, self.folder.path()).await
    }

    /// Ends the first API process and starts it again; returns the time from the start of the
    /// new process to the moment `accepted` has succeeded.
    pub(crate) async fn restart_api<F>(&mut self, accepted: F) -> Result<Duration>
    where
        F: AsyncFnOnce(SocketAddr) -> Result<()>,
    {
        let api = self.apis.first_mut().ok_or("no API process")?;
        api.child.end()?;
        let began = Instant::now();
        api.child = api.spawn(&self.otpost, self.folder.path())?;
        accepted(api.address).await?;
        Ok(began.elapsed())
    }

    pub(crate) fn client(&self, which: usize) -> Client {
        let address = self.apis[which % self.apis.len()].address;
        let key = self.key.clone();
        Client { address, key }
    }

    /// A small pool of our own to look into the product's database.
    pub(crate) async fn pool(&self) -> Result<PgPool> {
        let postgres = self.postgres.as_ref().ok_or("this home has no Postgres")?;
        PgPoolOptions::new()
            .max_connections(4)
            .connect(&postgres.url("otpost"))
            .await
            .map_err(while_doing("connecting to the product's database"))
    }

    /// Where the embedded home keeps its data.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn usages(&self) -> Vec<Usage> {
        let processes = self.apis.iter().chain(&self.workers);
        let mut usages: Vec<Usage> =
            processes.map(|process| Usage::of(&process.child.name, process.child.id())).collect();
        usages.extend(self.postgres.iter().map(|it| Usage::of("postgres", it.id())));
        usages.extend(self.redis.iter().map(|it| Usage::of("redis", it.id())));
        usages.push(Usage::of("bench", std::process::id()));
        usages
    }

    async fn launch(&self, role: &'static str, number: usize) -> Result<Process> {
        let address = free_address()?;
        let name = format!("{role}-{}", number + 1);
        let file = self.write_config(&name, role, address)?;
        let command = self.otpost.command(role, &file);
        let child = Child::start(command, &name, self.folder.path())?;
        let mut process = Process { child, address, role, file };
        process.wait_until_ready().await?;
        Ok(process)
    }

    fn write_config(&self, name: &str, role: &str, address: SocketAddr) -> Result<PathBuf> {
        let in_postgres = self.plan.store == Store::Postgres;
        let url = |text: Option<String>| text.unwrap_or_default();
        let config = Config {
            listen: address,
            is_worker: role == "worker",
            data_dir: self.data_dir(),
            database_url: url(self.postgres.as_ref().map(|it| it.url("otpost"))),
            queue_url: url(self.redis.as_ref().map(Redis::url)),
            secrets: in_postgres.then(|| self.secrets.clone()),
            chain: self.plan.chain,
            otp_concurrency: self.plan.otp_concurrency,
        };
        let file = self.folder.path().join(format!("{name}.toml"));
        fs::write(&file, config.to_toml())?;
        Ok(file)
    }
}

impl Process {
    fn spawn(&self, otpost: &Otpost, folder: &std::path::Path) -> Result<Child> {
        let command = otpost.command(self.role, &self.file);
        Child::start(command, &self.child.name, folder)
    }

    async fn restart(&mut self, otpost: &Otpost, folder: &std::path::Path) -> Result<()> {
        self.child = self.spawn(otpost, folder)?;
        self.wait_until_ready().await
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
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
