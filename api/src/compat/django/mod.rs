//! `POST /api/phone/register` and `…/verify`: byte for byte what an app that was made for
//! django-phone-verify expects, over the same verifications as `/v1`.
//!
//! | module | what lives there |
//! |---|---|
//! | `register`, `verify` | the two endpoints |
//! | `endpoint` | which methods they take, and what they say of themselves |
//! | `data`, `multipart`, `json_mistake` | what a request brought: JSON, a form, or why it is neither |
//! | `fields` | a field's text or number, or what is wrong with it |
//! | `answer` | every status and body |
//!
//! What differs from the original on purpose stands in `docs/django.md`.

mod answer;
mod data;
mod endpoint;
mod fields;
mod json_mistake;
mod multipart;
mod register;
mod verify;

use std::sync::Arc;

use axum::{Extension, Router, routing::any};
use otpost_shared::{
    Home,
    tenant::{self, DEFAULT_TENANT, DEFAULT_TENANT_NAME},
};
use tokio::sync::OnceCell;
use uuid::Uuid;

use self::answer::Answer;
use crate::App;

/// Not in the reference: apps that know the original call it.
pub(crate) fn router(path: &str) -> Router<App> {
    let both = |name: &str| [format!("{path}/{name}"), format!("{path}/{name}/")];
    let mut router = Router::new();
    for path in both("register") {
        router = router.route(&path, any(register::register));
    }
    for path in both("verify") {
        router = router.route(&path, any(verify::verify));
    }
    router.layer(Extension(Speaker::default()))
}

/// For which tenant the endpoints speak, looked up once.
#[derive(Clone, Debug, Default)]
struct Speaker(Arc<OnceCell<Uuid>>);

impl Speaker {
    async fn tenant_id(&self, home: &Home) -> Result<Uuid, Answer> {
        let name = &home.config.compat.django.tenant;
        if name == DEFAULT_TENANT_NAME {
            return Ok(DEFAULT_TENANT);
        }
        let found = self.0.get_or_try_init(|| async {
            let tenant = tenant::find_by_name(&home.db, name).await?;
            tenant.map(|tenant| tenant.id).ok_or_else(|| {
                tracing::error!("there is no tenant of the name in compat.django.tenant");
                Answer::failed()
            })
        });
        found.await.copied()
    }
}
