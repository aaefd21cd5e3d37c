//! Accepting a verification: policy, limits, one commit, one hint.

use std::{net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Variables, Verification, WITHHELD, field,
    terms::Terms,
    words::Words,
    workflow::{self, NewStep, Other, StepRefused},
};
pub use crate::admission::Refused;
use crate::{
    acceptance::{Acceptance, commit},
    admission::{Admission, Asking, admit, repeat},
    channel::Channel,
    clock::Millis,
    config::Purpose,
    db::{DbError, in_time},
    home::Home,
    idempotency::IdempotencyKey,
    queue::Lane,
    recipient::Recipient,
    secrets::{Code, Handle, SecretError, random},
    settings::{Owner, Settings},
    template::{APP, RESERVED},
    texts::{Asked, Need},
};

/// A request to prove that somebody holds a number or an e-mail address.
#[derive(Clone, Debug)]
pub struct NewVerification {
    pub tenant_id: Uuid,
    pub to: Recipient,
    /// By which way; `to` must be what it reaches.
    pub channel: Channel,
    pub purpose: String,
    pub subject: Option<String>,
    pub variables: Variables,
    pub metadata: Option<serde_json::Value>,
    /// The languages that the person would like.
    pub locale: Asked,
    pub client: Option<IpAddr>,
    /// A code of the caller's own.
    pub code: Option<Code>,
    /// What follows while nobody gives the code back; none for what the policy says.
    pub then: Option<Vec<NewStep>>,
    /// The caller knows that nobody is to be written to, and wants an answer that does not tell.
    pub decoy: bool,
    pub idempotency_key: Option<IdempotencyKey>,
}

impl NewVerification {
    fn steps(&self) -> &[NewStep] {
        self.then.as_deref().unwrap_or_default()
    }

    /// Takes the steps of the policy where the request has no word on them.
    fn follow(&mut self, policy: Option<&Purpose>) {
        if let (None, Some(policy)) = (&self.then, policy) {
            self.then = Some(workflow::steps_to(&self.to, &policy.then));
        }
    }
}

/// What the caller learns, now and at every repeat with the same key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Accepted {
    pub id: Uuid,
    pub session_token: String,
    /// What was kept before there was another one does not say it.
    #[serde(default)]
    pub channel: Channel,
    /// Masked.
    pub to: String,
    pub expires_at: Millis,
    pub resend_at: Millis,
}

/// Accepts a verification. When this returns `Ok`, row and message are committed.
///
/// # Errors
/// Why nothing was accepted.
pub async fn accept(home: &Home, new: NewVerification) -> Result<Accepted, Refused> {
    accept_on_terms(home, new, &Terms::default()).await
}

/// As [`accept`], on other terms than the configured ones.
///
/// # Errors
/// Why nothing was accepted.
pub async fn accept_on_terms(
    home: &Home,
    new: NewVerification,
    terms: &Terms<'_>,
) -> Result<Accepted, Refused> {
    in_time(accept_in_time(home, new, terms)).await
}

async fn accept_in_time(
    home: &Home,
    mut new: NewVerification,
    terms: &Terms<'_>,
) -> Result<Accepted, Refused> {
    let now = home.clock.now();
    let settings = home.settings.now(&home.db, now).await?;
    let policy = settings.policy(new.tenant_id, &new.purpose);
    let policy = policy.as_deref().map(|policy| terms.policy_or(policy));
    let policy = policy.as_deref();
    new.follow(policy);
    let reserved = new.variables.keys().find(|name| RESERVED.contains(&name.as_str())).cloned();
    if let Some(app) = terms.app {
        new.variables.insert(APP.to_owned(), app.to_owned());
    }
    let fixed_code = home.test_code(&new.to, now).cloned();
    let is_sandbox = home.is_sandbox(new.tenant_id).await?;
    let recipient_hash = home.keys.recipient_hash(new.tenant_id, &new.to.identity());
    let other = workflow::other(home, new.tenant_id, &new.to, new.steps());
    let asking = Asking {
        tenant_id: new.tenant_id,
        to: &new.to,
        recipient_hash: &recipient_hash,
        channel: new.channel,
        other: other.as_ref().map(|other| (&other.to, other.hash.as_slice())),
        lane: Lane::Otp,
        lifetime_secs: policy.map_or(0, |policy| policy.lifetime_of(new.channel)),
        recipient_rules: terms.recipient_rules_or(home),
        client: new.client,
        idempotency_key: new.idempotency_key.as_ref(),
        is_test: fixed_code.is_some(),
        is_sandbox,
        opt_outs: terms.opt_outs(home, new.tenant_id, &new.to).await?,
    };
    let words = policy.map(|policy| words(home, &settings, policy, &new, terms));
    let unknown =
        || Refused::UnknownPurpose { known: settings.purposes(Owner::Tenant(new.tenant_id)) };
    let words = words.ok_or_else(unknown);
    let checked = words.and_then(|words| check_request(home, &new, words, &asking, reserved));
    let words = match checked {
        Ok(words) => words,
        // What a policy says may have changed since: a repeat gets its first answer.
        Err(refused) => {
            return repeat(home, &asking).await?.map_or(Err(refused), |answer| read(&answer));
        }
    };
    let charged = match admit(home, &asking).await? {
        Admission::Repeat(answer) => return read(&answer),
        Admission::Go(charged) => charged,
    };
    let other = other.as_ref();
    let admitted =
        Admitted { home, new: &new, asking: &asking, other, words: &words, fixed_code, now };
    let (acceptance, accepted) = admitted.seal()?;
    let first = commit(home, &asking, charged, acceptance).await?;
    first.map_or(Ok(accepted), |answer| read(&answer))
}

/// What its messages say, in the language that is kept with it.
fn words<'a>(
    home: &'a Home,
    settings: &'a Settings,
    policy: &'a Purpose,
    new: &'a NewVerification,
    terms: &Terms<'a>,
) -> Words<'a> {
    let (texts, tenant_id, purpose) = (settings.texts(), new.tenant_id, new.purpose.as_str());
    let steps = new.steps().iter().map(|step| step.channel);
    let messages = [new.channel].into_iter().chain(steps).map(|channel| Need {
        tenant_id,
        purpose,
        channel,
        locale: None,
        country: None,
        minutes: policy.minutes_of(channel),
    });
    Words {
        config: &home.config.texts,
        texts,
        tenant_id,
        purpose,
        policy,
        locale: texts.wanted(policy, messages, &new.locale).map(ToString::to_string),
        given: &new.variables,
        must_name: terms.must_name,
    }
}

fn read(answer: &[u8]) -> Result<Accepted, Refused> {
    serde_json::from_slice(answer).map_err(|e| DbError::Broken(e.to_string()).into())
}

/// What the request says is what the policy allows; gives it back.
fn check_request<'a>(
    home: &Home,
    new: &NewVerification,
    words: Words<'a>,
    asking: &Asking<'_>,
    reserved: Option<String>,
) -> Result<Words<'a>, Refused> {
    if let Some(name) = reserved {
        return Err(Refused::VariableReserved(name));
    }
    check_steps(home, new, &words)?;
    check_own_code(new, words.policy)?;
    check_countries(words.policy, &new.purpose, asking)?;
    Ok(words)
}

/// Each step is one that can be sent, with the texts of its channel.
fn check_steps(home: &Home, new: &NewVerification, words: &Words<'_>) -> Result<(), Refused> {
    let lifetime_secs = words.policy.lifetime_of(new.channel);
    workflow::check(&new.to, new.steps(), lifetime_secs, new.code.is_some())
        .map_err(Refused::Step)?;
    let now = home.clock.now();
    let is_fixed = |to: &Recipient| home.test_code(to, now).is_some();
    let fixed = new.steps().iter().position(|step| is_fixed(&step.to));
    if let Some(place) = fixed.filter(|_| !is_fixed(&new.to)) {
        let said = "is a test number, to which nothing is sent: it can only be the first".into();
        return Err(Refused::Step(StepRefused { place, field: "to", said }));
    }
    words.check(new.channel, &new.to)?;
    new.steps().iter().try_for_each(|step| words.check(step.channel, &step.to))
}

fn check_own_code(new: &NewVerification, policy: &Purpose) -> Result<(), Refused> {
    let Some(code) = &new.code else { return Ok(()) };
    if !policy.own_codes {
        return Err(Refused::OwnCode { purpose: new.purpose.clone() });
    }
    if code.as_str().len() != policy.code_length as usize {
        return Err(Refused::CodeLength { expected: policy.code_length });
    }
    Ok(())
}

/// The countries of the purpose; those of the configuration are looked at with the limits.
pub(super) fn check_countries(
    policy: &Purpose,
    purpose: &str,
    asking: &Asking<'_>,
) -> Result<(), Refused> {
    let check = |to: &Recipient| {
        if asking.is_open_to(to) || !to.channel().is_by_phone() || policy.allows_region(to.region())
        {
            return Ok(());
        }
        let region = to.region().map(str::to_owned);
        Err(Refused::CountryNotOfPurpose { region, purpose: purpose.to_owned() })
    };
    check(asking.to)?;
    asking.other.map_or(Ok(()), |(to, _)| check(to)).map_err(|of| Refused::OfStep(Box::new(of)))
}

/// What is to be accepted, once it was let in.
struct Admitted<'a> {
    home: &'a Home,
    new: &'a NewVerification,
    asking: &'a Asking<'a>,
    other: Option<&'a Other>,
    words: &'a Words<'a>,
    fixed_code: Option<Code>,
    now: Millis,
}

impl Admitted<'_> {
    fn seal(&self) -> Result<(Arc<Acceptance>, Accepted), Refused> {
        let Self { home, new, asking, other, now, .. } = *self;
        let id = Uuid::now_v7();
        let token = Handle::generate(id);
        let mut row = self.row(&token)?;
        let mut messages = Vec::new();
        // A test number has no message: nothing can ever send to it.
        if !asking.is_test {
            row.add_other(home, other)?;
            messages = workflow::messages(home, &row, new.steps(), other, now)?
                .into_iter()
                .map(|message| message.of_sandbox(asking.is_sandbox))
                .collect();
        }
        let accepted = Accepted {
            id,
            session_token: token.to_text().to_string(),
            channel: new.channel,
            to: new.to.masked(),
            expires_at: row.expires_at,
            resend_at: row.resend_at,
        };
        let record = home.keep_answer(asking, id, &accepted, now)?;
        let acceptance = Arc::new(Acceptance {
            verification: Some(row),
            messages,
            record,
            cap: home.send_cap(new.tenant_id, asking.is_test),
            now,
        });
        Ok((acceptance, accepted))
    }

    fn row(&self, token: &Handle) -> Result<Verification, SecretError> {
        let Self { home, new, asking, words, now, .. } = *self;
        let (id, policy) = (token.id, words.policy);
        let seal = |name: &str, plain: &[u8]| home.keys.seal(name, id, plain);
        let own_code = self.fixed_code.as_ref().or(new.code.as_ref());
        let variables = (!new.variables.is_empty()).then(|| {
            seal(field::VARIABLES, &serde_json::to_vec(&new.variables).unwrap_or_default())
        });
        let metadata = new
            .metadata
            .as_ref()
            .map(|m| seal(field::METADATA, &serde_json::to_vec(m).unwrap_or_default()));
        Ok(Verification {
            id,
            tenant_id: new.tenant_id,
            purpose: new.purpose.clone(),
            channel: new.channel.as_str().into(),
            status: "pending".into(),
            key_id: home.keys.active_kid().to_owned(),
            hash_key_id: home.keys.active_hash_kid().to_owned(),
            recipient_hash: asking.recipient_hash.to_vec(),
            recipient_sealed: seal(field::RECIPIENT, new.to.to_stored().as_bytes())?,
            token_hash: token.hash(),
            seed: if own_code.is_some() { None } else { Some(random::<16>().to_vec()) },
            code_sealed: own_code.map(|c| seal(field::CODE, c.as_str().as_bytes())).transpose()?,
            code_length: i32::try_from(policy.code_length).unwrap_or(6),
            generation: 1,
            guesses: 0,
            guess_limit: i32::try_from(policy.guesses).unwrap_or(5),
            resends: 0,
            is_test: i32::from(asking.is_test),
            subject_sealed: new
                .subject
                .as_ref()
                .map(|s| seal(field::SUBJECT, s.as_bytes()))
                .transpose()?,
            variables_sealed: variables.transpose()?,
            metadata_sealed: metadata.transpose()?,
            failure: None,
            check_key_hash: None,
            created_at: now,
            resend_at: now + i64::from(policy.resend_after_secs) * 1_000,
            expires_at: now + i64::from(asking.lifetime_secs) * 1_000,
            finished_at: None,
            receipt_used_at: None,
            other_hash: None,
            other_sealed: None,
            proves_other: 0,
            reusable: i32::from(policy.reusable),
            locale: words.locale.clone(),
            decoy: if asking.is_withheld() { WITHHELD } else { i32::from(new.decoy) },
        })
    }
}
