//! What the page is made of besides its HTML: script, style and worker, named by their content, so that
//! browsers keep them; and the widget, whose name stays.

use std::sync::LazyLock;

use axum::{
    http::{HeaderName, header},
    response::{IntoResponse, Response},
};
use otpost_shared::secrets::{digest, hex};

use crate::{error::ErrorCode, routes::PathName};

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// One file: what stands before and behind its hash, what it is, its text and its name.
struct Asset {
    stem: &'static str,
    ending: &'static str,
    kind: &'static str,
    text: &'static str,
    name: String,
}

impl Asset {
    fn new(
        stem: &'static str,
        ending: &'static str,
        kind: &'static str,
        text: &'static str,
    ) -> Self {
        let hash = hex(digest(text.as_bytes()).get(..6).unwrap_or_default());
        Self { stem, ending, kind, text, name: format!("{stem}.{hash}.{ending}") }
    }

    /// As the page names it, whatever stands before the page's own address.
    fn relative(&self) -> String {
        format!("assets/{}", self.name)
    }

    /// True for each name that it has had, too: while processes are replaced, a page may come from another
    /// one than its script.
    fn was(&self, name: &str) -> bool {
        let rest = name.strip_prefix(self.stem).and_then(|rest| rest.strip_suffix(self.ending));
        rest.is_some_and(|hash| hash.len() > 2 && hash.starts_with('.') && hash.ends_with('.'))
    }
}

static PAGE_SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("page", "js", SCRIPT, include_str!("assets/page.js")));
static WORK_SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("work", "js", SCRIPT, include_str!("assets/work.js")));
static PAGE_STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("page", "css", STYLE, include_str!("assets/page.css")));

pub(super) fn script() -> String {
    PAGE_SCRIPT.relative()
}

pub(super) fn work_script() -> String {
    WORK_SCRIPT.relative()
}

pub(super) fn style() -> String {
    PAGE_STYLE.relative()
}

pub(super) async fn asset(PathName(name): PathName) -> Response {
    let all = [&*PAGE_SCRIPT, &*WORK_SCRIPT, &*PAGE_STYLE];
    let Some(asset) = all.into_iter().find(|asset| asset.was(&name)) else {
        return ErrorCode::RouteNotFound.error().into_response();
    };
    let kept = if asset.name == name { "public, max-age=31536000, immutable" } else { "no-store" };
    file(asset.kind, kept, asset.text)
}

pub(super) async fn widget() -> Response {
    file(SCRIPT, "public, max-age=3600", include_str!("assets/widget.js"))
}

fn file(kind: &'static str, kept: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, kept),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The widget is for pages of others.
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ];
    (headers, text).into_response()
}
