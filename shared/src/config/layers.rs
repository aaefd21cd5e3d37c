//! Laying file and environment over the defaults, and refusing what no default names.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::{Config, ConfigError, DEFAULTS, ProviderSection, Source, rules};
use crate::policy::{self, DEFAULT_PURPOSE};

pub(super) const PREFIX: &str = "OTPOST__";
const FOR_ALL_PURPOSES: &str = "purposes.default.";

/// Reads the configuration from `path`, or from `OTPOST_CONFIG`, or from `otpost.toml` in the
/// working directory when there is one.
///
/// # Errors
/// The first mistake found, with its place and the nearest right spelling.
pub fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
    load_with(path, std::env::vars_os())
}

/// As [`load`], with these variables over the file instead of the environment's.
///
/// # Errors
/// As [`load`].
pub fn load_with(
    path: Option<&Path>,
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Config, ConfigError> {
    let source = read_source(path)?;
    let mut merged = parse(DEFAULTS, &Source::default())?;
    let base = take_base_route(&mut merged);
    let shipped = take_shipped_purposes(&mut merged);
    let file = parse(&source.text, &source)?;
    let mut said = keys_for_all_purposes(&file);
    lay_over(&mut merged, file);
    let set = lay_variables(&mut merged, variables, &source)?;
    said.extend(set.iter().filter_map(|key| key.strip_prefix(FOR_ALL_PURPOSES)).map(str::to_owned));
    let untouched = inherit_purposes(&mut merged, shipped, &said);
    inherit_routes(&mut merged, &base);
    let mut config: Config = deserialize(merged, "", &known_keys()?).map_err(|e| e.at(&source))?;
    policy::fit_shipped(&mut config, &untouched);
    rules::check(&config).map_err(|e| e.at(&source))?;
    config.source = source;
    Ok(config)
}

fn read_source(path: Option<&Path>) -> Result<Source, ConfigError> {
    let named = path
        .map(Path::to_path_buf)
        .or_else(|| std::env::var_os("OTPOST_CONFIG").map(PathBuf::from));
    let path = match named {
        Some(path) => path,
        None if Path::new("otpost.toml").exists() => PathBuf::from("otpost.toml"),
        None => return Ok(Source::default()),
    };
    let text = std::fs::read_to_string(&path).map_err(|error| {
        ConfigError::new("", format!("cannot read {}: {error}", path.display()))
    })?;
    Ok(Source { path: Some(path), text })
}

fn parse(text: &str, source: &Source) -> Result<Table, ConfigError> {
    text.parse::<Table>().map_err(|error| {
        let line = error
            .span()
            .and_then(|span| text.get(..span.start))
            .map_or(1, |before| before.matches('\n').count() + 1);
        let file =
            source.path.as_ref().map_or(String::new(), |p| format!("{}:{line}: ", p.display()));
        ConfigError::new("", format!("{file}not valid TOML: {}", error.message()))
    })
}

fn lay_over(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay_over(below, above),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

/// Takes out the purposes that come with the service, all but the default one: what your file says for all
/// of them stands above.
fn take_shipped_purposes(defaults: &mut Table) -> Table {
    let Some(Value::Table(purposes)) = defaults.get_mut("purposes") else { return Table::new() };
    let base = purposes.remove(DEFAULT_PURPOSE);
    let shipped = std::mem::take(purposes);
    purposes.extend(base.map(|base| (DEFAULT_PURPOSE.to_owned(), base)));
    shipped
}

/// What a file says of the purpose that the others start from.
fn keys_for_all_purposes(file: &Table) -> Vec<String> {
    let of_all = file.get("purposes").and_then(|purposes| purposes.get(DEFAULT_PURPOSE));
    let of_all = of_all.and_then(Value::as_table);
    of_all.map(|keys| keys.keys().cloned().collect()).unwrap_or_default()
}

/// Every purpose starts from the default one; those that come with the service differ from it where
/// nothing was `said` for all. The names of those that nobody has touched.
fn inherit_purposes(merged: &mut Table, shipped: Table, said: &[String]) -> Vec<String> {
    let mut untouched = Vec::new();
    let Some(Value::Table(purposes)) = merged.get_mut("purposes") else { return untouched };
    for (name, value) in shipped {
        let Value::Table(mut below) = value else { continue };
        below.retain(|key, _| !said.iter().any(|of_all| of_all == key));
        match purposes.get_mut(&name) {
            Some(Value::Table(own)) => {
                lay_over(&mut below, std::mem::take(own));
                *own = below;
            }
            Some(_) => {}
            None => {
                purposes.insert(name.clone(), Value::Table(below));
                untouched.push(name);
            }
        }
    }
    let Some(Value::Table(base)) = purposes.get(DEFAULT_PURPOSE).cloned() else { return untouched };
    for (_, purpose) in purposes.iter_mut() {
        if let Value::Table(own) = purpose {
            let mut full = base.clone();
            lay_over(&mut full, std::mem::take(own));
            *own = full;
        }
    }
    untouched
}

/// The route of the defaults is where each route starts from, and none itself.
fn take_base_route(defaults: &mut Table) -> Table {
    let routes = defaults.insert("routes".to_owned(), Value::Array(Vec::new()));
    let Some(Value::Array(mut routes)) = routes else { return Table::new() };
    let Some(Value::Table(base)) = routes.pop() else { return Table::new() };
    base
}

fn inherit_routes(merged: &mut Table, base: &Table) {
    let Some(Value::Array(routes)) = merged.get_mut("routes") else { return };
    for route in routes {
        if let Value::Table(own) = route {
            let mut full = base.clone();
            lay_over(&mut full, std::mem::take(own));
            *own = full;
        }
    }
}

/// The environment variable that overrides a dotted key.
pub(super) fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase().replace(['.', '['], "__").replace(']', ""))
}

/// Returns the keys that were set.
fn lay_variables(
    merged: &mut Table,
    variables: impl Iterator<Item = (OsString, OsString)>,
    source: &Source,
) -> Result<Vec<String>, ConfigError> {
    let mut variables: Vec<(String, String)> = variables
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect();
    variables.sort();
    let mut keys = Vec::with_capacity(variables.len());
    for (name, value) in variables {
        let mut key = name[PREFIX.len()..].to_lowercase().replace("__", ".");
        let mut value = value;
        if let Some(stem) = key.strip_suffix("_file") {
            let text = std::fs::read_to_string(&value)
                .map_err(|e| ConfigError::new(stem, format!("{name}: cannot read {value}: {e}")))?;
            text.trim().clone_into(&mut value);
            let stem_length = stem.len();
            key.truncate(stem_length);
        }
        set(merged, &key, &value)
            .map_err(|message| ConfigError::new(key.as_str(), message).at(source))?;
        keys.push(key);
    }
    Ok(keys)
}

/// Sets a dotted key from a text, which is TOML where it parses as such and a string otherwise.
/// A key that holds a string keeps holding one: a token made of digits stays text.
fn set(table: &mut Table, key: &str, text: &str) -> Result<(), String> {
    let mut table = table;
    let mut parts = key.split('.').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_some() {
            let next = table.entry(part).or_insert_with(|| Value::Table(Table::new()));
            let Value::Table(next) = next else { return Err("is not a section".into()) };
            table = next;
            continue;
        }
        let read = format!("v = {text}").parse::<Table>().ok().and_then(|mut t| t.remove("v"));
        let value = match (table.get(part), read) {
            (Some(Value::String(_)), Some(Value::String(text))) => Value::String(text),
            (Some(Value::String(_)), _) | (_, None) => Value::String(text.to_owned()),
            // A provider's own keys have no default that tells their type.
            (None, Some(Value::Integer(_) | Value::Float(_) | Value::Datetime(_)))
                if key.starts_with("providers.")
                    && !key.ends_with("_ms")
                    && !key.ends_with("_secs") =>
            {
                Value::String(text.to_owned())
            }
            (_, Some(value)) => value,
        };
        table.insert(part.to_owned(), value);
    }
    Ok(())
}

/// All dotted keys of the defaults.
fn known_keys() -> Result<Vec<String>, ConfigError> {
    fn walk(table: &Table, path: &str, keys: &mut Vec<String>) {
        for (name, value) in table {
            let key = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            match value {
                Value::Table(inner) => walk(inner, &key, keys),
                Value::Array(list) => {
                    if let Some(Value::Table(inner)) = list.first() {
                        walk(inner, &key, keys);
                    }
                }
                _ => {}
            }
            keys.push(key);
        }
    }
    let mut keys = Vec::new();
    walk(&parse(DEFAULTS, &Source::default())?, "", &mut keys);
    Ok(keys)
}

/// Reads the section `[providers.NAME]` into the provider's own type, with the same care.
///
/// # Errors
/// A key is unknown, missing or of the wrong type.
pub fn section<T: DeserializeOwned>(name: &str, keys: &Table) -> Result<T, ConfigError> {
    let known = ProviderSection::KEYS.map(str::to_owned);
    deserialize(keys.clone(), &format!("providers.{name}"), &known)
}

fn deserialize<T: DeserializeOwned>(
    table: Table,
    path: &str,
    known: &[String],
) -> Result<T, ConfigError> {
    let full = |key: String| match (path, key.as_str()) {
        ("", _) => key,
        (_, "" | ".") => path.to_owned(),
        _ => format!("{path}.{key}"),
    };
    let mut unknown = Vec::new();
    let mut note = |ignored: serde_ignored::Path<'_>| unknown.push(dotted(&ignored));
    let reader = serde_ignored::Deserializer::new(Value::Table(table), &mut note);
    let result: Result<T, _> = serde_path_to_error::deserialize(reader);
    if let Some(key) = unknown.into_iter().next() {
        let nearest = nearest(&key, known);
        return Err(ConfigError::new(full(key), format!("there is no such key{nearest}")));
    }
    result.map_err(|error| {
        let key = full(error.path().to_string());
        let message = error.inner().to_string();
        let first_line = message.lines().next().unwrap_or_default();
        ConfigError::new(
            key,
            hint_field(&without_value(first_line), known).replace("missing field", "must have"),
        )
    })
}

/// As other errors name a key: `routes[1].chain`.
fn dotted(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path as P;
    match path {
        P::Root => String::new(),
        P::Seq { parent, index } => format!("{}[{index}]", dotted(parent)),
        P::Map { parent: P::Root, key } => key.clone(),
        P::Map { parent, key } => format!("{}.{key}", dotted(parent)),
        P::Some { parent } | P::NewtypeStruct { parent } | P::NewtypeVariant { parent } => {
            dotted(parent)
        }
    }
}

/// A wrong value may be a secret in the wrong place: only what was expected is said.
pub(crate) fn without_value(message: &str) -> String {
    match message.strip_prefix("invalid type: ").and_then(|m| m.rsplit_once("expected ")) {
        Some((_, expected)) => format!("has the wrong type: expected {expected}"),
        None => message.to_owned(),
    }
}

/// For serde's own "unknown field" message, adds the nearest of the fields it lists and of those
/// that were read before.
fn hint_field(message: &str, known: &[String]) -> String {
    let Some(rest) = message.strip_prefix("unknown field `") else { return message.to_owned() };
    let Some((field, expected)) = rest.split_once('`') else { return message.to_owned() };
    let listed = expected.split('`').skip(1).step_by(2).map(str::to_owned);
    let names: Vec<String> = listed.chain(known.iter().cloned()).collect();
    format!("there is no key {field:?} here{}", nearest(field, &names))
}

/// `; did you mean …?` with the most similar known key, if one is similar at all, and with a second one
/// that is nearly as similar.
pub(crate) fn nearest(key: &str, known: &[String]) -> String {
    let similar = known.iter().map(|known| (strsim::jaro_winkler(known, key), known));
    let mut similar: Vec<_> = similar.filter(|(similarity, _)| *similarity > 0.75).collect();
    similar.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    similar.dedup();
    match similar.as_slice() {
        [] => String::new(),
        [(best, first), (next, second), ..] if best - next < 0.05 => {
            format!("; did you mean {first:?} or {second:?}?")
        }
        [(_, first), ..] => format!("; did you mean {first:?}?"),
    }
}
