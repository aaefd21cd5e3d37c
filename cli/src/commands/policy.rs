//! `otpost policy`: list, show, set, history, restore, reset.

use std::{path::Path, process::ExitCode};

use otpost_shared::{
    Home,
    policy::{self, Body, Change, DEFAULT_PURPOSE, Layer, NotChanged, Shown, Version},
    texts::{self, Owner},
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    args::{PolicyCommand, PolicyList, PolicyOf, PolicyRestore, PolicySet, Whose},
    output::{Done, Failure, moment, print_json, say},
};

/// Versions read at once.
const PAGE: usize = 1_000;

pub async fn run(config: Option<&Path>, command: PolicyCommand) -> Done {
    let home = super::open_ready(config).await?;
    match command {
        PolicyCommand::List(options) => list(&home, options).await,
        PolicyCommand::Show(options) => show(&home, options).await,
        PolicyCommand::Set(options) => set(&home, options).await,
        PolicyCommand::History(options) => history(&home, options).await,
        PolicyCommand::Restore(options) => restore(&home, options).await,
        PolicyCommand::Reset(options) => reset(&home, options).await,
    }
}

/// The tenant's id; none for all of them.
async fn tenant_id(home: &Home, whose: &Whose) -> Result<Option<Uuid>, Failure> {
    match &whose.tenant {
        Some(name) => Ok(Some(super::tenant(home, name).await?.id)),
        None => Ok(None),
    }
}

async fn list(home: &Home, options: PolicyList) -> Done {
    let all = policy::list(home, tenant_id(home, &options.whose).await?).await?;
    if options.print.json {
        print_json(&all.iter().map(view).collect());
        return Ok(ExitCode::SUCCESS);
    }
    say!(
        "{:24}  {:>6}  {:>8}  {:>7}  {:>6}  {:>7}  {:>6}  from",
        "purpose",
        "digits",
        "lifetime",
        "guesses",
        "resend",
        "after",
        "at most"
    );
    for shown in &all {
        let of = |key: &str| plain(shown.policy.get(key));
        say!(
            "{:24}  {:>6}  {:>6} s  {:>7}  {:>6}  {:>5} s  {:>7}  {}",
            shown.purpose,
            of("code_length"),
            of("lifetime_secs"),
            of("guesses"),
            of("resend"),
            of("resend_after_secs"),
            of("resends"),
            shown.source().as_str()
        );
        tell_troubles(shown);
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(home: &Home, options: PolicyOf) -> Done {
    let shown = find(home, &options).await?;
    let with_own = with_own(home, &options).await?;
    if options.print.json {
        print_json(&view_with(&shown, with_own.as_deref()));
        return Ok(ExitCode::SUCCESS);
    }
    print(&shown);
    match with_own.as_deref() {
        None | Some([]) => {}
        Some(names) => say!("Tenants with versions of their own: {}.", names.join(", ")),
    }
    Ok(ExitCode::SUCCESS)
}

/// The tenants with versions of their own, where all are meant.
async fn with_own(home: &Home, of: &PolicyOf) -> Result<Option<Vec<String>>, Failure> {
    match of.whose.tenant {
        Some(_) => Ok(None),
        None => Ok(Some(policy::list_with_own(home, &of.purpose).await?)),
    }
}

async fn set(home: &Home, options: PolicySet) -> Done {
    let tenant_id = tenant_id(home, &options.whose).await?;
    // Before what the change is made from: nothing that comes between is lost.
    let seen = last_version(home, tenant_id, &options.purpose).await?;
    let before = policy::find(home, tenant_id, &options.purpose).await?;
    let mut body = before.as_ref().map(Shown::changes).unwrap_or_default();
    for key in &options.unset {
        if !body.unset(key) {
            let said = format!("--unset: {key} is not changed; see `otpost policy show`");
            return Err(Failure::misused(said));
        }
    }
    for (key, value) in options.settings {
        body.set(&key, value);
    }
    let (body, based_on) = (Some(body), Some(options.version.unwrap_or(seen)));
    let change = change_of(tenant_id, &options.purpose);
    let version = policy::change(home, Change { body, based_on, ..change }).await?;
    let of = PolicyOf { purpose: options.purpose, whose: options.whose, print: options.print };
    tell_change(home, &of, version).await
}

/// Of whom it is for, also when it took everything back; 0 when there never was one.
async fn last_version(home: &Home, tenant_id: Option<Uuid>, purpose: &str) -> Result<i32, Failure> {
    let last = policy::list_versions(&home.db, tenant_id, purpose, i32::MAX, 1).await?;
    Ok(last.first().map_or(0, |last| last.version))
}

async fn restore(home: &Home, options: PolicyRestore) -> Done {
    let of = options.of;
    let change = change_of(tenant_id(home, &of.whose).await?, &of.purpose);
    let version = policy::restore(home, options.version, change).await?;
    tell_change(home, &of, version).await
}

/// What is changed from here; as it is, it takes everything back.
fn change_of(tenant_id: Option<Uuid>, purpose: &str) -> Change {
    Change {
        tenant_id,
        purpose: purpose.to_owned(),
        body: None,
        based_on: None,
        changed_by: super::CLI.to_owned(),
    }
}

async fn tell_change(home: &Home, of: &PolicyOf, version: i32) -> Done {
    let shown = find(home, of).await?;
    let with_own = with_own(home, of).await?;
    if of.print.json {
        print_json(&view_with(&shown, with_own.as_deref()));
    } else {
        tell_version(of, version, with_own.as_deref());
    }
    // A tenant's own may not fit on what was changed for all.
    let settings = home.settings.now(&home.db, home.clock.now()).await?;
    for trouble in settings.troubles().iter().filter(|trouble| trouble.purpose == of.purpose) {
        eprintln!("{trouble}");
    }
    Ok(ExitCode::SUCCESS)
}

fn tell_version(of: &PolicyOf, version: i32, with_own: Option<&[String]>) {
    match (&of.whose.tenant, with_own) {
        (Some(tenant), _) => say!("Version {version} counts for tenant {tenant:?}."),
        (None, None | Some([])) => say!("Version {version} counts for everyone."),
        (None, Some(names)) => say!(
            "Version {version} counts for everyone. Tenants with versions of their own, which lie on it: {}.",
            names.join(", ")
        ),
    }
    if of.purpose == DEFAULT_PURPOSE {
        say!(
            "It is for the purpose {DEFAULT_PURPOSE:?} alone: the others start from \
             [purposes.{DEFAULT_PURPOSE}] of the configuration."
        );
    }
}

async fn history(home: &Home, options: PolicyOf) -> Done {
    let tenant_id = tenant_id(home, &options.whose).await?;
    let (mut all, mut before) = (Vec::new(), Some(i32::MAX));
    while let Some(version) = before {
        let page =
            policy::list_versions(&home.db, tenant_id, &options.purpose, version, PAGE).await?;
        before = page.last().filter(|_| page.len() == PAGE).map(|last| last.version);
        all.extend(page);
    }
    if options.print.json {
        print_json(&all.iter().map(version_view).collect());
    } else if all.is_empty() {
        // A purpose that is none has no history either.
        find(home, &options).await?;
        say!("Nothing was ever changed; `otpost policy set` does that.");
    } else {
        say!("{:>7}  {:24}  {:36}  changes", "version", "changed", "by");
        for version in &all {
            let changes = said(version).map_or("taken back".to_owned(), |said| in_words(&said));
            let at = moment(version.changed_at);
            say!("{:>7}  {at}  {:36}  {changes}", version.version, version.changed_by);
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn reset(home: &Home, options: PolicyOf) -> Done {
    let tenant_id = tenant_id(home, &options.whose).await?;
    let change = change_of(tenant_id, &options.purpose);
    let version = policy::change(home, change).await?;
    let is_gone = policy::find(home, tenant_id, &options.purpose).await?.is_none();
    let left =
        if is_gone { texts_left(home, tenant_id, &options.purpose).await? } else { Vec::new() };
    if options.print.json {
        print_json(&json!({ "version": version, "purpose_is_gone": is_gone, "texts_left": left }));
    } else if is_gone {
        tell_gone(home, &options, &left).await?;
    } else {
        say!("Taken back; what is below counts again.");
    }
    Ok(ExitCode::SUCCESS)
}

/// Channel and language of each text that a purpose still has.
async fn texts_left(
    home: &Home,
    tenant_id: Option<Uuid>,
    purpose: &str,
) -> Result<Vec<String>, Failure> {
    let rows = texts::list(&home.db, Owner::from(tenant_id)).await?;
    let of_it = rows.iter().filter(|row| row.purpose == purpose);
    Ok(of_it.map(|row| format!("{} {}", row.channel, row.locale)).collect())
}

async fn tell_gone(home: &Home, of: &PolicyOf, left: &[String]) -> Result<(), Failure> {
    let purpose = &of.purpose;
    say!(
        "Taken back: there is no purpose {purpose:?} any more, and requests that name it get \
         unknown_purpose."
    );
    if let Some(names) = with_own(home, of).await?.filter(|names| !names.is_empty()) {
        say!("Only tenants that made it for themselves still have it: {}.", names.join(", "));
    }
    if !left.is_empty() {
        say!(
            "Texts of it are left ({}); `otpost template delete --purpose {purpose}` takes them away.",
            left.join(", ")
        );
    }
    Ok(())
}

async fn find(home: &Home, options: &PolicyOf) -> Result<Shown, Failure> {
    let tenant_id = tenant_id(home, &options.whose).await?;
    let shown = policy::find(home, tenant_id, &options.purpose).await?;
    shown.ok_or_else(|| {
        let purpose = &options.purpose;
        Failure::new(format!("there is no purpose {purpose:?}; see `otpost policy list`"))
    })
}

fn print(shown: &Shown) {
    say!("{:24}  {:24}  from", "key", "value");
    for key in shown.policy.keys() {
        let from = shown.sources.get(key).copied().unwrap_or(Layer::Configuration);
        say!("{key:24}  {:24}  {}", plain(shown.policy.get(key)), from.as_str());
    }
    match &shown.own {
        Some(own) => {
            let (version, at) = (own.version, moment(own.changed_at));
            say!("\nVersion {version}, changed {at} by {}.", own.changed_by);
        }
        None => say!("\nNothing was ever changed here."),
    }
    tell_troubles(shown);
}

fn tell_troubles(shown: &Shown) {
    for (layer, mistake) in &shown.troubles {
        let (purpose, layer) = (&shown.purpose, layer.as_str());
        eprintln!("The change of {purpose} for {layer} is passed over: {mistake}");
    }
}

/// As it would be written: texts without quotes.
fn plain(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn in_words(body: &Body) -> String {
    let settings = body.keys().map(|key| format!("{key}={}", plain(body.get(key))));
    settings.collect::<Vec<_>>().join(" ")
}

fn said(version: &Version) -> Option<Body> {
    version.body().ok().flatten()
}

fn keys_of(body: Body) -> Map<String, Value> {
    body.into()
}

fn view(shown: &Shown) -> Value {
    let sources = shown.sources.iter();
    let sources = sources.map(|(key, from)| (key.clone(), Value::from(from.as_str())));
    let troubles = shown.troubles.iter();
    json!({
        "purpose": shown.purpose,
        "policy": keys_of(shown.policy.clone()),
        "source": shown.source().as_str(),
        "sources": sources.collect::<Map<String, Value>>(),
        "version": shown.version(),
        "changes": shown.own.as_ref().and_then(said).map(keys_of),
        "changed_by": shown.own.as_ref().map(|own| own.changed_by.as_str()),
        "changed_at": shown.own.as_ref().map(|own| moment(own.changed_at)),
        "passed_over": troubles
            .map(|(layer, mistake)| format!("{}: {mistake}", layer.as_str()))
            .collect::<Vec<_>>(),
    })
}

/// Where all tenants are meant, with the names of those that have their own.
fn view_with(shown: &Shown, with_own: Option<&[String]>) -> Value {
    let mut view = view(shown);
    if let Some(names) = with_own {
        view["tenants_with_own"] = json!(names);
    }
    view
}

fn version_view(version: &Version) -> Value {
    json!({
        "version": version.version,
        "changes": said(version).map(keys_of),
        "changed_by": version.changed_by,
        "changed_at": moment(version.changed_at),
    })
}

impl From<NotChanged> for Failure {
    fn from(refused: NotChanged) -> Self {
        match refused {
            NotChanged::Mistake(mistake) => Self::misused(mistake.to_string()),
            NotChanged::Outdated { version } => Self::new(format!(
                "another change came between, and version {version} counts now; look at it with \
                 `otpost policy show` and try again"
            )),
            NotChanged::NothingOwn => Self::new(
                "nothing is changed here that could be taken back; see `otpost policy list`",
            ),
            NotChanged::NoSuchVersion { version } => Self::new(format!(
                "there is no version {version} of it here; see `otpost policy history`"
            )),
            NotChanged::Unavailable(error) => error.into(),
        }
    }
}
