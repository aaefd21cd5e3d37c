//! `otpost drill`: takes a provider away for a while and tells what messages did meanwhile.

mod report;

use std::{path::Path, process::ExitCode, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use otpost_shared::{
    Home,
    channel::Channel,
    clock::Millis,
    config::Traits,
    db::{DbError, patiently},
    drill::Tally,
    message::{self, NewMessage, Title},
    provider_state::{self, nobody_in_use},
    queue::Lane,
    recipient::Recipient,
    tenant::{DEFAULT_TENANT, DEFAULT_TENANT_NAME},
};
use otpost_worker::chain::Chain;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::report::Report;
use super::PATIENCE;
use crate::{
    args::DrillOptions,
    output::{Done, Failure, moment, print_json},
};

/// All workers know by then that it is away, or back.
const SETTLED: Duration = Duration::from_millis(500);
/// Until what began during the drill has ended; an attempt takes five seconds at most.
const LAST_ONES: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(250);
/// Counting what waits stops here.
const COUNTED: i64 = 1_000_000;

pub async fn run(config: Option<&Path>, options: DrillOptions) -> Done {
    let home = super::open_connected(config).await?;
    let provider = provider(&home, &options)?;
    let chain = otpost_worker::build_chain(&home)?;
    let mut people = Vec::new();
    for to in &options.to {
        let to = super::recipient(&home, to).await?;
        refuse_if_elsewhere(&home, &chain, &provider, &to)?;
        people.push(to);
    }
    refuse_if_nobody_is_left(&home, &chain, &provider).await?;
    let stop = super::stop_signal()?;
    let span = Duration::from_secs(options.secs.into());
    let drill = Drill { home: &home, provider: &provider, span, quiet: options.print.json };
    let one_each = u32::try_from(people.len()).unwrap_or(u32::MAX);
    let texts = options.texts.unwrap_or(one_each);
    let (from, texts) = drill.play(&people, texts, &stop).await?;
    let waiting = last_ones(&home, &stop).await?;
    let (db, until) = (&home.db, home.clock.now());
    let read = |from, until| patiently(PATIENCE, move || Tally::read(db, from, until));
    let before = read(from - (until - from), from).await?;
    let during = read(from, until).await?;
    let report = Report { provider, before, during, waiting, texts };
    if options.print.json {
        print_json(&report.to_json());
    } else {
        report.print();
    }
    Ok(if report.has_passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The one that is asked for, or the first.
fn provider(home: &Home, options: &DrillOptions) -> Result<String, Failure> {
    let names: Vec<&str> = home.config.providers_in_use().map(|(name, _)| name).collect();
    let name = match &options.provider {
        Some(name) => name.as_str(),
        None => names.first().copied().unwrap_or_default(),
    };
    if names.contains(&name) {
        return Ok(name.to_owned());
    }
    let known = names.join(", ");
    Err(Failure::misused(format!("no chain names a provider {name:?}; there are: {known}")))
}

/// A text that would not go to the provider anyway shows nothing of its being away.
fn refuse_if_elsewhere(
    home: &Home,
    chain: &Chain,
    provider: &str,
    to: &Recipient,
) -> Result<(), Failure> {
    let text = Traits::of_text(to, Some(DEFAULT_TENANT_NAME));
    let takers = names(chain, chain.routes().of(&text));
    if takers.contains(&provider) {
        return Ok(());
    }
    let (key, all) = home.config.chain_for(&text);
    let is_passed_over = all.iter().any(|name| name == provider);
    let why = if is_passed_over { ", which takes codes only" } else { "" };
    let takers = if takers.is_empty() { "nobody".to_owned() } else { takers.join(", ") };
    Err(Failure::misused(format!(
        "--to: texts to {to} go by {key} ({takers}) and never to {provider}{why}, so they would show \
         nothing; name somebody whose texts go to it, or leave --to out and choose an hour with traffic"
    )))
}

/// Of these links.
fn names<'a>(chain: &'a Chain, links: &[usize]) -> Vec<&'a str> {
    links.iter().filter_map(|place| chain.links().get(*place)).map(|l| l.name.as_str()).collect()
}

/// A drill must not become an outage: whatever would go to the provider needs another that takes it.
async fn refuse_if_nobody_is_left(
    home: &Home,
    chain: &Chain,
    provider: &str,
) -> Result<(), Failure> {
    let now = home.clock.now();
    let states = provider_state::list(&home.db).await?;
    if let Some(trouble) = nobody_in_use(&states, &[(provider, None)], now) {
        return Err(Failure::new(format!("{trouble} already")));
    }
    for (lane, what) in [(Lane::Otp, "codes"), (Lane::Bulk, "messages that are no codes")] {
        for (of, links) in chain.routes().reached(lane) {
            let takers = names(chain, links);
            if !takers.contains(&provider) {
                continue;
            }
            let others = takers.into_iter().filter(|name| *name != provider);
            let others: Vec<_> = others.map(|name| (name, None)).collect();
            if others.is_empty() {
                return Err(Failure::new(format!(
                    "{of} has only {provider} for {what}: without another provider in it that takes \
                     them none would be sent; add one first"
                )));
            }
            if let Some(troubles) = nobody_in_use(&states, &others, now) {
                return Err(Failure::new(format!(
                    "{of}: nobody would be left to send {what}: {troubles}"
                )));
            }
        }
    }
    if !super::is_worker_alive(home).await? {
        return Err(Failure::new(
            "no worker lives; start one with `otpost worker` or `otpost serve`",
        ));
    }
    Ok(())
}

struct Drill<'a> {
    home: &'a Home,
    provider: &'a str,
    span: Duration,
    quiet: bool,
}

/// What was sent for the drill itself.
#[derive(Default)]
struct Texts {
    accepted: usize,
    /// Why the last one was not.
    refused: Option<String>,
}

impl Drill<'_> {
    /// Takes it away and gives it back, also when it is interrupted. When it began, and what was
    /// sent for it.
    async fn play(
        &self,
        people: &[Recipient],
        texts: u32,
        stop: &CancellationToken,
    ) -> Result<(Millis, Texts), Failure> {
        let Self { home, provider, span, .. } = self;
        let ms = i64::try_from(span.as_millis()).unwrap_or_default();
        let until = home.clock.now() + ms;
        provider_state::mark_drilled(&home.db, provider, until, home.clock.now()).await?;
        tokio::time::sleep(SETTLED).await;
        let from = home.clock.now();
        let sent = self.send_texts(people, texts, stop).await;
        // If this fails, its time ends by itself.
        let back = || provider_state::mark_drilled(&home.db, provider, 0, home.clock.now());
        patiently(PATIENCE, back).await.map_err(|error| {
            let until = moment(until);
            Failure::new(format!(
                "{error}; {provider} was not given back: it is away until {until}"
            ))
        })?;
        tokio::time::sleep(SETTLED).await;
        Ok((from, sent))
    }

    /// Waits for the end, and sends its texts meanwhile.
    async fn send_texts(
        &self,
        people: &[Recipient],
        texts: u32,
        stop: &CancellationToken,
    ) -> Texts {
        let (began, end) = (Instant::now(), Instant::now() + self.span - SETTLED.min(self.span));
        let bar = self.bar();
        let mut sent = Texts::default();
        let (mut number, mut turns) = (0, people.iter().cycle());
        while Instant::now() < end && !stop.is_cancelled() {
            if number < texts
                && Instant::now() >= began + (end - began) * number / texts
                && let Some(to) = turns.next()
            {
                number += 1;
                self.send_text(to, number, texts, &mut sent).await;
                continue;
            }
            bar.set_position(began.elapsed().as_secs());
            let pause = LOOK.min(end.saturating_duration_since(Instant::now()));
            stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
        bar.finish_and_clear();
        sent
    }

    async fn send_text(&self, to: &Recipient, number: u32, all: u32, sent: &mut Texts) {
        let app = &self.home.config.texts.app;
        let title = (to.channel() == Channel::Email).then(|| format!("{app}: a drill"));
        let title = match Title::of(to.channel(), title) {
            Ok(title) => title,
            Err(error) => {
                sent.refused = Some(error.to_string());
                return;
            }
        };
        let new = NewMessage {
            tenant_id: DEFAULT_TENANT,
            to: to.clone(),
            title,
            text: format!("{app}: a drill, text {number} of {all}."),
            language: None,
            client: None,
            idempotency_key: None,
        };
        match message::accept(self.home, new).await {
            Ok(_) => sent.accepted += 1,
            Err(refused) => sent.refused = Some(Failure::from(refused).to_string()),
        }
    }

    fn bar(&self) -> ProgressBar {
        if self.quiet {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} s")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let message = format!("{} is away; Ctrl-C gives it back", self.provider);
        ProgressBar::new(self.span.as_secs()).with_style(style).with_message(message)
    }
}

/// Waits until nothing is on its way any more, for a while; how many messages are.
async fn last_ones(home: &Home, stop: &CancellationToken) -> Result<i64, DbError> {
    let give_up = Instant::now() + LAST_ONES;
    loop {
        let open = patiently(PATIENCE, || count_open(home)).await?;
        if open == 0 || Instant::now() > give_up || stop.is_cancelled() {
            return Ok(open);
        }
        stop.run_until_cancelled(tokio::time::sleep(LOOK)).await;
    }
}

/// Messages of both lanes that wait or are being sent.
async fn count_open(home: &Home) -> Result<i64, DbError> {
    let mut all = message::count_sending(&home.db, COUNTED).await?;
    for lane in Lane::ALL {
        all += message::count_waiting(&home.db, lane, COUNTED).await?;
    }
    Ok(all)
}
