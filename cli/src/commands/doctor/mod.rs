//! `otpost doctor`: is everything as it must be, and if not, what to mend.

mod compat;

use std::{path::Path, process::ExitCode, time::Duration};

use otpost_shared::{
    Home,
    clock::{Clock, Millis},
    config::{self, Config, Route},
    message::{self, REPORTED_WITHIN_MS, Sample},
    provider_region::{self, ProviderRegion},
    provider_state::{self, ProviderState},
    rate::Rate,
    settings::Trouble,
    tenant,
    webhook::{self, Webhook},
};
use otpost_worker::routes::CODES_ALONE;
use serde_json::json;

use crate::{
    args::DoctorOptions,
    logging,
    output::{Done, Failure, print_json, say},
};

/// So much of an address's key is shown: enough to tell it from another.
const SHOWN: usize = 4;

/// A machine whose clock is further off than this gets a warning: its logs will not match.
const CLOCK_MS: i64 = 2_000;

struct Finding {
    what: String,
    good: bool,
    /// As it stands before the line.
    mark: &'static str,
    said: String,
}

impl Finding {
    fn new(what: impl Into<String>, result: Result<String, String>) -> Self {
        let good = result.is_ok();
        let mark = if good { "ok  " } else { "BAD " };
        Self { what: what.into(), good, mark, said: result.unwrap_or_else(|said| said) }
    }

    /// Nothing is wrong, and somebody may have meant something else.
    fn note(what: impl Into<String>, said: impl Into<String>) -> Self {
        Self { what: what.into(), good: true, mark: "note", said: said.into() }
    }
}

pub async fn run(path: Option<&Path>, options: DoctorOptions) -> Done {
    let findings = examine(path, options.show_addresses).await;
    let good = findings.iter().all(|f| f.good);
    if options.print.json {
        print_json(&json!({
            "good": good,
            "findings": findings.iter().map(|f| json!({
                "what": f.what, "good": f.good, "said": f.said,
            })).collect::<Vec<_>>(),
        }));
    } else {
        for finding in &findings {
            say!("{} {:20} {}", finding.mark, finding.what, finding.said);
        }
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn examine(path: Option<&Path>, show_addresses: bool) -> Vec<Finding> {
    let config = match load(path) {
        Ok(config) => config,
        Err(failure) => {
            return vec![Finding::new("configuration", Err(failure.to_string()))];
        }
    };
    let source = match &config.source.path {
        Some(path) => format!("{} and the environment", path.display()),
        None => "defaults and the environment".to_owned(),
    };
    let mut findings = vec![Finding::new("configuration", Ok(source))];
    if let Err(missing) = super::refuse_if_missing(&config) {
        findings.push(Finding::new("database", Err(missing.to_string())));
        return findings;
    }
    let home = match Home::open(config).await {
        Ok(home) => home,
        Err(error) => return vec![Finding::new("configuration", Err(error.to_string()))],
    };
    findings.push(Finding::new(
        "keys",
        Ok(format!("new rows use {} and {}", home.keys.active_kid(), home.keys.active_hash_kid())),
    ));
    findings.push(Finding::new("database", database(&home).await));
    findings.push(Finding::new("clock", clock(&home).await));
    findings.push(Finding::new("redis", redis(&home).await));
    findings.extend(providers(&home).await);
    findings.extend(unused(&home));
    findings.extend(routes(&home).await);
    findings.extend(ended_test_numbers(&home));
    findings.extend(policies(&home).await);
    findings.extend(compat::django(&home).await);
    findings.extend(compat::twilio(&home).await);
    findings.extend(reports(&home).await);
    findings.extend(inbound(&home, show_addresses));
    findings.extend(webhooks(&home).await);
    findings
}

fn load(path: Option<&Path>) -> Result<Config, Failure> {
    let config = config::load(path)?;
    logging::filter(&config.log).map_err(|e| e.at(&config.source))?;
    Ok(config)
}

async fn database(home: &Home) -> Result<String, String> {
    home.db.now().await.map_err(|e| format!("{e}; check database.url and that it runs"))?;
    let file = home.config.database_file();
    let at = file.map(|file| format!(", at {}", file.display())).unwrap_or_default();
    match home.db.pending_migrations().await.map_err(|e| e.to_string())? {
        0 => Ok(format!("answers, tables are up to date{at}")),
        _ if home.config.is_embedded() => {
            Ok(format!("answers{at}; `otpost serve` will make its tables"))
        }
        n => Err(format!("{n} migrations are missing; run `otpost migrate`")),
    }
}

async fn clock(home: &Home) -> Result<String, String> {
    let database =
        home.db.now().await.map_err(|_| "unknown while the database is away".to_owned())?;
    let off = database - Clock::start().now();
    if off.abs() > CLOCK_MS {
        return Err(format!(
            "this machine is {off} ms off the database; codes are not affected, logs are: start an NTP client"
        ));
    }
    Ok(format!("within {} ms of the database", off.abs()))
}

async fn redis(home: &Home) -> Result<String, String> {
    match &home.redis {
        None if home.config.is_embedded() => Ok("not used: API and worker are one process".into()),
        None => Ok("not used: separate workers find messages up to a second later".into()),
        Some(link) => {
            link.ping().await.map_err(|e| format!("{e}; check queue.url and that it runs"))?;
            Ok("answers".into())
        }
    }
}

async fn providers(home: &Home) -> Vec<Finding> {
    let chain = match otpost_worker::build_chain(home) {
        Ok(chain) => chain,
        Err(error) => return vec![Finding::new("providers", Err(error.to_string()))],
    };
    // Of a database that does not answer, or has no tables yet, its own finding tells.
    let states = provider_state::list(&home.db).await.unwrap_or_default();
    let now = home.db.now().await.unwrap_or_default();
    let regions = provider_region::list(&home.db, now).await.unwrap_or_default();
    let mut findings = Vec::new();
    for link in chain.links() {
        let asked = tokio::time::timeout(Duration::from_secs(12), link.provider.check()).await;
        let result = asked.unwrap_or_else(|_| Err("no answer within 12 s".into()));
        findings.push(Finding::new(format!("provider {}", link.name), result));
        if let Some(tokens) = &link.tokens {
            findings.push(Finding::new(
                format!("rate of {}", link.name),
                Ok(told(home, tokens.rate())),
            ));
        }
        if let Some(state) = states.iter().find(|state| state.name == link.name) {
            findings.extend(left_alone(state, now));
        }
        findings.extend(regions.iter().filter(|region| region.provider == link.name).map(refused));
    }
    let for_codes = chain.routes().for_codes_alone();
    findings.extend(for_codes.map(|of| Finding::note(of.to_string(), CODES_ALONE)));
    findings
}

/// A country that it refuses costs nothing while others take it.
fn refused(region: &ProviderRegion) -> Finding {
    let ProviderRegion { provider, country, reason, .. } = region;
    let said = format!(
        "{}, and is asked last for now: {reason}; make it serve the country, name a sender in \
         providers.{provider}.senders, or give {country} a route without it",
        region.in_words()
    );
    Finding::note(format!("calls to {provider}"), said)
}

/// Sections that nobody is sent by; the console's is among the defaults.
fn unused(home: &Home) -> Vec<Finding> {
    let in_use: Vec<&str> = home.config.providers_in_use().map(|(name, _)| name).collect();
    let sections = home.config.providers.iter();
    let unused = sections
        .filter(|(name, section)| section.kind != "console" && !in_use.contains(&name.as_str()));
    let said = "not in use: no chain and no route names it";
    unused.map(|(name, _)| Finding::note(format!("provider {name}"), said)).collect()
}

/// Which messages have a chain of their own, and what is left for the others.
async fn routes(home: &Home) -> Vec<Finding> {
    let config = &home.config;
    let mut findings = Vec::new();
    for (place, route) in config.routes.iter().enumerate() {
        let told = format!("{route}: {}", route.chain.join(", then "));
        let result = unknown_tenant(home, route).await.map_or(Ok(told), |name| {
            Err(format!("there is no tenant {name:?}; take it out of tenants, or make it"))
        });
        findings.push(Finding::new(format!("routes[{place}]"), result));
    }
    if !config.routes.is_empty() {
        for channel in config.chains.available() {
            let chain = config.chains.of(channel).join(", then ");
            let what = format!("chains.{}", channel.as_str());
            findings.push(Finding::new(what, Ok(format!("all that no route takes: {chain}"))));
        }
    }
    findings
}

/// Those that are numbers like others by now: codes go to them, or nowhere.
fn ended_test_numbers(home: &Home) -> Vec<Finding> {
    let said = super::ended_test_numbers(home).into_iter();
    said.map(|said| Finding::note("test numbers", said)).collect()
}

/// Changes that no longer fit. Of a database that does not answer, or has no tables yet, its own finding
/// tells.
async fn policies(home: &Home) -> Vec<Finding> {
    let now = home.db.now().await.unwrap_or_default();
    let Ok(settings) = home.settings.now(&home.db, now).await else { return Vec::new() };
    let finding = |trouble: &Trouble| {
        let said = format!("{trouble}; change it with `otpost policy set`, or the configuration");
        Finding::new(format!("policy {}", trouble.purpose), Err(said))
    };
    settings.troubles().iter().map(finding).collect()
}

/// The first one that a route names and that is not there. Of a database that does not answer its own
/// finding tells.
async fn unknown_tenant<'a>(home: &Home, route: &'a Route) -> Option<&'a str> {
    for name in &route.tenants {
        if matches!(tenant::find_by_name(&home.db, name).await, Ok(None)) {
            return Some(name);
        }
    }
    None
}

/// Whether those report who are asked to; of few codes nothing is said.
async fn reports(home: &Home) -> Vec<Finding> {
    let Ok(now) = home.db.now().await else { return Vec::new() };
    let mut findings = Vec::new();
    for name in home.reporting() {
        let Ok(sample) = message::sample(&home.db, name, now - REPORTED_WITHIN_MS).await else {
            continue;
        };
        let Sample { taken, reported } = sample;
        let said = match (sample.is_silent(), taken) {
            (_, 0) => continue,
            (true, _) => Err(format!(
                "none of the last {taken} codes was reported; {}",
                home.hint_on_reports(name)
            )),
            (false, _) => Ok(format!("{reported} of the last {taken} codes were reported")),
        };
        findings.push(Finding::new(format!("reports of {name}"), said));
    }
    findings
}

/// Where each provider is to bring what people write; its console asks for the address. Whoever has its key
/// can say STOP in anybody's name, where the provider signs nothing.
fn inbound(home: &Home, show_addresses: bool) -> Vec<Finding> {
    let told = |url: String| match url.split_once("?key=") {
        Some((address, key)) if !show_addresses => {
            let shown = key.get(..SHOWN).unwrap_or_default();
            format!("{address}?key={shown}… (`otpost doctor --show-addresses` prints all of it)")
        }
        _ => url,
    };
    let providers = home.config.providers.keys();
    let urls = providers.filter_map(|name| Some((name, home.inbound_url(name)?)));
    urls.map(|(name, url)| Finding::new(format!("replies to {name}"), Ok(told(url)))).collect()
}

/// Endpoints that get nothing any more, or take nothing. Of a database that does not answer, or has no tables
/// yet, its own finding tells.
async fn webhooks(home: &Home) -> Vec<Finding> {
    let troubled = webhook::list_troubled(&home.db).await.unwrap_or_default();
    let finding = |row: &Webhook| {
        let what = format!("webhook {}", row.id);
        match &row.disabled_why {
            Some(why) => Finding::new(
                what,
                Err(format!(
                    "gets nothing any more: {why}; mend what receives it, `otpost webhook enable {}`, and replay",
                    row.id
                )),
            ),
            None => Finding::note(what, format!("{}: {}", super::webhook::fares(row), row.url)),
        }
    };
    troubled.iter().map(finding).collect()
}

/// How a rate was understood, and who keeps to it.
fn told(home: &Home, rate: &Rate) -> String {
    let Rate { burst, bulk_percent, .. } = rate;
    let together = match &home.redis {
        Some(_) => "all workers together",
        None if home.config.is_embedded() => "by this one process",
        None => "each worker its share, as there is no Redis",
    };
    format!(
        "{rate} and {burst} at once, {together}; beside codes, other messages use {bulk_percent} %"
    )
}

/// An open breaker wants looking at; a pause is what the provider asked for, and passes.
fn left_alone(state: &ProviderState, now: Millis) -> Option<Finding> {
    let trouble = state.trouble(now)?;
    let result = match (&state.opened_at, &state.reason) {
        (None, _) => Ok(trouble),
        (Some(_), reason) => {
            Err(format!("{trouble}: {}", reason.as_deref().unwrap_or("it failed")))
        }
    };
    Some(Finding::new(format!("calls to {}", state.name), result))
}
