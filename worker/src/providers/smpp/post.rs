//! One message on its way: its parts submitted, their answers made one outcome.

use std::{fmt, sync::Arc};

use futures_util::future::join_all;
use otpost_shared::outcome::ErrorClass;
use rusmpp::pdus::SubmitSm;
use tokio::time::Instant;

use super::{
    register::{Entry, Register},
    session::{Answer, Live, Refusal},
    sessions::{Place, Sessions},
    status,
};
use crate::provider::Outcome;

/// A message that is about to be submitted.
pub(super) struct Post {
    pub(super) sessions: Arc<Sessions>,
    pub(super) register: Register,
    pub(super) parts: Vec<SubmitSm>,
    /// Under which the ids are written down.
    pub(super) entry: Entry,
    /// Nobody waits for the outcome after that: nothing new is submitted, but answers are heard.
    pub(super) until: Instant,
}

/// What became of one part.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Answered(Answer),
    /// It never left.
    Unsent(Refusal),
}

impl Post {
    /// The first part by itself: when it is refused, nothing was sent. The others follow together, over
    /// the same session.
    pub(super) async fn run(self) -> Outcome {
        let Self { sessions, register, parts, entry, until } = self;
        let mut parts = parts.into_iter();
        let Some(first) = parts.next() else {
            return Outcome::refused(ErrorClass::Content, None, "there is no text");
        };
        let place = match sessions.place().await {
            Ok(place) => place,
            Err(refusal) => return unsent(refusal),
        };
        let live = Arc::clone(&place.live);
        let mut ends = vec![submit(place, first).await];
        if matches!(ends[0], Part::Answered(Answer::Accepted(_))) {
            ends.extend(join_all(parts.map(|part| submit_after(&live, part, until))).await);
        } else {
            ends.extend(parts.map(|_| Part::Unsent(not_begun())));
        }
        register.note(&entry, &ids(&ends));
        judge(sessions.settings(), &ends)
    }
}

async fn submit(place: Place, pdu: SubmitSm) -> Part {
    let answer = place.live.submit(pdu).await;
    drop(place);
    Part::Answered(answer)
}

async fn submit_after(live: &Arc<Live>, pdu: SubmitSm, until: Instant) -> Part {
    match live.place(until).await {
        Some(place) if Instant::now() < until => submit(place, pdu).await,
        _ => Part::Unsent(not_begun()),
    }
}

fn not_begun() -> Refusal {
    Refusal::transient("it was not submitted any more")
}

/// What the SMSC calls each part; none for one that has no id.
fn ids(ends: &[Part]) -> Vec<Option<String>> {
    let id = |end: &Part| match end {
        Part::Answered(Answer::Accepted(id)) => id.clone(),
        _ => None,
    };
    ends.iter().map(id).collect()
}

/// Accepted when all are, refused when none was; in between the person may get something.
fn judge(settings: &super::config::Settings, ends: &[Part]) -> Outcome {
    let class = |end: &Part| match end {
        Part::Answered(Answer::Accepted(_)) => ErrorClass::Ok,
        Part::Answered(Answer::Refused(status)) => status::class_of(&settings.errors, *status),
        Part::Answered(Answer::Unknown(_)) => ErrorClass::Unknown,
        Part::Unsent(refusal) => refusal.class,
    };
    let ids: Vec<String> = ids(ends).into_iter().flatten().collect();
    let id = (!ids.is_empty()).then(|| ids.join(","));
    let Some((number, end)) = (1..).zip(ends).find(|(_, end)| class(end) != ErrorClass::Ok) else {
        return Outcome::accepted(id);
    };
    let code = match end {
        Part::Answered(Answer::Refused(status)) => Some(status::code(*status)),
        Part::Unsent(refusal) => refusal.code.clone(),
        Part::Answered(_) => None,
    };
    let mut outcome = if number == 1 {
        Outcome::refused(class(end), code, end.to_string())
    } else {
        let words = format!("part {number} of {}, after others were accepted: {end}", ends.len());
        Outcome::refused(ErrorClass::Unknown, code, words)
    };
    outcome.provider_message_id = id;
    outcome
}

fn unsent(refusal: Refusal) -> Outcome {
    Outcome::refused(refusal.class, refusal.code, format!("{}; nothing was sent", refusal.words))
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(Answer::Accepted(_)) => f.write_str("accepted"),
            Self::Answered(Answer::Refused(status)) => f.write_str(&status::in_words(*status)),
            Self::Answered(Answer::Unknown(words)) => f.write_str(words),
            Self::Unsent(refusal) => f.write_str(&refusal.words),
        }
    }
}
