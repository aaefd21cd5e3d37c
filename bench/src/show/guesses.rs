//! Show: two hundred guesses released at one moment against one verification, the right one
//! among them. However parallel, at most five may take effect and at most one may succeed.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{sync::Barrier, task::JoinSet};

use super::Checks;
use crate::{
    error::{Error, Result},
    gateway::Gateway,
    harness::{Home, Otpost, Plan, Store},
    http::{Client, Connection},
    numbers::{Dice, Numbers},
    product::{self, Accepted, Chain},
};

/// The guesses a verification allows by default.
const LIMIT: u64 = 5;
const PATIENCE: Duration = Duration::from_secs(20);

/// What `guesses` can be told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) store: Store,
    pub(crate) rounds: u64,
    pub(crate) guesses: usize,
    pub(crate) seed: u64,
}

/// True if no round had more than five effects or more than one success.
pub(crate) async fn run(otpost: &Otpost, options: Options) -> Result<bool> {
    let gateway = Gateway::on_free_port().await?;
    let in_postgres = options.store == Store::Postgres;
    let chain = if in_postgres { Chain::Twilio(gateway.address) } else { Chain::Console };
    let plan = Plan {
        store: options.store,
        apis: 2,
        workers: usize::from(in_postgres),
        chain,
        otp_concurrency: None,
    };
    let home = Home::build(otpost, plan).await?;
    let mut stage = Stage::open(&home, options.guesses).await?;
    let numbers = Numbers::new(options.seed);
    let mut dice = Dice::new(options.seed);
    let mut rounds = Vec::new();
    for round in 0..options.rounds {
        let to = numbers.american(round);
        let accepted = stage.start(&to).await?;
        let code = if in_postgres {
            code_from_gateway(&gateway, &to).await?
        } else {
            code_from_inbox(&home.client(0), &to).await?
        };
        let place = usize::try_from(dice.below(options.guesses as u64))?;
        let statuses = stage.release(&accepted, &codes(&code, options.guesses, place)).await?;
        rounds.push(statuses);
    }
    report(&rounds, options)
}

/// How often each status was answered in one round; 0 stands for no answer.
type Statuses = BTreeMap<u16, u64>;

struct Stage {
    clients: Vec<Client>,
    connections: Vec<(usize, Connection)>,
}

impl Stage {
    /// Opens the connections, by turns to each API process.
    async fn open(home: &Home, count: usize) -> Result<Self> {
        let clients: Vec<Client> = (0..home.apis.len()).map(|which| home.client(which)).collect();
        let mut connections = Vec::with_capacity(count);
        for number in 0..count {
            let which = number % clients.len();
            connections.push((which, Connection::open(clients[which].address).await?));
        }
        Ok(Self { clients, connections })
    }

    async fn start(&self, to: &str) -> Result<Accepted> {
        let client = &self.clients[0];
        let request = client.post(product::START, Some(to), &product::create_body(to));
        Accepted::read(&client.call(&request, PATIENCE).await?)
    }

    async fn release(&mut self, accepted: &Accepted, codes: &[String]) -> Result<Statuses> {
        let barrier = Arc::new(Barrier::new(self.connections.len()));
        let mut running = JoinSet::new();
        for ((which, mut connection), code) in self.connections.drain(..).zip(codes) {
            let body = product::check_body(&accepted.session_token, code);
            let request = self.clients[which].post(product::CHECK, None, &body);
            let address = self.clients[which].address;
            let barrier = Arc::clone(&barrier);
            running.spawn(async move {
                if !connection.usable {
                    connection = Connection::open(address).await?;
                }
                barrier.wait().await;
                let called = tokio::time::timeout(PATIENCE, connection.call(&request)).await;
                let status = called.ok().and_then(Result::ok).map_or(0, |answer| answer.status);
                Ok::<_, Error>((which, connection, status))
            });
        }
        let mut statuses = Statuses::new();
        while let Some(ended) = running.join_next().await {
            let (which, connection, status) = ended??;
            self.connections.push((which, connection));
            *statuses.entry(status).or_default() += 1;
        }
        Ok(statuses)
    }
}

/// The right code at `place`, all others wrong and different.
fn codes(right: &str, count: usize, place: usize) -> Vec<String> {
    let (length, number): (usize, u64) = (right.len(), right.parse().unwrap_or(0));
    let all = 10_u64.pow(u32::try_from(length).unwrap_or(6));
    let mut codes: Vec<String> =
        (1..count as u64).map(|step| format!("{:0length$}", (number + step * 7) % all)).collect();
    codes.insert(place, right.to_owned());
    codes
}

async fn code_from_gateway(gateway: &Gateway, to: &str) -> Result<String> {
    for _ in 0..4_000 {
        let log = gateway.state.log.of(to);
        if let Some(code) = log.first().and_then(|seen| product::code_in(&seen.text)) {
            return Ok(code.to_owned());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Err("no code reached the gateway within 20 s".into())
}

async fn code_from_inbox(client: &Client, to: &str) -> Result<String> {
    let request = client.get(&product::inbox_path(to));
    let mut last = String::new();
    for _ in 0..2_000 {
        let inbox = client.call(&request, PATIENCE).await?;
        if let Some(code) = product::code_of(&inbox.json()) {
            return Ok(code);
        }
        last = format!("{} {}", inbox.status, inbox.text());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err(format!("no code in the inbox within 20 s: {last}").into())
}

fn report(rounds: &[Statuses], options: Options) -> Result<bool> {
    let of = |round: &Statuses, status| round.get(&status).copied().unwrap_or(0);
    let effects = |round: &Statuses| of(round, 200) + of(round, 422);
    let mut all = Statuses::new();
    for (status, count) in rounds.iter().flatten() {
        *all.entry(*status).or_default() += count;
    }
    let most = rounds.iter().map(effects).max().ok_or("no rounds")?;
    let least = rounds.iter().map(effects).min().unwrap_or(0);
    let successes = rounds.iter().map(|round| of(round, 200)).max().unwrap_or(0);
    let verified = rounds.iter().filter(|round| of(round, 200) == 1).count();
    let mut checks = Checks::default();
    let seen = format!("{least} to {most} in {} rounds", rounds.len());
    checks.add("never more than 5 guesses take effect", most <= LIMIT, seen);
    // Ending early by the right code is the only reason for fewer than five.
    let short = |round: &&Statuses| effects(round) < LIMIT && of(round, 200) == 0;
    let short = rounds.iter().filter(short).count();
    checks.add("nor fewer, unless one was right", short == 0, format!("{short} rounds"));
    let seen = format!("in {verified} rounds the right one came in time");
    checks.add("never more than 1 success", successes <= 1, seen);
    let odd: Vec<_> = all.keys().filter(|it| ![200, 409, 422, 423].contains(*it)).collect();
    let seen = format!("{all:?}");
    checks.add("every answer is 200, 409, 422 or 423", odd.is_empty(), seen);
    let home = match options.store {
        Store::Sqlite => "one `otpost serve`, SQLite",
        Store::Postgres => "two `otpost api`, Postgres",
    };
    Ok(checks.print(&format!("{} guesses at one barrier, {home}", options.guesses)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_code_is_right() {
        let codes = codes("000042", 200, 17);
        assert_eq!(codes.len(), 200);
        assert_eq!(codes[17], "000042");
        assert_eq!(codes.iter().filter(|code| *code == "000042").count(), 1);
        assert!(codes.iter().all(|code| code.len() == 6));
    }
}
