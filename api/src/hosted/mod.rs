//! The hosted page: people say their number, get a code and give it back, and are returned to the
//! application with a receipt. Whoever opens it has no API key: a link that an application made
//! (`routes::pages`) is what lets them in, and limits and a proof of work guard the rest.
//!
//! | module | what lives there |
//! |---|---|
//! | `visit` | whose link a request brings, and in which language it is answered |
//! | `show`, `html` | the page itself |
//! | `challenge`, `create`, `check`, `resend` | what its script calls |
//! | `handle` | what the script holds of a verification |
//! | `work` | the proof of work |
//! | `limits` | how much whoever has no API key may ask |
//! | `wording` | what the page says, in each language |
//! | `assets` | its script, its style, and the widget that embeds it |

mod assets;
mod challenge;
mod check;
mod create;
mod handle;
mod html;
mod limits;
mod resend;
mod show;
mod visit;
mod wording;
mod work;

use axum::{
    Router,
    http::{HeaderValue, header},
    middleware,
    response::Response,
    routing::{get, post},
};

use crate::{App, routes::pages::PATH};

/// Not in the reference: nobody calls it but the page's own script.
pub(crate) fn router() -> Router<App> {
    let at = |path: &str| format!("{PATH}/{path}");
    Router::new()
        .route(&at("{link}"), get(show::show))
        .route(&at("{link}/challenge"), post(challenge::challenge))
        .route(&at("{link}/create"), post(create::create))
        .route(&at("{link}/check"), post(check::check))
        .route(&at("{link}/resend"), post(resend::resend))
        .layer(middleware::map_response(keep_to_itself))
        .route(&at("widget.js"), get(assets::widget))
        .route(&at("assets/{name}"), get(assets::asset))
}

/// Its address lets people in, and its answers hold receipts: neither is kept, nor told to other pages.
async fn keep_to_itself(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::HeaderName::from_static("x-robots-tag"), "noindex"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
