//! The bare limits: what Postgres and an HTTP client do with nothing around them.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use sqlx::{AssertSqlSafe, Executor, PgPool};
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
            like_storage(pool, "verifications", table).await?;
        }
        // With room in its pages an update need not touch any index: as good as it can get.
        pool.execute("ALTER TABLE bare_update SET (fillfactor = 70)").await?;
        let fill = format!(
            "INSERT INTO bare_update (id{names})
             SELECT {}{values} FROM generate_series(1, {ROWS}) AS n",
            counted("n")
        );
        pool.execute(AssertSqlSafe(fill)).await?;
        pool.execute("VACUUM (ANALYZE) bare_update").await?;
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
        rate_of(&printed).filter(|_| ended.status.success()).ok_or_else(|| {
            let words = String::from_utf8_lossy(&ended.stderr);
            format!("pgbench ended with {}: {printed}\n{words}", ended.status).into()
        })
    }
}

/// Transactions per second as `pgbench` printed it; none unless it says that none failed.
fn rate_of(printed: &str) -> Option<f64> {
    let first_after = |start: &str| {
        let rest = printed.lines().find_map(|line| line.strip_prefix(start))?;
        rest.split_whitespace().next()
    };
    let failed = first_after("number of failed transactions: ")?;
    first_after("tps = ").filter(|_| failed == "0")?.parse().ok()
}

/// Gives `to` the storage settings of `from`, which `LIKE` leaves out.
async fn like_storage(pool: &PgPool, from: &str, to: &str) -> Result<()> {
    let settings: Option<String> = sqlx::query_scalar(
        "SELECT array_to_string(reloptions, ', ') FROM pg_class WHERE oid = $1::regclass",
    )
    .bind(from)
    .fetch_one(pool)
    .await?;
    if let Some(settings) = settings {
        let set = format!("ALTER TABLE {to} SET ({settings})");
        pool.execute(AssertSqlSafe(set)).await?;
    }
    Ok(())
}

/// The messages of a database as a file of the server, and a table like theirs to copy it into:
/// no client, no parsing of text.
pub(crate) struct BareCopy {
    pool: PgPool,
    file: PathBuf,
    rows: u64,
}

impl BareCopy {
    /// Takes what the table of messages holds at this moment.
    pub(crate) async fn prepare(home: &Home, pool: &PgPool) -> Result<Self> {
        pool.execute("CREATE TABLE bare_copy (LIKE messages INCLUDING ALL)").await?;
        like_storage(pool, "messages", "bare_copy").await?;
        let file = home.folder().join("postgres/bare.copy");
        let write = format!("COPY messages TO '{}' (FORMAT binary)", file.display());
        let rows = pool.execute(AssertSqlSafe(write)).await?.rows_affected();
        Ok(Self { pool: pool.clone(), file, rows })
    }

    /// Rows per second into the empty table, in one committed statement.
    pub(crate) async fn copy(&self) -> Result<f64> {
        self.pool.execute("TRUNCATE bare_copy").await?;
        self.pool.execute("CHECKPOINT").await?;
        let read = format!("COPY bare_copy FROM '{}' (FORMAT binary)", self.file.display());
        let began = Instant::now();
        self.pool.execute(AssertSqlSafe(read)).await?;
        Ok(self.rows as f64 / began.elapsed().as_secs_f64())
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

#[cfg(test)]
mod tests {
    use super::rate_of;

    #[test]
    fn a_limit_with_failures_is_none() {
        let printed = |failed| {
            format!("number of failed transactions: {failed}\ntps = 123.5 (without initial)\n")
        };
        assert_eq!(rate_of(&printed("0 (0.000%)")), Some(123.5));
        assert_eq!(rate_of(&printed("3 (0.100%)")), None);
        assert_eq!(rate_of("tps = 123.5 (without initial)\n"), None);
    }
}
