//! One complete installation: servers, product processes, configuration and an API key.

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use sqlx::{PgPool, postgres::PgPoolOptions};
use tempfile::TempDir;

use super::{
    Child, Lines, Otpost, Postgres, Process, Redis, Roster, SmallDisk, Usage, Wiring, free_address,
};
use crate::{
    error::{Result, while_doing},
    http::Client,
    product::{Chain, Config, Secrets},
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

/// Fields are dropped in this order: the product first, then its servers, then the folder.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) apis: Vec<Process>,
    pub(crate) workers: Vec<Process>,
    pub(crate) redis: Option<Redis>,
    pub(crate) postgres: Option<Postgres>,
    pub(crate) key: String,
    /// Under the database, where the wiring asks for one.
    pub(crate) disk: Option<SmallDisk>,
    pub(crate) roster: Roster,
    plan: Plan,
    wiring: Wiring,
    secrets: Secrets,
    otpost: Otpost,
    /// Empty in the embedded home.
    database_url: String,
    queue_url: String,
    folder: TempDir,
}

impl Home {
    pub(crate) async fn build(otpost: &Otpost, plan: Plan) -> Result<Self> {
        Self::build_wired(otpost, plan, Wiring::default()).await
    }

    pub(crate) async fn build_wired(otpost: &Otpost, plan: Plan, wiring: Wiring) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("otpost-bench-").tempdir()?;
        // Postgres may run as another user and must be able to reach its own folder inside.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o711))?;
        let below = if plan.store == Store::Sqlite { "data" } else { "postgres" };
        let disk = wiring.disk_mb.map(|size| {
            let below = folder.path().join(below);
            fs::create_dir_all(&below)?;
            SmallDisk::mount(&below, size)
        });
        let disk = disk.transpose()?;
        let (postgres, redis) = match plan.store {
            Store::Sqlite => (None, None),
            Store::Postgres => (
                Some(Postgres::start(folder.path(), &wiring.postgres).await?),
                Some(Redis::start(folder.path()).await?),
            ),
        };
        let mut home = Self {
            apis: Vec::new(),
            workers: Vec::new(),
            database_url: postgres.as_ref().map(|it| it.url("otpost")).unwrap_or_default(),
            queue_url: redis.as_ref().map(Redis::url).unwrap_or_default(),
            redis,
            postgres,
            key: String::new(),
            disk,
            roster: Roster::default(),
            secrets: Secrets::new(1),
            otpost: otpost.clone(),
            plan,
            wiring,
            folder,
        };
        home.settle().await?;
        Ok(home)
    }

    /// A second installation on the servers of this one: a database and a Redis of its own, the
    /// same machine and settings. It must be dropped first.
    pub(crate) async fn beside(&self, database: &str) -> Result<Self> {
        let (Some(postgres), Some(redis)) = (&self.postgres, &self.redis) else {
            return Err("this home has no servers to share".into());
        };
        postgres.create_database(database).await?;
        let mut home = Self {
            apis: Vec::new(),
            workers: Vec::new(),
            redis: None,
            postgres: None,
            key: String::new(),
            plan: self.plan.clone(),
            disk: None,
            roster: Roster::default(),
            wiring: self.wiring.clone(),
            secrets: self.secrets.clone(),
            otpost: self.otpost.clone(),
            database_url: postgres.url(database),
            queue_url: redis.url_of(1),
            folder: tempfile::Builder::new().prefix("otpost-bench-").tempdir()?,
        };
        home.settle().await?;
        Ok(home)
    }

    async fn settle(&mut self) -> Result<()> {
        let file = self.write_config("setup", "api", free_address()?, None)?;
        self.otpost.migrate(&file)?;
        self.key = self.otpost.create_key(&file)?;
        for _ in 0..self.plan.apis.max(1) {
            self.start_api().await?;
            if self.plan.store == Store::Sqlite {
                break;
            }
        }
        for _ in 0..self.plan.workers {
            self.start_worker().await?;
        }
        Ok(())
    }

    /// One of the product's other commands, on this installation.
    pub(crate) fn command(&self, name: &str) -> Command {
        self.otpost.command(name, &self.folder.path().join("setup.toml"))
    }

    /// The same with the configuration of the first API, which knows where providers reach it.
    pub(crate) fn command_of_api(&self, name: &str) -> Result<Command> {
        let api = self.apis.first().ok_or("no API process")?;
        Ok(self.otpost.command(name, &api.file))
    }

    /// Where this home's files are; Postgres may read what is in it.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
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

    /// Ends all API processes in good order.
    pub(crate) fn end_apis(&mut self) -> Result<()> {
        for mut api in self.apis.drain(..) {
            api.child.end()?;
        }
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
        self.respawn_worker(which)?;
        self.workers.get_mut(which).ok_or("no such worker")?.wait_until_ready().await
    }

    /// As [`Self::revive_worker`], but without waiting for it to be ready.
    pub(crate) fn respawn_worker(&mut self, which: usize) -> Result<()> {
        let worker = self.workers.get(which).ok_or("no such worker")?;
        let child = self.spawn(worker)?;
        self.workers[which].child = child;
        Ok(())
    }

    /// `SIGKILL` to one API process, or to the one `serve`.
    pub(crate) fn kill_api(&mut self, which: usize) -> Result<()> {
        self.apis.get_mut(which).ok_or("no such API process")?.child.kill()
    }

    /// Starts a killed API process again at its old address, without waiting for it to be ready.
    pub(crate) fn respawn_api(&mut self, which: usize) -> Result<()> {
        let api = self.apis.get(which).ok_or("no such API process")?;
        let child = self.spawn(api)?;
        self.apis[which].child = child;
        Ok(())
    }

    /// Ends the first API process and starts it again; returns the time from the start of the
    /// new process to the moment `accepted` has succeeded.
    pub(crate) async fn restart_api<F>(&mut self, accepted: F) -> Result<Duration>
    where
        F: AsyncFnOnce(SocketAddr) -> Result<()>,
    {
        let api = self.apis.first_mut().ok_or("no API process")?;
        api.child.end()?;
        let (began, address) = (Instant::now(), api.address);
        self.respawn_api(0)?;
        accepted(address).await?;
        Ok(began.elapsed())
    }

    pub(crate) fn client(&self, which: usize) -> Client {
        let address = self.apis[which % self.apis.len()].address;
        let key = self.key.clone();
        Client { address, key }
    }

    /// A small pool of our own to look into the product's database.
    pub(crate) async fn pool(&self) -> Result<PgPool> {
        if self.database_url.is_empty() {
            return Err("this home has no Postgres".into());
        }
        PgPoolOptions::new()
            .max_connections(4)
            .connect(&self.database_url)
            .await
            .map_err(while_doing("connecting to the product's database"))
    }

    /// Where the embedded home keeps its data.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The last few lines that each of the product's processes wrote, of those that wrote any.
    pub(crate) fn last_words(&self) -> BTreeMap<String, String> {
        let brief = |words: String| {
            let lines: Vec<String> =
                words.lines().rev().take(4).map(|line| line.chars().take(240).collect()).collect();
            lines.into_iter().rev().collect::<Vec<_>>().join("\n")
        };
        let processes = self.apis.iter().chain(&self.workers);
        let words = processes.map(|it| (it.child.name.clone(), brief(it.child.last_words())));
        words.filter(|(_, words)| !words.is_empty()).collect()
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

    /// Starts a process and waits for it; on another port when somebody was quicker to take one.
    async fn launch(&self, role: &'static str, number: usize) -> Result<Process> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.launch_at(free_address()?, role, number).await {
                Err(error) if tries < 5 && error.to_string().contains("already in use") => {}
                ended => return ended,
            }
        }
    }

    async fn launch_at(
        &self,
        address: SocketAddr,
        role: &'static str,
        number: usize,
    ) -> Result<Process> {
        let name = format!("{role}-{}", number + 1);
        let lines = match self.wiring.gateways {
            Some(gateways) => {
                let database = self.postgres.as_ref().map(|it| it.address);
                let queue = self.redis.as_ref().map(|it| it.address);
                Some(Lines::lay(gateways, database, queue).await?)
            }
            None => None,
        };
        let file = self.write_config(&name, role, address, lines.as_ref())?;
        let child = self.start(role, &name, &file, lines.as_ref())?;
        let mut process = Process { child, address, lines, role, file };
        process.wait_until_ready().await?;
        Ok(process)
    }

    fn spawn(&self, process: &Process) -> Result<Child> {
        let name = &process.child.name;
        self.start(process.role, name, &process.file, process.lines.as_ref())
    }

    fn start(&self, role: &str, name: &str, file: &Path, lines: Option<&Lines>) -> Result<Child> {
        let mut command = self.otpost.command(role, file);
        self.wiring.environment(name, lines, &mut command);
        let child = Child::start(command, name, self.folder.path())?;
        self.roster.put(name, child.id());
        Ok(child)
    }

    fn write_config(
        &self,
        name: &str,
        role: &str,
        address: SocketAddr,
        lines: Option<&Lines>,
    ) -> Result<PathBuf> {
        let in_postgres = self.plan.store == Store::Postgres;
        let database = lines.and_then(|lines| lines.database.as_ref()).map(|it| it.address);
        let queue = lines.and_then(|lines| lines.queue.as_ref()).map(|it| it.address);
        let config = Config {
            listen: address,
            is_worker: role == "worker",
            data_dir: self.data_dir(),
            database_url: match database {
                Some(proxy) => Postgres::url_at(proxy, "otpost"),
                None => self.database_url.clone(),
            },
            queue_url: queue.map_or_else(|| self.queue_url.clone(), Redis::url_at),
            secrets: in_postgres.then(|| self.secrets.clone()),
            chain: self.plan.chain,
            otp_concurrency: self.plan.otp_concurrency,
            public: self.wiring.reports.then(|| self.apis.first().map_or(address, |it| it.address)),
        };
        let file = self.folder.path().join(format!("{name}.toml"));
        fs::write(&file, config.to_toml())?;
        Ok(file)
    }
}
