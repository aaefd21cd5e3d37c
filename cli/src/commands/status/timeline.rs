//! `otpost status ID`: everything that was done for one verification or message, in time order: the
//! answer to "why did the code not come?".

use std::process::ExitCode;

use otpost_shared::{
    Home,
    attempt::{self, Attempt},
    clock::Millis,
    message::{self, Message},
    outcome::ErrorClass,
    price::{self, Charge},
    verification::{self, Verification},
};
use serde::Serialize;
use uuid::Uuid;

use super::batch;
use crate::{
    args::StatusOptions,
    output::{Done, Failure, moment, print_json, say, secs},
};

pub async fn run(home: &Home, id: Uuid, options: &StatusOptions) -> Done {
    if let Some(row) = verification::find(&home.db, id).await? {
        if options.print.json {
            print(&otpost_api::verification_view(home, row).await?)?;
        } else {
            tell_verification(home, &row).await?;
        }
    } else if let Some(row) = message::find(&home.db, id).await? {
        if options.print.json {
            let to = row.recipient(&home.keys)?.map(|to| to.masked());
            print(&otpost_api::message_view(home, row, to).await?)?;
        } else {
            tell_message(home, &row).await?;
        }
    } else {
        return batch::run(home, id, options).await;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(view: &impl Serialize) -> Result<(), Failure> {
    print_json(&serde_json::to_value(view).map_err(|e| Failure::new(e.to_string()))?);
    Ok(())
}

async fn tell_verification(home: &Home, row: &Verification) -> Result<(), Failure> {
    let now = home.clock.now();
    say!("verification {}: {}", row.id, row.status(now).as_str());
    say!("  to       {}", row.recipient(&home.keys)?.masked());
    say!("  channel  {}", row.channel);
    say!("  purpose  {}", row.purpose);
    if row.is_test() {
        say!("  test number: nothing is sent");
    }
    if row.is_withheld() {
        say!(
            "  withheld: the recipient is not to be sent to, and whoever asked was not to learn it"
        );
    } else if row.is_decoy() {
        say!("  decoy: nothing is sent, and no code is right");
    }
    if row.has_subject() {
        say!("  subject  there is one, to be given again at check");
    }
    say!("  created  {}", moment(row.created_at));
    say!("  expires  {}", moment(row.expires_at));
    if let Some(at) = row.finished_at {
        say!("  ended    {}, {} after", moment(at), secs(at - row.created_at));
    }
    say!("  guesses  {} left, {} resends", row.guesses_left(), row.resends);
    if let Some(failure) = &row.failure {
        say!("  failure  {failure}");
    }
    let mut charges = Vec::new();
    for message in message::list_by_verification(&home.db, row.id).await? {
        charges.extend(tell_message(home, &message).await?);
    }
    for sum in price::totals(charges) {
        say!("together {sum}");
    }
    Ok(())
}

/// Gives what its attempts cost.
async fn tell_message(home: &Home, row: &Message) -> Result<Vec<Charge>, Failure> {
    say!("message {}: {}", row.id, row.state);
    if let Some(to) = row.recipient(&home.keys)? {
        say!("  to       {}", to.masked());
    }
    say!("  lane     {}, {}", row.lane().as_str(), row.channel().as_str());
    if let (Some(keyword), Some(provider)) = (&row.keyword, &row.only_provider) {
        say!("  purpose  reply to {} over {provider}", keyword.to_uppercase());
    }
    say!("  created  {}", moment(row.created_at));
    match row.finished_at {
        Some(at) => say!("  ended    {}, {} after", moment(at), secs(at - row.created_at)),
        None => say!("  deadline {}", moment(row.deadline)),
    }
    if row.is_to_come(home.clock.now()) {
        say!("  not before {}", moment(row.not_before));
    }
    if let Some(failure) = &row.failure {
        let class = row.failure_class.as_deref().map(|class| format!(" [{class}]"));
        say!("  failure  {failure}{}", class.unwrap_or_default());
    }
    let attempts = attempt::list_by_message(&home.db, row.id).await?;
    if attempts.is_empty() {
        say!("  no provider was asked");
    }
    for attempt in &attempts {
        say!("  {}", told(attempt, row.created_at));
    }
    Ok(attempts.iter().filter_map(Attempt::charge).collect())
}

/// `1. main after 0.012 s: ok in 0.150 s, id SM1, 1 segment, 0.0333 EUR, delivered 3.210 s later`
fn told(attempt: &Attempt, created_at: Millis) -> String {
    let took = attempt.finished_at.map(|at| format!(" in {}", secs(at - attempt.started_at)));
    let mut parts = vec![format!(
        "{}. {} after {}: {}{}",
        attempt.number,
        attempt.provider,
        secs(attempt.started_at - created_at),
        attempt.outcome().map_or("running", ErrorClass::as_str),
        took.unwrap_or_default()
    )];
    let words = [
        ("code", &attempt.error_code),
        ("id", &attempt.provider_message_id),
        ("words", &attempt.detail),
    ];
    for (name, value) in words {
        parts.extend(value.as_ref().map(|value| format!("{name} {value}")));
    }
    let plural = |count| if count == 1 { "" } else { "s" };
    parts.extend(attempt.segments.map(|count| format!("{count} segment{}", plural(count))));
    parts.extend(attempt.charge().map(|charge| charge.to_string()));
    if let (Some(report), Some(at)) = (&attempt.report, attempt.reported_at) {
        let since = attempt.finished_at.unwrap_or(attempt.started_at);
        parts.push(format!("{report} {} later", secs((at - since).max(0))));
        parts.extend(attempt.undelivered().map(|class| format!("because {}", class.as_str())));
        parts.extend(attempt.report_code.as_ref().map(|code| format!("code {code}")));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_told_in_one_line() {
        let mut attempt = Attempt::of(2, "main", Some(ErrorClass::Recipient), 1_700_000_000_150);
        attempt.started_at = 1_700_000_000_012;
        attempt.error_code = Some("21211".into());
        attempt.detail = Some("no such number".into());
        let line = "2. main after 0.012 s: recipient in 0.138 s, code 21211, words no such number";
        assert_eq!(told(&attempt, 1_700_000_000_000), line);
        let running = Attempt::of(1, "main", None, 1_700_000_001_000);
        assert_eq!(told(&running, 1_700_000_000_000), "1. main after 1.000 s: running");
        attempt.report = Some("sent".into());
        attempt.reported_at = Some(1_700_000_003_150);
        assert_eq!(told(&attempt, 1_700_000_000_000), format!("{line}, sent 3.000 s later"));
        for (segments, words) in [(1, "1 segment"), (3, "3 segments")] {
            attempt.segments = Some(segments);
            let line = format!("{line}, {words}, sent 3.000 s later");
            assert_eq!(told(&attempt, 1_700_000_000_000), line);
        }
    }
}
