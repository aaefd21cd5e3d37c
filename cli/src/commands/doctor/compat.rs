//! The endpoints that others are compatible with: for whom they speak, and what does not fit.

use otpost_shared::{
    Home,
    config::Django,
    policy::code_lengths,
    settings::Settings,
    tenant,
    verify_service::{self, Service, Sid},
};

use super::Finding;

/// For whom the endpoints speak that have no API keys, and where they are.
pub(super) async fn django(home: &Home) -> Option<Finding> {
    let django = &home.config.compat.django;
    if !django.enabled {
        return None;
    }
    Some(Finding::new("compat.django", speaks(home, django).await))
}

/// Of a database that does not answer its own finding tells.
async fn speaks(home: &Home, django: &Django) -> Result<String, String> {
    let Django { path, tenant, purpose, .. } = django;
    let said =
        format!("{}{path}/register and /verify speak for {tenant:?}", home.config.public_url());
    let found = match tenant::find_by_name(&home.db, tenant).await {
        Ok(Some(found)) => found,
        Ok(None) => return Err(format!("there is no tenant {tenant:?}; name one that there is")),
        Err(_) => return Ok(said),
    };
    let now = home.db.now().await.unwrap_or_default();
    match home.settings.now(&home.db, now).await {
        Ok(settings) if settings.policy(found.id, purpose).is_none() => Err(format!(
            "{tenant:?} has no purpose {purpose:?}; make it with `otpost policy set`, or name another"
        )),
        Ok(_) | Err(_) => Ok(said),
    }
}

/// What Twilio's libraries are to be told, and which Services are not as they say. Of a database that does
/// not answer, or has no tables yet, its own finding tells.
pub(super) async fn twilio(home: &Home) -> Vec<Finding> {
    let twilio = &home.config.compat.twilio;
    if !twilio.enabled {
        return Vec::new();
    }
    let base = format!("{}{}", home.config.public_url(), twilio.path);
    let mut findings = vec![Finding::new("compat.twilio", Ok(format!("the base URL is {base}")))];
    let services = verify_service::list_everywhere(&home.db).await.unwrap_or_default();
    let now = home.db.now().await.unwrap_or_default();
    let settings = home.settings.now(&home.db, now).await.ok();
    let trouble = |service: &Service| {
        let of_policies =
            settings.as_deref().and_then(|settings| without_purpose(settings, service));
        let said = of_policies.or_else(|| with_short_codes(home, service))?;
        Some(Finding::new(Sid::Service.write(service.id), Err(said)))
    };
    findings.extend(services.iter().filter_map(trouble));
    findings
}

fn without_purpose(settings: &Settings, service: &Service) -> Option<String> {
    let Service { tenant_id, purpose, .. } = service;
    settings.policy(*tenant_id, purpose).is_none().then(|| {
        format!(
            "it stands on the purpose {purpose:?}, which is gone, and starts nothing: make that with \
             `otpost policy set`, or delete the Service"
        )
    })
}

fn with_short_codes(home: &Home, service: &Service) -> Option<String> {
    let (length, least) = (service.options().code_length, *code_lengths(&home.config).start());
    (length < least).then(|| {
        format!(
            "its CodeLength is {length}, and its codes have {least} digits: change it, or set \
             policies.allow_short_codes = true in the configuration"
        )
    })
}
