//! `otpost suppression`: add, list, remove.

use std::{path::Path, process::ExitCode};

use otpost_shared::{
    Home,
    suppression::{self, NewSuppression, Reason, Scope, Suppression},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    args::{SuppressionAdd, SuppressionCommand, SuppressionList, SuppressionRemove},
    output::{Done, Failure, moment, print_json, say},
};

/// Rows read at once.
const PAGE: usize = 1_000;

pub async fn run(config: Option<&Path>, command: SuppressionCommand) -> Done {
    let home = super::open_ready(config).await?;
    match command {
        SuppressionCommand::Add(options) => add(&home, options).await,
        SuppressionCommand::List(options) => list(&home, options).await,
        SuppressionCommand::Remove(options) => remove(&home, options).await,
    }
}

async fn add(home: &Home, options: SuppressionAdd) -> Done {
    let tenant = super::tenant(home, &options.tenant).await?;
    let to = home.read_recipient(tenant.id, &options.to).await?;
    let to = to.map_err(|e| Failure::new(e.to_string()))?;
    let scope = if options.codes { Scope::All } else { Scope::Bulk };
    let new = NewSuppression {
        tenant_id: Some(tenant.id),
        to,
        scope,
        reason: Reason::Manual,
        provider: None,
    };
    let added = suppression::add(home, new).await?;
    if options.print.json {
        print_json(&view(home, &added)?);
    } else {
        say!("{}", added.id);
        let what = if added.scope == "all" { "Nothing, codes neither," } else { "No text" };
        eprintln!("{what} is sent to {} any more.", added.recipient(&home.keys)?.masked());
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(home: &Home, options: SuppressionList) -> Done {
    let tenant = super::tenant(home, &options.tenant).await?;
    let of = match &options.to {
        None => None,
        Some(to) => {
            let to = home.read_recipient(tenant.id, to).await?;
            let to = to.map_err(|e| Failure::new(e.to_string()))?;
            Some(suppression::hash(&home.keys, &to))
        }
    };
    let (mut after, mut all) = (Some(Uuid::nil()), Vec::new());
    while let Some(from) = after {
        let page = suppression::list(&home.db, tenant.id, of.as_deref(), from, PAGE).await?;
        after = page.next;
        all.extend(page.rows);
    }
    if options.print.json {
        let views: Result<Vec<Value>, _> = all.iter().map(|row| view(home, row)).collect();
        print_json(&views?.into());
    } else if all.is_empty() {
        say!("Nobody is kept back; `otpost suppression add` does that, and people do with STOP.");
    } else {
        say!("{:36}  {:24}  {:24}  {:5}  {:8}  through", "id", "since", "to", "scope", "reason");
        for row in all {
            say!(
                "{}  {}  {:24}  {:5}  {:8}  {}",
                row.id,
                moment(row.created_at),
                row.recipient(&home.keys)?.masked(),
                row.scope,
                row.reason,
                row.provider.as_deref().unwrap_or("-")
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn view(home: &Home, row: &Suppression) -> Result<Value, Failure> {
    Ok(json!({
        "id": row.id,
        "to": row.recipient(&home.keys)?.masked(),
        "scope": row.scope,
        "reason": row.reason,
        "provider": row.provider,
        "created_at": moment(row.created_at),
    }))
}

async fn remove(home: &Home, options: SuppressionRemove) -> Done {
    if suppression::remove(home, options.id).await? {
        say!("Removed.");
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::new("there is no such suppression; see `otpost suppression list`"))
}
