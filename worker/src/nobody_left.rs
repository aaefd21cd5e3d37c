//! Why a message has nobody left to be sent by: what each provider had against it, and what to change.

use otpost_shared::{attempt::Attempt, channel::Channel, outcome::ErrorClass};

use crate::chain::{Chain, Situation, class, is_mute, lasts, words_of};

/// What one provider has against a message.
struct Objection {
    said: String,
    /// What would change that; nothing is known for a reply, which goes by one provider alone.
    way_out: Option<String>,
}

impl Chain {
    /// The sentence for a message that none of its chain's providers may be asked about any more.
    pub(crate) fn why_nobody_is_left(&self, s: &Situation<'_>) -> String {
        let chain = s.chain.map(|of| of.to_string());
        let named = s.chain.map_or(s.route, |of| self.routes().named(of));
        if named.is_empty() {
            return match chain {
                Some(chain) => format!("{chain} names no provider; name one there"),
                None => "the provider that it was to go by is no longer in use".to_owned(),
            };
        }
        let all = named.iter().map(|place| self.objection(*place, s, chain.as_deref()));
        let (mut said, mut ways_out) = (Vec::new(), Vec::new());
        for objection in all {
            said.push(objection.said);
            ways_out.extend(objection.way_out.filter(|way| !ways_out.contains(way)));
        }
        let of = chain.map(|chain| format!(" of {chain}")).unwrap_or_default();
        let said = format!("no provider{of} takes it: {}", said.join(", "));
        if ways_out.is_empty() { said } else { format!("{said}; {}", ways_out.join(", or ")) }
    }

    fn objection(&self, place: usize, s: &Situation<'_>, chain: Option<&str>) -> Objection {
        let name = self.links()[place].name.as_str();
        let another = |which: &str| chain.map(|chain| format!("name {which} in {chain}"));
        if !s.route.contains(&place) {
            let said = format!("{name} takes codes only");
            return Objection { said, way_out: another("a provider that takes texts") };
        }
        let mut of_it = s.attempts.iter().filter(|a| a.provider == name);
        let Some(attempt) = of_it.rfind(|a| lasts(a)) else {
            // Nothing of it lasts, so it is a mail server that was asked often enough.
            let is_mute = s.channel == Channel::Email && is_mute(name, s.attempts);
            let why = if is_mute { "may have taken it before" } else { "was not asked" };
            let said = format!("{name} {why}");
            return Objection { said, way_out: another("another provider") };
        };
        let (why, way_out) = match class(attempt) {
            _ if attempt.is_silent() => ("reported nothing of it", another("another provider")),
            _ if attempt.has_gone_on() => ("could not deliver it", another("another provider")),
            ErrorClass::Region => {
                let way = format!("open the country at {name}");
                let by_route = chain.map(|chain| {
                    format!("{way}, or name a provider for it in {chain} or in a route")
                });
                ("refused its country", by_route.or(Some(way)))
            }
            ErrorClass::Sender => {
                ("refused the sender", Some(format!("change the sender in providers.{name}")))
            }
            ErrorClass::Account => (
                "refused the account",
                Some(format!("mend providers.{name}, which `otpost doctor` checks")),
            ),
            _ => ("refused the text", another("another provider")),
        };
        Objection { said: with_words(format!("{name} {why}"), attempt), way_out }
    }
}

/// The provider's own words behind ours.
fn with_words(said: String, attempt: &Attempt) -> String {
    match words_of(attempt).as_str() {
        "" => said,
        words => format!("{said} ({words})"),
    }
}

#[cfg(test)]
#[path = "nobody_left_tests.rs"]
mod tests;
