//! How the rates of providers stand.

use otpost_shared::{
    Home,
    rate::{Given, Rate, Share},
    redis_link::RedisDown,
};
use serde_json::{Value, json};

/// How a provider's rate stands.
pub(super) struct Reading {
    pub(super) provider: String,
    rate: Rate,
    /// None when each process counts by itself; an error when nobody knows.
    given: Result<Option<Given>, RedisDown>,
}

/// Of the providers in use that have one.
pub(super) async fn read(home: &Home) -> Vec<Reading> {
    let mut readings = Vec::new();
    for (name, section) in home.config.providers_in_use() {
        if let Some(rate) = section.rate() {
            let given = home.rates.meter(name, rate).look().await;
            readings.push(Reading { provider: name.to_owned(), rate, given });
        }
    }
    readings
}

impl Reading {
    pub(super) fn in_words(&self) -> String {
        let Self { rate, given, .. } = self;
        match given {
            Ok(Some(given)) => {
                let (left, burst) = (given.left.max(0.0).floor(), rate.burst);
                let wait = |share: &Share| share.wait.as_secs_f64();
                let (code, other) = (wait(&given.otp), wait(&given.bulk));
                let waits = if code + other > 0.0 {
                    format!("; a code waits {code:.1} s, another message {other:.1} s")
                } else {
                    String::new()
                };
                format!("at most {rate}, {left} of {burst} tokens left{waits}")
            }
            Ok(None) => format!("at most {rate}, counted in each process"),
            Err(_) => format!("at most {rate}, counted in each process while Redis is away"),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let given = self.given.as_ref().ok().and_then(Option::as_ref);
        json!({
            "provider": self.provider,
            "rate": self.rate.to_string(),
            "burst": self.rate.burst,
            "left": given.map(|given| given.left),
            "otp_wait_ms": given.map(|given| given.otp.wait.as_millis()),
            "bulk_wait_ms": given.map(|given| given.bulk.wait.as_millis()),
        })
    }
}
