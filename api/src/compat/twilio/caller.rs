//! Who calls, by which name for the key; and which Service is meant.

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{HeaderMap, header, request::Parts},
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use otpost_shared::{
    api_key::Scope,
    verify_service::{self, Service, Sid},
};
use uuid::Uuid;

use super::fault::Fault;
use crate::App;

/// The tenant whose key was sent. As user stands its account or the key's own id, as password the key: so an
/// account's token and an API key's secret are the same text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    pub(super) tenant_id: Uuid,
}

impl Account {
    async fn of(headers: &HeaderMap, app: &App) -> Result<Self, Fault> {
        let (user, password) = credentials(headers).ok_or_else(Fault::unauthorized)?;
        let home = &app.home;
        let key = home.api_keys.find(&home.db, &password, home.clock.now()).await?;
        let key = key.ok_or_else(Fault::unauthorized)?;
        let is_named = Sid::Account.read(&user) == Some(key.tenant_id)
            || Sid::ApiKey.read(&user) == Some(key.id);
        if !is_named {
            return Err(Fault::unauthorized());
        }
        if !key.may(Scope::Verify) {
            return Err(Fault::forbidden());
        }
        Ok(Self { tenant_id: key.tenant_id })
    }

    pub(super) fn sid(self) -> String {
        Sid::Account.write(self.tenant_id)
    }
}

impl FromRequestParts<App> for Account {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Fault> {
        Self::of(&parts.headers, app).await
    }
}

/// User and password.
fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (_, text) =
        value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))?;
    let text = String::from_utf8(BASE64.decode(text.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// A request about a Service of the caller's.
#[derive(Debug)]
pub(super) struct InService {
    pub(super) account: Account,
    pub(super) service: Service,
    /// Below what stands before all of them.
    pub(super) path: String,
    params: Vec<(String, String)>,
}

impl InService {
    /// A part of the path, decoded: a plus is a plus.
    pub(super) fn param(&self, name: &str) -> &str {
        let found = self.params.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    /// The id that a part of the path is.
    pub(super) fn id(&self, kind: Sid, name: &str) -> Result<Uuid, Fault> {
        kind.read(self.param(name)).ok_or_else(|| self.not_found())
    }

    pub(super) fn sid(&self) -> String {
        Sid::Service.write(self.service.id)
    }

    pub(super) fn not_found(&self) -> Fault {
        Fault::not_found(&self.path)
    }
}

impl FromRequestParts<App> for InService {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Fault> {
        let account = Account::of(&parts.headers, app).await?;
        let path = parts.uri.path().to_owned();
        let params = RawPathParams::from_request_parts(parts, app).await;
        let params: Vec<(String, String)> = match &params {
            Ok(params) => params.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
            // Not UTF-8 once it is decoded.
            Err(_) => return Err(Fault::not_found(&path)),
        };
        let sid = params.iter().find(|(key, _)| key == "service");
        let id = sid.and_then(|(_, sid)| Sid::Service.read(sid));
        let service = match id {
            Some(id) => verify_service::find(&app.home.db, account.tenant_id, id).await?,
            None => None,
        };
        let service = service.ok_or_else(|| Fault::not_found(&path))?;
        Ok(Self { account, service, path, params })
    }
}
