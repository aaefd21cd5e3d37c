//! How the providers in use stand: why one is left alone, and what its last call came to.

use otpost_shared::{
    Home,
    attempt::{self, LastCall},
    clock::Millis,
    outcome::ErrorClass,
    provider_state,
};
use serde_json::{Value, json};

use crate::output::{Failure, moment, secs};

/// A call before that says nothing of now.
const LOOKED_BACK_MS: Millis = 86_400_000;

pub(super) struct Seen {
    name: String,
    /// Why it is left alone.
    trouble: Option<String>,
    /// Its last call, if the provider did not take it.
    failed: Option<LastCall>,
}

pub(super) async fn read(home: &Home, now: Millis) -> Result<Vec<Seen>, Failure> {
    let states = provider_state::list(&home.db).await?;
    let calls = attempt::list_last_calls(&home.db, now - LOOKED_BACK_MS).await?;
    let trouble = |name: &str| {
        let state = states.iter().find(|state| state.name == name)?;
        let trouble = state.trouble(now)?;
        Some(match &state.reason {
            Some(reason) => format!("{trouble}: {reason}"),
            None => trouble,
        })
    };
    let failed = |name: &str| {
        let call = calls.iter().find(|call| call.provider == name)?;
        call.failure().map(|_| call.clone())
    };
    let seen =
        |name: &str| Seen { name: name.to_owned(), trouble: trouble(name), failed: failed(name) };
    Ok(home.config.providers_in_use().map(|(name, _)| seen(name)).collect())
}

impl Seen {
    /// `main: in use; its last call failed 3.000 s ago: account, 20003, HTTP 401`
    pub(super) fn in_words(&self, now: Millis) -> String {
        let stands = format!("{}: {}", self.name, self.trouble.as_deref().unwrap_or("in use"));
        let Some(call) = &self.failed else { return stands };
        let class = call.failure().map(|class| class.as_str().to_owned());
        let parts = [class, call.error_code.clone(), call.detail.clone()];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let ago = secs((now - call.finished_at).max(0));
        format!("{stands}; its last call failed {ago} ago: {}", parts.join(", "))
    }

    pub(super) fn to_json(&self) -> Value {
        let failed = self.failed.as_ref().map(|call| {
            json!({
                "at": moment(call.finished_at),
                "class": call.failure().map(ErrorClass::as_str),
                "code": call.error_code,
                "detail": call.detail,
            })
        });
        json!({ "provider": self.name, "trouble": self.trouble, "last_call_failed": failed })
    }
}
