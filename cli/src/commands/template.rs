//! `otpost template`: list, show, set, delete, preview; the language of a tenant.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::ExitCode,
};

use otpost_shared::{
    Home,
    policy::DEFAULT_PURPOSE,
    template::{RESERVED, Template},
    texts::{self, Draft, Locale, NotSaved, Owner, Place, Preview, Question, StoredTemplate},
};
use serde_json::{Value, json};

use crate::{
    args::{
        TemplateCommand, TemplateList, TemplateOne, TemplateOwner, TemplatePlace, TemplatePreview,
        TemplateSet, TenantLanguage,
    },
    output::{Done, Failure, moment, print_json, say},
};

pub async fn run(config: Option<&Path>, command: TemplateCommand) -> Done {
    let home = super::open_ready(config).await?;
    match command {
        TemplateCommand::List(options) => list(&home, options).await,
        TemplateCommand::Show(options) => show(&home, options).await,
        TemplateCommand::Set(options) => set(&home, options).await,
        TemplateCommand::Delete(options) => delete(&home, options).await,
        TemplateCommand::Preview(options) => preview(&home, options).await,
        TemplateCommand::Language(options) => language(&home, options).await,
    }
}

fn place(home: &Home, options: &TemplatePlace) -> Result<Place, Failure> {
    let (locale, config) = (options.locale.as_deref(), &home.config.texts);
    Place::read(&options.purpose, &options.channel, locale, config)
        .map_err(|mistake| Failure::misused(format!("--{mistake}")))
}

async fn owner(home: &Home, options: &TemplateOwner) -> Result<Owner, Failure> {
    if options.everyone {
        return Ok(Owner::Everyone);
    }
    Ok(Owner::Tenant(super::tenant(home, &options.tenant).await?.id))
}

async fn list(home: &Home, options: TemplateList) -> Done {
    let tenant = super::tenant(home, &options.tenant).await?;
    let mut rows = texts::list(&home.db, Owner::Tenant(tenant.id)).await?;
    rows.extend(texts::list(&home.db, Owner::Everyone).await?);
    if options.print.json {
        let views: Vec<Value> = rows.iter().map(view).collect();
        print_json(&views.into());
    } else if rows.is_empty() {
        say!("No text is written down: {}", nothing(home));
    } else {
        say!(
            "{:8}  {:16}  {:7}  {:10}  {:>7}  {:24}  text",
            "of",
            "purpose",
            "channel",
            "locale",
            "version",
            "since"
        );
        for row in &rows {
            say!(
                "{:8}  {:16}  {:7}  {:10}  {:>7}  {:24}  {}",
                of(row),
                row.purpose,
                row.channel,
                row.locale,
                row.version,
                moment(row.created_at),
                row.body.as_deref().unwrap_or_default().replace('\n', "\\n")
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn nothing(home: &Home) -> String {
    format!(
        "those of the configuration count in {}, and in others a sentence that each language has; \
         `otpost template set` writes one",
        home.config.texts.language
    )
}

async fn show(home: &Home, options: TemplateOne) -> Done {
    let place = place(home, &options.place)?;
    let owner = owner(home, &options.owner).await?;
    let versions = texts::versions(&home.db, owner, &place).await?;
    if versions.is_empty() {
        return Err(Failure::new("there is no such text; see `otpost template list`"));
    }
    if options.print.json {
        let views: Vec<Value> = versions.iter().map(view).collect();
        print_json(&views.into());
        return Ok(ExitCode::SUCCESS);
    }
    for row in &versions {
        let counts =
            if row.superseded_at.is_none() && row.body.is_some() { ", counts" } else { "" };
        say!("version {} of {} by {}{counts}", row.version, moment(row.created_at), row.changed_by);
        match (&row.title, &row.body) {
            (_, None) => say!("  taken away"),
            (title, Some(body)) => {
                if let Some(title) = title {
                    say!("  {title}\n");
                }
                say!("  {}", body.replace('\n', "\n  "));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn set(home: &Home, options: TemplateSet) -> Done {
    let place = place(home, &options.place)?;
    let owner = owner(home, &options.owner).await?;
    let TemplateSet { text, title, variable: variables, print, .. } = options;
    let saved = texts::save(home, owner, place, Draft { title, text, variables }, super::CLI).await;
    let saved = saved.map_err(|error| match error {
        NotSaved::Mistake(mistake) => Failure::misused(format!("--{mistake}")),
        NotSaved::Unavailable(error) => error.into(),
    })?;
    if print.json {
        print_json(&view(&saved));
    } else {
        say!("Version {} counts within a second.", saved.version);
        tell_variables(home, owner, &saved).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What a request must bring depends on the language of whom it is for: said before people find out.
async fn tell_variables(home: &Home, owner: Owner, saved: &StoredTemplate) -> Result<(), Failure> {
    let must_bring = variables_of(saved);
    if must_bring.is_empty() {
        return Ok(());
    }
    let all = texts::list(&home.db, owner).await?;
    let lacks = |row: &&StoredTemplate| {
        let named = variables_of(row);
        row.purpose == saved.purpose
            && row.channel == saved.channel
            && must_bring.iter().any(|name| !named.contains(name))
    };
    let without: Vec<&str> = all.iter().filter(lacks).map(|row| row.locale.as_str()).collect();
    let names = must_bring.into_iter().collect::<Vec<_>>().join(", ");
    let StoredTemplate { purpose, channel, locale, .. } = saved;
    let purposes = if purpose == DEFAULT_PURPOSE {
        "each purpose without a text of its own".to_owned()
    } else {
        format!("{purpose:?}")
    };
    eprintln!(
        "note: requests for {purposes} by {channel} that reach somebody in {locale} must bring {names} from \
         now on, and get variable_missing without; bring it always"
    );
    let own = if without.is_empty() {
        String::new()
    } else {
        format!("your texts in {} and ", without.join(", "))
    };
    eprintln!("note: {own}the built-in sentences of other languages do not name it");
    Ok(())
}

/// What it names besides that which the service fills in.
fn variables_of(row: &StoredTemplate) -> BTreeSet<String> {
    let texts = row.title.iter().chain(&row.body).map(|text| Template::parse(text));
    let names = texts.flat_map(|text| text.names().map(str::to_owned).collect::<Vec<_>>());
    names.filter(|name| !RESERVED.contains(&name.as_str())).collect()
}

async fn delete(home: &Home, options: TemplateOne) -> Done {
    let place = place(home, &options.place)?;
    let owner = owner(home, &options.owner).await?;
    if !texts::delete(home, owner, place, super::CLI).await? {
        return Err(Failure::new("there is no such text; see `otpost template list`"));
    }
    if options.print.json {
        print_json(&json!({ "deleted": true }));
    } else {
        say!("Deleted; `otpost template show` still has its versions.");
    }
    Ok(ExitCode::SUCCESS)
}

async fn preview(home: &Home, options: TemplatePreview) -> Done {
    let place = place(home, &options.place)?;
    let tenant = super::tenant(home, &options.tenant).await?;
    let variables: BTreeMap<String, String> = options.variable.into_iter().collect();
    let names = variables.keys().cloned().collect();
    let title = options.title;
    let question = Question {
        tenant_id: tenant.id,
        place,
        draft: options.text.map(|text| Draft { title, text, variables: names }),
        variables,
        country: options.country,
    };
    let settings = home.settings.now(&home.db, home.clock.now()).await?;
    let shown = texts::preview(&home.config, &settings, &question)
        .map_err(|mistake| Failure::misused(format!("--{mistake}")))?;
    if options.print.json {
        print_json(&previewed(&shown));
    } else {
        print_preview(&shown);
    }
    Ok(ExitCode::SUCCESS)
}

fn print_preview(shown: &Preview) {
    if let Some(title) = &shown.title {
        say!("{title}\n");
    }
    say!("{}", shown.text);
    let source = shown.source.map_or("tried out", texts::Source::as_str);
    eprintln!("\n{}, {source}, {} characters", shown.language, shown.characters);
    if let Some(segments) = shown.segments {
        eprintln!("{}, {} segment(s)", segments.encoding.as_str(), segments.count);
    }
    for (provider, price) in &shown.prices {
        eprintln!("about {price} by {provider}");
    }
    for note in &shown.notes {
        eprintln!("note: {note}");
    }
}

fn previewed(shown: &Preview) -> Value {
    let costs = shown.prices.iter().map(|(provider, price)| {
        let currency = price.currency.to_string();
        json!({ "provider": provider, "amount": price.amount(), "currency": currency })
    });
    json!({
        "language": shown.language,
        "source": shown.source.map(texts::Source::as_str),
        "title": shown.title,
        "text": shown.text,
        "characters": shown.characters,
        "encoding": shown.segments.map(|segments| segments.encoding.as_str()),
        "segments": shown.segments.map(|segments| segments.count),
        "costs": costs.collect::<Vec<_>>(),
        "notes": shown.notes,
    })
}

async fn language(home: &Home, options: TenantLanguage) -> Done {
    let tenant = super::tenant(home, &options.tenant).await?;
    if options.unset {
        texts::set_language(home, tenant.id, None).await?;
    } else if let Some(text) = &options.locale {
        let locale = Locale::parse(text).ok_or_else(|| {
            Failure::misused(format!("{text:?} is no language; write one such as en or pt-BR"))
        })?;
        texts::set_language(home, tenant.id, Some(&locale)).await?;
        let settings = home.settings.now(&home.db, home.clock.now()).await?;
        if !settings.texts().serves(tenant.id, &locale) {
            eprintln!(
                "note: there are no words in {locale}, so people still get those in {}; \
                 `otpost template set --locale {locale}` writes some",
                home.config.texts.language
            );
        }
    }
    let own = texts::language_of(&home.db, tenant.id).await?;
    if options.print.json {
        print_json(&json!({ "tenant": tenant.name, "language": own }));
    } else {
        let general = format!("{}, that of the configuration", home.config.texts.language);
        say!("{}", own.unwrap_or(general));
    }
    Ok(ExitCode::SUCCESS)
}

fn of(row: &StoredTemplate) -> &'static str {
    if row.is_for_everyone() { "everyone" } else { "tenant" }
}

fn view(row: &StoredTemplate) -> Value {
    json!({
        "owner": of(row),
        "purpose": row.purpose,
        "channel": row.channel,
        "locale": row.locale,
        "version": row.version,
        "title": row.title,
        "text": row.body,
        "variables": row.variables().collect::<Vec<_>>(),
        "changed_by": row.changed_by,
        "changed_at": moment(row.created_at),
    })
}
