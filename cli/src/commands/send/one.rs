//! One text to one number or e-mail address, through the same queue as the API.

use std::{path::Path, process::ExitCode, time::Duration};

use otpost_shared::{
    Home,
    idempotency::IdempotencyKey,
    message::{self, LONGEST_LETTER, Message, NewMessage, State, Title, longest_text},
    tenant::DEFAULT_TENANT,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    args::SendOptions,
    commands::{is_worker_alive, open_connected, recipient},
    output::{Done, Failure, print_json, say},
};

/// How long to wait for an outcome before saying that there is none yet.
const PATIENCE: Duration = Duration::from_secs(30);

pub async fn run(config: Option<&Path>, options: SendOptions) -> Done {
    // Whom it is for is only known with the database.
    check_length(&options.text, LONGEST_LETTER)?;
    let home = open_connected(config).await?;
    let to = recipient(&home, options.to.as_deref().unwrap_or_default()).await?;
    check_length(&options.text, longest_text(to.channel()))?;
    let title = Title::of(to.channel(), options.title)
        .map_err(|error| Failure::misused(format!("--title: {error}")))?;
    let key = options.idempotency_key.as_ref().map(|key| {
        let (address, text) = (to.address().as_bytes(), options.text.as_bytes());
        let mut said = vec![b"send\0".as_slice(), address, b"\0".as_slice(), text];
        if let Some(title) = &title {
            said.extend([b"\0".as_slice(), title.as_str().as_bytes()]);
        }
        IdempotencyKey::new(&home.keys, key, &said)
    });
    let new = NewMessage {
        tenant_id: DEFAULT_TENANT,
        to,
        title,
        text: options.text,
        language: None,
        client: None,
        idempotency_key: key,
    };
    let accepted = message::accept(&home, new).await?;
    if accepted.state == State::Queued.as_str() && !is_worker_alive(&home).await? {
        eprintln!(
            "Nothing delivers it until a worker runs; start `otpost worker` or `otpost serve`."
        );
    }
    let row = if options.no_wait { None } else { Some(outcome(&home, accepted.id).await?) };
    let (state, failure) = match &row {
        None => (accepted.state.as_str(), None),
        Some(row) => (row.state.as_str(), row.failure.as_deref()),
    };
    if options.print.json {
        print_json(&json!({
            "id": accepted.id, "channel": accepted.channel, "to": accepted.to, "state": state,
            "failure": failure,
        }));
    } else {
        say!("{state}: message {} to {}", accepted.id, accepted.to);
        if let Some(failure) = failure {
            say!("  {failure}");
        }
        if row.is_some() && state == "queued" {
            say!("  It is stored and goes out as soon as it can.");
        }
    }
    let sent = row.is_none() || matches!(state, "sent" | "delivered");
    Ok(if sent { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn check_length(text: &str, most: usize) -> Result<(), Failure> {
    if (1..=most).contains(&text.chars().count()) {
        return Ok(());
    }
    Err(Failure::misused(format!("--text must have 1 to {most} characters")))
}

/// The row when it has ended, or as it is when the patience has.
async fn outcome(home: &Home, id: Uuid) -> Result<Message, Failure> {
    let give_up = tokio::time::Instant::now() + PATIENCE;
    loop {
        let row = message::find(&home.db, id)
            .await?
            .ok_or_else(|| Failure::new("the message was removed meanwhile"))?;
        if row.finished_at.is_some() || tokio::time::Instant::now() > give_up {
            return Ok(row);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
