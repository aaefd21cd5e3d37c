//! `/v2/Services`: the settings that verifications have in common.

use axum::{
    Json,
    extract::{RawQuery, Request, State},
    http::StatusCode,
};
use otpost_shared::{
    clock::whole_seconds,
    config::Config,
    policy::code_lengths,
    verify_service::{
        self, Inserted, LONGEST_NAME, MOST_SERVICES, Options, OptionsChange, Service, Sid,
    },
};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::{
    caller::{Account, InService},
    fault::Fault,
    form::Form,
    page::{Asked, Listed},
    services_url,
};
use crate::App;

/// What cannot be switched on here.
const NOT_HERE: [&str; 5] = [
    "LookupEnabled",
    "SkipSmsToLandlines",
    "DtmfInputRequired",
    "DoNotShareWarningEnabled",
    "VerifyEventSubscriptionEnabled",
];

#[expect(clippy::struct_excessive_bools, reason = "libraries read a member for each")]
#[derive(Debug, Serialize)]
pub(super) struct ServiceView {
    sid: String,
    account_sid: String,
    friendly_name: String,
    code_length: u32,
    lookup_enabled: bool,
    psd2_enabled: bool,
    skip_sms_to_landlines: bool,
    dtmf_input_required: bool,
    tts_name: Option<String>,
    do_not_share_warning_enabled: bool,
    custom_code_enabled: bool,
    push: Option<Value>,
    totp: Option<Value>,
    whatsapp: Option<Value>,
    passkeys: Option<Value>,
    default_template_sid: Option<String>,
    verify_event_subscription_enabled: bool,
    date_created: String,
    date_updated: String,
    url: String,
    links: Links,
}

#[derive(Debug, Serialize)]
struct Links {
    verifications: String,
    verification_checks: String,
    rate_limits: String,
}

fn view(services: &str, service: &Service) -> ServiceView {
    let sid = Sid::Service.write(service.id);
    let url = format!("{services}/{sid}");
    let Options { friendly_name, code_length, custom_codes, payments } = service.options();
    ServiceView {
        sid,
        account_sid: Sid::Account.write(service.tenant_id),
        friendly_name,
        code_length,
        lookup_enabled: false,
        psd2_enabled: payments,
        skip_sms_to_landlines: false,
        dtmf_input_required: false,
        tts_name: None,
        do_not_share_warning_enabled: false,
        custom_code_enabled: custom_codes,
        push: None,
        totp: None,
        whatsapp: None,
        passkeys: None,
        default_template_sid: None,
        verify_event_subscription_enabled: false,
        date_created: whole_seconds(service.created_at),
        date_updated: whole_seconds(service.updated_at),
        links: Links {
            verifications: format!("{url}/Verifications"),
            verification_checks: format!("{url}/VerificationCheck"),
            rate_limits: format!("{url}/RateLimits"),
        },
        url,
    }
}

/// What a request changes of them.
fn change(config: &Config, form: &Form) -> Result<OptionsChange, Fault> {
    for name in NOT_HERE {
        if form.flag(name)? == Some(true) {
            return Err(Fault::feature(name, "cannot be switched on here"));
        }
    }
    Ok(OptionsChange {
        friendly_name: form.line("FriendlyName", LONGEST_NAME)?.map(str::to_owned),
        code_length: form.number("CodeLength", code_lengths(config))?,
        custom_codes: form.flag("CustomCodeEnabled")?,
        payments: form.flag("Psd2Enabled")?,
    })
}

pub(super) async fn create(
    State(app): State<App>,
    account: Account,
    request: Request,
) -> Result<(StatusCode, Json<ServiceView>), Fault> {
    let home = &app.home;
    let form = Form::read(request).await?;
    form.required("FriendlyName")?;
    let said = change(&home.config, &form)?;
    let purpose = &home.config.compat.twilio.purpose;
    let now = home.clock.now();
    let policies = home.settings.now(&home.db, now).await?;
    let usual = || policies.policy(account.tenant_id, purpose).map_or(6, |of| of.code_length);
    let options = Options {
        friendly_name: said.friendly_name.unwrap_or_default(),
        code_length: said.code_length.unwrap_or_else(usual),
        custom_codes: said.custom_codes.unwrap_or_default(),
        payments: said.payments.unwrap_or_default(),
    };
    let id = Uuid::now_v7();
    let service = Service::new(id, account.tenant_id, purpose, options, now);
    if verify_service::insert(&home.db, &service).await? == Inserted::TooMany {
        return Err(Fault::full("Services", MOST_SERVICES));
    }
    Ok((StatusCode::CREATED, Json(view(&services_url(&home.config), &service))))
}

pub(super) async fn list(
    State(app): State<App>,
    account: Account,
    RawQuery(query): RawQuery,
) -> Result<Json<Listed<ServiceView>>, Fault> {
    let asked = Asked::read(query.as_deref())?;
    let home = &app.home;
    let page = verify_service::list(&home.db, account.tenant_id, asked.from, asked.limit()).await?;
    let url = services_url(&home.config);
    let listed = Listed::new(asked, (&url, "services"), page, |row| row.id, |row| view(&url, &row));
    Ok(Json(listed))
}

pub(super) async fn fetch(State(app): State<App>, of: InService) -> Json<ServiceView> {
    Json(view(&services_url(&app.home.config), &of.service))
}

pub(super) async fn update(
    State(app): State<App>,
    of: InService,
    request: Request,
) -> Result<Json<ServiceView>, Fault> {
    let home = &app.home;
    let change = change(&home.config, &Form::read(request).await?)?;
    let which = (of.account.tenant_id, of.service.id);
    let service = verify_service::update(&home.db, which, &change, home.clock.now()).await?;
    let service = service.ok_or_else(|| of.not_found())?;
    Ok(Json(view(&services_url(&home.config), &service)))
}

pub(super) async fn delete(State(app): State<App>, of: InService) -> Result<StatusCode, Fault> {
    let (tenant_id, id) = (of.account.tenant_id, of.service.id);
    if !verify_service::delete(&app.home.db, tenant_id, id).await? {
        return Err(of.not_found());
    }
    Ok(StatusCode::NO_CONTENT)
}
