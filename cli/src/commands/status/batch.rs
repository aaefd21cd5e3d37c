//! `otpost status --batch`: what became of a batch, counted or row by row.

use std::process::ExitCode;

use otpost_api::ListedMessage;
use otpost_shared::{
    Home,
    message::batch::{self, Batch, Which},
    tenant::DEFAULT_TENANT,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    args::StatusOptions,
    output::{Done, Failure, moment, print_json, say},
};

const PAGE: usize = 1_000;

pub async fn run(home: &Home, id: Uuid, options: &StatusOptions) -> Done {
    let batch = batch::find(&home.db, DEFAULT_TENANT, id)
        .await?
        .ok_or_else(|| Failure::new("there is no verification, message or batch with this id"))?;
    let which = if options.failed { Which::NotSent } else { Which::All };
    if options.csv {
        print(&ListedMessage::header());
        each(home, &batch, which, |row| print(&row.line())).await?;
    } else if options.print.json {
        let mut view = view(home, &batch).await?;
        if options.failed {
            let mut rows = Vec::new();
            each(home, &batch, which, |row| rows.push(json!(row))).await?;
            view["messages"] = rows.into();
        }
        print_json(&view);
    } else {
        let states = batch::count_by_state(&home.db, &batch).await?;
        say!("batch     {id}, begun {}", moment(batch.created_at));
        say!("rows      {}", batch.size);
        say!("refused   {}", batch.refused(&states));
        for (state, count) in states {
            say!("{state:9} {count}");
        }
        if options.failed {
            each(home, &batch, which, |row| {
                let why = row.failure.unwrap_or_default();
                say!("{:>9} {} {:9} {why}", row.index, row.to, row.state);
            })
            .await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn view(home: &Home, batch: &Batch) -> Result<Value, Failure> {
    let states = batch::count_by_state(&home.db, batch).await?;
    Ok(json!({
        "batch": batch.id,
        "created_at": moment(batch.created_at),
        "rows": batch.size,
        "refused": batch.refused(&states),
        "states": states,
    }))
}

/// Every message that is asked for, page by page.
async fn each(
    home: &Home,
    batch: &Batch,
    which: Which,
    mut see: impl FnMut(ListedMessage),
) -> Result<(), Failure> {
    let mut after = batch.id;
    loop {
        let page = batch::list(&home.db, batch, which, after, PAGE).await?;
        for message in page.messages {
            see(ListedMessage::of(home, message)?);
        }
        match page.next {
            Some(next) => after = next,
            None => return Ok(()),
        }
    }
}

/// As it is; a reader that has gone, as `| head` does, is no error.
fn print(text: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
}
