//! Logs go to standard error, as text or JSON, at the configured level.

use std::io::IsTerminal;

use otpost_shared::config::{ConfigError, Log, LogFormat};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// Starts logging.
///
/// # Errors
/// The level is not one.
pub fn start(log: &Log) -> Result<(), ConfigError> {
    let filter = quieted(log)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // A second start, as in one process's tests, changes nothing.
    let _ = match log.format {
        LogFormat::Text => builder.compact().try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    std::panic::set_hook(Box::new(tell_of_panic));
    Ok(())
}

/// The parser of phone numbers writes them out in full, and the libraries for SMPP numbers, texts and the
/// password, so they are never heard. The others report their own comings and goings, unless everything
/// is asked for.
fn quieted(log: &Log) -> Result<EnvFilter, ConfigError> {
    const NEVER: [&str; 3] = ["rlibphonenumber=off", "rusmpp=off", "rusmppc=off"];
    const RARELY: [&str; 3] = ["apalis_core=warn", "sqlx=warn", "hyper=info"];
    let rarely = RARELY.iter().filter(|_| !log.level.contains("trace"));
    let rules = NEVER.iter().chain(rarely).filter_map(|rule| rule.parse().ok());
    Ok(rules.fold(filter(log)?, EnvFilter::add_directive))
}

/// Says where it was, and its words if they stand like that in the source: others may quote a number
/// that was being read.
fn tell_of_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let words = panic.payload().downcast_ref::<&'static str>().copied();
    tracing::error!(panic.place = place, panic.words = words, "a panic");
}

/// Reads the level, or the list of levels.
///
/// # Errors
/// A word is no level. The filter's own reader would take it for the name of a module.
pub fn filter(log: &Log) -> Result<EnvFilter, ConfigError> {
    let fail = |said: &dyn std::fmt::Display| {
        let known =
            "use error, warn, info, debug, trace or a filter such as \"info,otpost_api=debug\"";
        ConfigError::new("log.level", format!("{said}; {known}"))
    };
    let words = log.level.split(',').map(str::trim).filter(|word| !word.contains(['=', '[']));
    for word in words {
        if word.parse::<LevelFilter>().is_err() {
            return Err(fail(&format!("{word:?} is no level")));
        }
    }
    EnvFilter::try_new(&log.level).map_err(|error| fail(&error))
}

#[cfg(test)]
mod tests {
    use otpost_shared::config::{Log, LogFormat};

    use super::quieted;

    #[test]
    fn who_writes_secrets_is_never_heard() {
        for level in ["info", "debug", "trace", "trace,rusmpp=trace,rlibphonenumber=debug"] {
            let log = Log { level: level.into(), format: LogFormat::Text };
            let filter = quieted(&log).expect("a filter").to_string();
            let heard: Vec<&str> = filter.split(',').collect();
            for quiet in ["rlibphonenumber=off", "rusmpp=off", "rusmppc=off"] {
                assert!(heard.contains(&quiet), "{filter}");
            }
            assert!(!filter.contains("rusmpp=trace"), "{filter}");
        }
    }
}
