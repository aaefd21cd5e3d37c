//! The bare limits: what Postgres, `SQLite` and an HTTP client do with nothing around them.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use sqlx::{
    AssertSqlSafe, Connection, Executor, PgPool, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tempfile::TempDir;

use crate::{
    error::{Error, Result, while_doing},
    gateway::{Twilio, now_us},
    harness::{Home, find},
    numbers::Numbers,
    product,
};

/// Rows of the table that the bare update works on.
const ROWS: u64 = 100_000;

/// Two tables shaped like the product's, in its own database, for `pgbench`.
pub(crate) struct BarePostgres {
    url: String,
    scripts: TempDir,
}

impl BarePostgres {
    /// Needs at least one verification to take the row width from.
    pub(crate) async fn prepare(home: &Home, pool: &PgPool) -> Result<Self> {
        let postgres = home.postgres.as_ref().ok_or("this home has no Postgres")?;
        let sample = product::sample_columns(pool).await?;
        let (mut names, mut values) = (String::new(), String::new());
        for (name, value) in &sample {
            write!(names, ", {name}")?;
            write!(values, ", {value}")?;
        }
        for table in ["bare_insert", "bare_update"] {
            let make = format!("CREATE TABLE {table} (LIKE verifications INCLUDING ALL)");
            pool.execute(AssertSqlSafe(make)).await?;
        }
        let fill = format!(
            "INSERT INTO bare_update (id{names})
             SELECT {}{values} FROM generate_series(1, {ROWS}) AS n",
            counted("n")
        );
        pool.execute(AssertSqlSafe(fill)).await?;
        pool.execute("ANALYZE bare_update").await?;
        let scripts = tempfile::tempdir()?;
        // Ids grow with the time, as the product's do: random ones would slow the bare limit.
        let insert = format!(
            "\\set n :n + 1\n\\set id :n * 16 + :client_id\n\
             INSERT INTO bare_insert (id{names}) VALUES ({}{values});\n",
            counted(":id::bigint")
        );
        std::fs::write(scripts.path().join("insert.sql"), insert)?;
        let update = format!(
            "\\set r random(1, {ROWS})\nUPDATE bare_update SET guesses = guesses + 1 WHERE id = {} RETURNING guesses;\n",
            counted(":r::bigint")
        );
        std::fs::write(scripts.path().join("update.sql"), update)?;
        let url = postgres.url("otpost");
        Ok(Self { url, scripts })
    }

    /// Committed single-row inserts per second by 16 clients.
    pub(crate) async fn inserts(&self, time: Duration) -> Result<f64> {
        self.pgbench("insert.sql", time).await
    }

    /// Committed single-row updates by key per second by 16 clients.
    pub(crate) async fn updates(&self, time: Duration) -> Result<f64> {
        self.pgbench("update.sql", time).await
    }

    async fn pgbench(&self, script: &str, time: Duration) -> Result<f64> {
        let mut command = Command::new(find("pgbench")?);
        command
            .args(["-n", "-M", "prepared", "-c", "16", "-T"])
            .arg(time.as_secs().max(1).to_string())
            .arg(format!("--define=n={}", now_us()))
            .arg("-f")
            .arg(self.scripts.path().join(script))
            .arg(&self.url);
        let ended = tokio::task::spawn_blocking(move || command.output()).await?;
        let ended = ended.map_err(while_doing("running pgbench"))?;
        let printed = String::from_utf8_lossy(&ended.stdout);
        let line = printed.lines().find_map(|line| line.strip_prefix("tps = "));
        let rate = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        rate.ok_or_else(|| {
            let words = String::from_utf8_lossy(&ended.stderr);
            format!("pgbench did not say its rate: {words}").into()
        })
    }
}

/// A number as an id, in SQL.
fn counted(number: &str) -> String {
    format!("lpad(to_hex({number}), 32, '0')::uuid")
}

/// Posts to the gateway's Twilio path with so many in flight; requests per second.
pub(crate) async fn posts(gateway: SocketAddr, in_flight: usize, time: Duration) -> Result<f64> {
    let account = Twilio::default();
    let url = format!("http://{gateway}/2010-04-01/Accounts/{}/Messages.json", account.account_sid);
    let client = reqwest::Client::builder().pool_max_idle_per_host(in_flight).build()?;
    let (began, numbers) = (Instant::now(), Numbers::new(3));
    let mut running = tokio::task::JoinSet::new();
    for lane in 0..in_flight as u64 {
        let (client, url) = (client.clone(), url.clone());
        let (user, password) = (account.account_sid.clone(), account.auth_token.clone());
        running.spawn(async move {
            let mut sent = 0_u64;
            while began.elapsed() < time {
                let to = numbers.american(lane * 1_000_000 + sent);
                let text = "Your code is 123456. It is good for 10 minutes.";
                let form = [("To", to.as_str()), ("From", "+15005550006"), ("Body", text)];
                let request = client.post(&url).basic_auth(&user, Some(&password));
                let answer = request.form(&form).send().await?.error_for_status()?;
                answer.bytes().await?;
                sent += 1;
            }
            Ok::<_, Error>(sent)
        });
    }
    let mut all = 0;
    while let Some(ended) = running.join_next().await {
        all += ended??;
    }
    Ok(all as f64 / began.elapsed().as_secs_f64())
}

/// A loop of one-row commits into a table like the product's, in a file beside the product's,
/// as durable as it: WAL and `synchronous = FULL`.
pub(crate) struct BareSqlite {
    connection: SqliteConnection,
    insert: String,
    next: u128,
}

impl BareSqlite {
    /// Needs at least one verification in the product's database.
    pub(crate) async fn prepare(data_dir: &Path) -> Result<Self> {
        let theirs = SqliteConnectOptions::new().filename(sqlite_file(data_dir)?);
        let mut theirs = SqliteConnection::connect_with(&theirs.read_only(true)).await?;
        let made: Vec<String> = sqlx::query_scalar(
            "SELECT sql FROM sqlite_master WHERE tbl_name = 'verifications' AND sql IS NOT NULL
             ORDER BY type DESC",
        )
        .fetch_all(&mut theirs)
        .await?;
        let columns: Vec<String> =
            sqlx::query_scalar("SELECT name FROM pragma_table_info('verifications')")
                .fetch_all(&mut theirs)
                .await?;
        let (mut names, mut values) = ("id".to_owned(), "$1".to_owned());
        for column in columns.iter().filter(|column| *column != "id") {
            let literal = format!("SELECT quote({column}) FROM verifications LIMIT 1");
            let literal = sqlx::query_scalar::<_, String>(AssertSqlSafe(literal));
            write!(names, ", {column}")?;
            write!(values, ", {}", literal.fetch_one(&mut theirs).await?)?;
        }
        theirs.close().await?;
        let ours = SqliteConnectOptions::new()
            .filename(data_dir.join("bare.sqlite"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut connection = SqliteConnection::connect_with(&ours).await?;
        for statement in made {
            connection.execute(AssertSqlSafe(statement)).await?;
        }
        let insert = format!("INSERT INTO verifications ({names}) VALUES ({values})");
        let next = u128::from(now_us()) << 64;
        Ok(Self { connection, insert, next })
    }

    pub(crate) async fn inserts(&mut self, time: Duration) -> Result<f64> {
        let (began, mut count) = (Instant::now(), 0_u64);
        while began.elapsed() < time {
            self.next += 1;
            let id = self.next.to_be_bytes().to_vec();
            sqlx::query(AssertSqlSafe(self.insert.clone()))
                .bind(id)
                .execute(&mut self.connection)
                .await?;
            count += 1;
        }
        Ok(count as f64 / began.elapsed().as_secs_f64())
    }
}

/// The one file in the folder that begins as `SQLite` files do.
fn sqlite_file(folder: &Path) -> Result<PathBuf> {
    let files = std::fs::read_dir(folder).map_err(while_doing(&folder.display().to_string()))?;
    let is_database = |path: &PathBuf| {
        let begin = std::fs::File::open(path).and_then(|mut file| {
            let mut begin = [0; 15];
            std::io::Read::read_exact(&mut file, &mut begin)?;
            Ok(begin)
        });
        begin.is_ok_and(|begin| begin == *b"SQLite format 3")
            && path.file_name().is_some_and(|name| name != "bare.sqlite")
    };
    let found = files.flatten().map(|entry| entry.path()).find(is_database);
    found.ok_or_else(|| format!("no SQLite file in {}", folder.display()).into())
}
