//! `otpost tenant`: create, list, show, disable, enable.

use std::{path::Path, process::ExitCode};

use otpost_shared::{
    Home, api_key,
    tenant::{self, LONGEST_NAME, Tenant},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    args::{TenantCommand, TenantCreate, TenantList, TenantOne},
    output::{Done, Failure, moment, print_json, say},
};

pub async fn run(config: Option<&Path>, command: TenantCommand) -> Done {
    let home = super::open_ready(config).await?;
    match command {
        TenantCommand::Create(options) => create(&home, options).await,
        TenantCommand::List(options) => list(&home, &options).await,
        TenantCommand::Show(options) => show(&home, &options).await,
        TenantCommand::Disable(options) => disable(&home, &options).await,
        TenantCommand::Enable(options) => enable(&home, &options).await,
    }
}

async fn create(home: &Home, options: TenantCreate) -> Done {
    let TenantCreate { name, sandbox, print } = options;
    if !tenant::is_name(&name) {
        return Err(Failure::misused(format!(
            "a tenant's name has 1 to {LONGEST_NAME} small letters, digits, dots, hyphens and underscores, \
             and begins with a letter or a digit"
        )));
    }
    let (id, now) = (Uuid::now_v7(), home.clock.now());
    let tenant =
        if sandbox { Tenant::sandbox(id, &name, now) } else { Tenant::new(id, &name, now) };
    if !tenant::insert_if_missing(&home.db, &tenant).await? {
        return Err(Failure::new(format!(
            "there is a tenant {name:?}; `otpost tenant show {name}` says what it is"
        )));
    }
    if print.json {
        print_json(&view(&tenant));
    } else {
        say!("{id}");
        let what = if sandbox { "Sandbox" } else { "Tenant" };
        eprintln!("{what} {name} is there. Make a key with `otpost key create --tenant {name}`.");
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(home: &Home, options: &TenantList) -> Done {
    let tenants = tenant::list(&home.db).await?;
    if options.print.json {
        print_json(&tenants.iter().map(view).collect());
        return Ok(ExitCode::SUCCESS);
    }
    say!("{:24}  {:8}  {:24}  disabled", "name", "kind", "created");
    for tenant in tenants {
        let disabled = tenant.disabled_at.map_or("-".into(), moment);
        say!("{:24}  {:8}  {}  {disabled}", tenant.name, kind(&tenant), moment(tenant.created_at));
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(home: &Home, options: &TenantOne) -> Done {
    let tenant = super::tenant(home, &options.name).await?;
    let keys = api_key::list(&home.db, tenant.id).await?;
    let keys = keys.iter().filter(|key| key.revoked_at.is_none()).count();
    if options.print.json {
        let mut view = view(&tenant);
        view["keys"] = json!(keys);
        print_json(&view);
        return Ok(ExitCode::SUCCESS);
    }
    say!("name      {}", tenant.name);
    say!("id        {}", tenant.id);
    say!("kind      {}", kind(&tenant));
    say!("created   {}", moment(tenant.created_at));
    say!("keys      {keys} that are not revoked");
    if let Some(at) = tenant.disabled_at {
        say!("disabled  {}; no key of it counts", moment(at));
    }
    Ok(ExitCode::SUCCESS)
}

async fn disable(home: &Home, options: &TenantOne) -> Done {
    let mut tenant = super::tenant(home, &options.name).await?;
    let now = home.clock.now();
    if !tenant::mark_disabled(&home.db, tenant.id, now).await? {
        return Err(Failure::new(format!("tenant {:?} is disabled already", options.name)));
    }
    tenant.disabled_at = Some(now);
    changed(options, &tenant, "Disabled.");
    Ok(ExitCode::SUCCESS)
}

async fn enable(home: &Home, options: &TenantOne) -> Done {
    let mut tenant = super::tenant(home, &options.name).await?;
    if !tenant::mark_enabled(&home.db, tenant.id).await? {
        return Err(Failure::new(format!("tenant {:?} is not disabled", options.name)));
    }
    tenant.disabled_at = None;
    changed(options, &tenant, "Enabled.");
    Ok(ExitCode::SUCCESS)
}

fn changed(options: &TenantOne, tenant: &Tenant, words: &str) {
    if options.print.json {
        print_json(&view(tenant));
    } else {
        say!("{words}");
    }
}

fn kind(tenant: &Tenant) -> &'static str {
    if tenant.is_sandbox() { "sandbox" } else { "live" }
}

fn view(tenant: &Tenant) -> Value {
    json!({
        "id": tenant.id,
        "name": tenant.name,
        "sandbox": tenant.is_sandbox(),
        "created_at": moment(tenant.created_at),
        "disabled_at": tenant.disabled_at.map(moment),
    })
}
