//! The rules of a policy: one set for the configuration file and for what is changed later.

use std::{collections::BTreeSet, ops::RangeInclusive};

use super::DEFAULT_PURPOSE;
use crate::{
    channel::Channel,
    config::{Config, Purpose, check_texts},
    mistake::Mistake,
    recipient,
    verification::{BadTime, LEAST_LIFE, MOST_STEPS, SHORTEST_WAIT, check_times},
};

/// Digits of a code, at all.
pub const CODE_LENGTHS: RangeInclusive<u32> = 4..=10;
/// Codes of fewer are guessed too easily for a rule that nobody has thought about.
pub const LEAST_DIGITS: u32 = 6;

/// Seconds that a code by phone may count.
pub const LIFETIMES: RangeInclusive<u32> = 30..=600;
/// The same of one by e-mail: up to a day.
const EMAIL_LIFETIMES: RangeInclusive<u32> = 60..=86_400;
/// Guesses that a verification may have.
pub const GUESSES: RangeInclusive<u32> = 1..=10;

/// Digits that a code may have under this configuration.
#[must_use]
pub fn code_lengths(config: &Config) -> RangeInclusive<u32> {
    let least =
        if config.policies.allow_short_codes { *CODE_LENGTHS.start() } else { LEAST_DIGITS };
    least..=*CODE_LENGTHS.end()
}

/// Checks what no type can express, and what no two keys can say together.
///
/// # Errors
/// All mistakes, the first one with the others.
pub fn check(config: &Config, purpose: &Purpose) -> Result<(), Mistake> {
    let (mut found, of_lifetimes) = (check_code(config, purpose), check_lifetimes(purpose));
    // What is to come within a lifetime is not measured by a wrong one.
    let can_measure = of_lifetimes.is_empty();
    found.extend(of_lifetimes);
    if can_measure {
        found.extend(check_wait(purpose).err());
    }
    let of_steps = check_steps(config, purpose);
    let can_measure = can_measure && of_steps.is_ok();
    found.extend(of_steps.err());
    if can_measure {
        found.extend(check_step_times(purpose).err());
    }
    found.extend(check_countries(config, purpose).err());
    found.extend(check_texts(config, purpose).err());
    Mistake::together(found)
}

/// Purposes that come with the service, and that nobody has touched, are as the default one is where they
/// contradict it.
pub(crate) fn fit_shipped(config: &mut Config, untouched: &[String]) {
    let Some(base) = config.purposes.get(DEFAULT_PURPOSE).cloned() else { return };
    let is_unfit = |name: &&String| {
        let purpose = config.purposes.get(*name);
        purpose.is_some_and(|purpose| check(config, purpose).is_err())
    };
    let unfit: Vec<&String> = untouched.iter().filter(is_unfit).collect();
    for name in unfit {
        config.purposes.insert(name.clone(), base.clone());
    }
}

fn check_code(config: &Config, purpose: &Purpose) -> Vec<Mistake> {
    let Purpose { code_length, guesses, .. } = *purpose;
    let mut found = Vec::new();
    if !CODE_LENGTHS.contains(&code_length) {
        found.push(Mistake::of("code_length", format!("must be {}", in_words(&CODE_LENGTHS))));
    }
    if !GUESSES.contains(&guesses) {
        found.push(Mistake::of("guesses", format!("must be {}", in_words(&GUESSES))));
    }
    if found.is_empty() && code_length < LEAST_DIGITS && !config.policies.allow_short_codes {
        let said = format!(
            "{code_length} digits are hit by {guesses} guesses once in {} times; take {LEAST_DIGITS} digits, or \
             set policies.allow_short_codes = true in the configuration",
            10_u32.pow(code_length) / guesses
        );
        found.push(Mistake::between("code_length", "guesses", said));
    }
    found
}

fn check_lifetimes(purpose: &Purpose) -> Vec<Mistake> {
    let range = in_words(&LIFETIMES);
    let mut found = Vec::new();
    if !LIFETIMES.contains(&purpose.lifetime_secs) {
        let said = format!("must be {range}: codes by phone live at most 10 minutes");
        found.push(Mistake::of("lifetime_secs", said));
    }
    for (field, secs) in [
        ("voice_lifetime_secs", purpose.voice_lifetime_secs),
        ("whatsapp_lifetime_secs", purpose.whatsapp_lifetime_secs),
    ] {
        if secs != 0 && !LIFETIMES.contains(&secs) {
            let said = format!("must be {range}, or 0 for lifetime_secs");
            found.push(Mistake::of(field, said));
        }
    }
    if !EMAIL_LIFETIMES.contains(&purpose.email_lifetime_secs) {
        let said = format!("must be {}, a day", in_words(&EMAIL_LIFETIMES));
        found.push(Mistake::of("email_lifetime_secs", said));
    }
    found
}

fn in_words(range: &RangeInclusive<u32>) -> String {
    format!("{} to {}", range.start(), range.end())
}

/// The shortest time that a code by one of these channels counts, with the key that says so.
fn shortest(purpose: &Purpose, is_meant: impl Fn(Channel) -> bool) -> (&'static str, u32) {
    let of_one = |channel: Channel| {
        let secs = purpose.lifetime_of(channel);
        let field = match channel {
            Channel::Voice if purpose.voice_lifetime_secs != 0 => "voice_lifetime_secs",
            Channel::Whatsapp if purpose.whatsapp_lifetime_secs != 0 => "whatsapp_lifetime_secs",
            Channel::Sms | Channel::Voice | Channel::Whatsapp => "lifetime_secs",
            Channel::Email => "email_lifetime_secs",
        };
        (field, secs)
    };
    let all = Channel::ALL.into_iter().filter(|channel| is_meant(*channel)).map(of_one);
    all.min_by_key(|(_, secs)| *secs).unwrap_or(("lifetime_secs", purpose.lifetime_secs))
}

fn check_wait(purpose: &Purpose) -> Result<(), Mistake> {
    let wait = purpose.resend_after_secs;
    let (field, secs) = shortest(purpose, |_| true);
    if wait < secs {
        return Ok(());
    }
    let said = format!(
        "resend_after_secs is {wait} and {field} is {secs}: the code is void before it can be sent again; \
         make resend_after_secs shorter, or {field} longer"
    );
    Err(Mistake::between("resend_after_secs", field, said))
}

fn check_steps(config: &Config, purpose: &Purpose) -> Result<(), Mistake> {
    let Some(first) = purpose.then.first() else { return Ok(()) };
    if purpose.then.len() > MOST_STEPS {
        return Err(Mistake::of("then", format!("may have at most {MOST_STEPS} steps")));
    }
    let by_phone = first.channel.is_by_phone();
    for (place, step) in purpose.then.iter().enumerate() {
        let (channel, key) = (step.channel.as_str(), format!("then[{place}].channel"));
        if !config.chains.serves(step.channel) {
            let said = format!(
                "nothing is sent by {channel} here; take the step out, or name a provider in \
                 chains.{channel} of the configuration"
            );
            return Err(Mistake::of(key, said));
        }
        if step.channel.is_by_phone() != by_phone {
            let said = format!(
                "{channel} does not reach the address of the first step; a policy follows by phone or by \
                 e-mail, and a request may name a second address in its own then"
            );
            return Err(Mistake::of(key, said));
        }
    }
    Ok(())
}

fn check_step_times(purpose: &Purpose) -> Result<(), Mistake> {
    let Some(first) = purpose.then.first() else { return Ok(()) };
    let by_phone = first.channel.is_by_phone();
    let (field, secs) = shortest(purpose, |channel| channel.is_by_phone() == by_phone);
    let waits = purpose.then.iter().map(|step| step.after_secs);
    check_times(waits, secs).map_err(|(place, bad)| {
        let key = format!("then[{place}].after_secs");
        match bad {
            BadTime::TooSoon => Mistake::of(key, format!("must be at least {SHORTEST_WAIT}")),
            BadTime::TooLate(at) => {
                let said = format!(
                    "the step comes {at} s after the first message and {field} is {secs}: at least \
                     {LEAST_LIFE} s must be left; let it come earlier, or make {field} longer"
                );
                Mistake::between(key, field, said)
            }
        }
    })
}

fn check_countries(config: &Config, purpose: &Purpose) -> Result<(), Mistake> {
    let mut seen = BTreeSet::new();
    for country in &purpose.countries {
        if !seen.insert(country) {
            return Err(Mistake::of("countries", format!("{country:?} stands there twice")));
        }
        if !recipient::is_region(country) {
            let said = format!("{country:?} is no country; write two capital letters, such as DE");
            return Err(Mistake::of("countries", said));
        }
        if !config.allows_region(Some(country)) {
            let said = format!(
                "{country:?} is allowed to nobody; take it out, or add it to recipients.countries in the \
                 configuration"
            );
            return Err(Mistake::of("countries", said));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_with;

    /// What is wrong with a file that holds this, as a policy's keys.
    fn mistake(text: &str) -> Option<String> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        let config = load_with(Some(file.path()), std::iter::empty());
        config.err().map(|error| error.to_string())
    }

    #[test]
    fn contradictions_name_their_keys_and_the_way_out() {
        let of = |keys: &str| {
            mistake(&format!("[chains]\nvoice = [\"console\"]\n[purposes.shop]\n{keys}\n"))
        };
        let short = "[policies]\nallow_short_codes = true\n[purposes.shop]\ncode_length = 4";
        assert_eq!(mistake(short), None);
        for good in [
            "code_length = 6\nguesses = 10",
            "lifetime_secs = 31\nvoice_lifetime_secs = 0",
            "then = [{ channel = \"voice\", after_secs = 580 }]",
            "countries = [\"US\", \"GB\"]",
            "resends = \"\"",
        ] {
            assert_eq!(of(good), None, "{good}");
        }
        for (bad, said) in [
            (
                "code_length = 4\nguesses = 10",
                "shop.code_length: 4 digits are hit by 10 guesses once in 1000",
            ),
            ("code_length = 5", "take 6 digits, or set policies.allow_short_codes = true"),
            ("code_length = 11", "purposes.shop.code_length: must be 4 to 10"),
            ("guesses = 0", "purposes.shop.guesses: must be 1 to 10"),
            (
                "voice_lifetime_secs = 29",
                "voice_lifetime_secs: must be 30 to 600, or 0 for lifetime_secs",
            ),
            (
                "resend_after_secs = 600",
                "resend_after_secs is 600 and lifetime_secs is 600: the code is void",
            ),
            (
                "resend_after_secs = 40\nwhatsapp_lifetime_secs = 40",
                "make resend_after_secs shorter, or whatsapp_lifetime_secs longer",
            ),
            (
                "resends = \"5\"",
                "\"5\" is not a limit; write count/window, such as \"5/10m\", or \"\"",
            ),
            (
                "then = [{ channel = \"voice\", after_secs = 581 }]",
                "shop.then[0].after_secs: the step comes 581 s after the first message and lifetime_secs is 600",
            ),
            (
                "then = [{ channel = \"voice\", after_secs = 9 }]",
                "then[0].after_secs: must be at least 10",
            ),
            (
                "then = [{ channel = \"whatsapp\", after_secs = 60 }]",
                "then[0].channel: nothing is sent by whatsapp here; take the step out, or name",
            ),
            ("then = [{ channel = \"fax\", after_secs = 60 }]", "purposes.shop.then[0].channel: "),
            ("countries = [\"US\", \"US\"]", "countries: \"US\" stands there twice"),
            ("countries = [\"XX\"]", "countries: \"XX\" is no country; write two capital letters"),
        ] {
            let mistake = of(bad).expect(bad);
            assert!(mistake.contains(said), "{bad:?} gave {mistake:?}");
        }
        let costly = "[recipients]\ndefault_region = \"US\"\n[chains]\nsms = [\"t\"]\n[providers.t]\n\
                      kind = \"twilio\"\n[purposes.shop]\ncountries = [\"US\", \"FR\"]";
        let mistake = mistake(costly).expect("a country that nobody may send to");
        assert!(
            mistake.contains("countries: \"FR\" is allowed to nobody; take it out"),
            "{mistake}"
        );
    }

    #[test]
    fn what_comes_with_the_service_gives_way_to_the_file() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let load = |text: &str, variables: &[(&str, &str)]| {
            std::fs::write(file.path(), text).expect("written");
            let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
            load_with(Some(file.path()), variables).expect("good")
        };
        let of = |config: &Config, name: &str| {
            let purpose = &config.purposes[name];
            (purpose.lifetime_secs, purpose.guesses, purpose.resend_after_secs)
        };
        let plain = load("", &[]);
        assert_eq!(of(&plain, "password_reset"), (300, 3, 30));
        assert_eq!(of(&plain, "opt_in"), (600, 5, 120));
        let said_for_all = load("[purposes.default]\nguesses = 5\nlifetime_secs = 90", &[]);
        assert_eq!(of(&said_for_all, "password_reset"), (90, 5, 30));
        // A wait of 120 s does not fit.
        assert_eq!(of(&said_for_all, "opt_in"), (90, 5, 30));
        let variable = [("OTPOST__PURPOSES__DEFAULT__GUESSES", "7")];
        let own = load("[purposes.password_reset]\nlifetime_secs = 120", &variable);
        assert_eq!(of(&own, "password_reset"), (120, 7, 30));
        assert_eq!(of(&own, "two_factor"), (300, 7, 30));
        assert_eq!(own.purposes.len(), plain.purposes.len());
    }
}
