//! `otpost key`: create, list, revoke; jwks.

use std::{path::Path, process::ExitCode};

use otpost_shared::{
    Home,
    api_key::{self, ApiKey, Scope},
    tenant::DEFAULT_TENANT,
    verify_service::Sid,
};
use serde_json::json;

use crate::{
    args::{KeyCommand, KeyCreate, KeyList, KeyRevoke, ScopeName},
    output::{Done, Failure, moment, print_json, say},
};

pub async fn run(config: Option<&Path>, command: KeyCommand) -> Done {
    match command {
        KeyCommand::Create(options) => create(&super::open_ready(config).await?, options).await,
        KeyCommand::List(options) => list(&super::open_ready(config).await?, options).await,
        KeyCommand::Revoke(options) => revoke(&super::open_ready(config).await?, options).await,
        // The keys of receipts are in no table.
        KeyCommand::Jwks => jwks(&super::open_existing(config).await?),
    }
}

async fn create(home: &Home, options: KeyCreate) -> Done {
    let tenant = super::tenant(home, &options.tenant).await?;
    let mut scopes: Vec<Scope> = options
        .scope
        .iter()
        .map(|name| match name {
            ScopeName::Verify => Scope::Verify,
            ScopeName::Send => Scope::Send,
            ScopeName::Manage => Scope::Manage,
            ScopeName::Inbox => Scope::Inbox,
            ScopeName::Events => Scope::Events,
        })
        .collect();
    if scopes.contains(&Scope::Inbox) && !tenant.is_sandbox() {
        return Err(Failure::misused(format!(
            "tenant {:?} is no sandbox: it has no inbox; `otpost tenant create NAME --sandbox` makes one that has",
            tenant.name
        )));
    }
    if scopes.is_empty() {
        let all: &[Scope] = if tenant.is_sandbox() { &Scope::ALL } else { &Scope::LIVE };
        scopes.extend(all);
    }
    let now = home.clock.now();
    let (key, text) = api_key::generate_for(&tenant, &options.name, &scopes, now);
    api_key::insert(&home.db, &key).await?;
    let of_twilio = home.config.compat.twilio.enabled;
    let sids = of_twilio.then(|| (Sid::Account.write(tenant.id), Sid::ApiKey.write(key.id)));
    if options.print.json {
        let mut made = json!({
            "id": key.id,
            "key": text.as_str(),
            "tenant": tenant.name,
            "scopes": scopes_of(&key),
        });
        if let Some((account, of_key)) = sids {
            made["account_sid"] = json!(account);
            made["key_sid"] = json!(of_key);
        }
        print_json(&made);
    } else {
        say!("{}", text.as_str());
        eprintln!("Key {} may: {}. It is not shown again.", key.id, key.scopes);
        if let Some((account, of_key)) = sids {
            eprintln!(
                "For Twilio's libraries it is the token of {account}, or the secret of {of_key}."
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(home: &Home, options: KeyList) -> Done {
    let tenant = super::tenant(home, &options.tenant).await?;
    let keys = api_key::list(&home.db, tenant.id).await?;
    if options.print.json {
        print_json(&keys.iter().map(view).collect());
    } else if keys.is_empty() {
        let of = if tenant.id == DEFAULT_TENANT {
            String::new()
        } else {
            format!(" --tenant {}", tenant.name)
        };
        say!("There are no keys yet; make one with `otpost key create{of}`.");
    } else {
        say!("{:36}  {:24}  {:18}  {:24}  revoked", "id", "created", "may", "name");
        for key in keys {
            let revoked = key.revoked_at.map_or("-".into(), moment);
            say!(
                "{}  {}  {:18}  {:24}  {revoked}",
                key.id,
                moment(key.created_at),
                key.scopes,
                key.name
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn scopes_of(key: &ApiKey) -> Vec<&str> {
    key.scopes.split(' ').collect()
}

fn view(key: &ApiKey) -> serde_json::Value {
    json!({
        "id": key.id,
        "name": key.name,
        "scopes": scopes_of(key),
        "created_at": moment(key.created_at),
        "revoked_at": key.revoked_at.map(moment),
    })
}

async fn revoke(home: &Home, options: KeyRevoke) -> Done {
    let tenant = super::tenant(home, &options.tenant).await?;
    let now = home.clock.now();
    if api_key::mark_revoked(&home.db, tenant.id, options.id, now).await? {
        if options.print.json {
            print_json(&json!({ "id": options.id, "revoked_at": moment(now) }));
        } else {
            say!("Revoked.");
        }
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::new(format!(
        "tenant {:?} has no such key that is still valid; see `otpost key list`",
        options.tenant
    )))
}

fn jwks(home: &Home) -> Done {
    let keys = serde_json::to_value(home.keys.jwks());
    print_json(&keys.map_err(|error| Failure::new(error.to_string()))?);
    Ok(ExitCode::SUCCESS)
}
