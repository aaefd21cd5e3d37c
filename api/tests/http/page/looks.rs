//! What browsers get: headers, files, languages.

use std::collections::BTreeSet;

use otpost_shared::texts::built_in;
use otpost_testbed::on_both_homes;
use serde_json::json;

use super::{ON, Page};
use crate::service::Service;

/// The addresses of files that a page names.
fn files(html: &str) -> BTreeSet<String> {
    let named = html.split(['"', ';', '&']).filter(|part| part.starts_with("assets/"));
    named.map(str::to_owned).collect()
}

on_both_homes! {
    async fn nothing_comes_from_elsewhere_and_nothing_is_kept(bed, ON) {
        let service = Service::start(&bed).await;
        let page = Page::make(&service).await;
        let shown = page.shown().await.is(200);
        let policy = shown.header("content-security-policy");
        for part in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{policy}");
        for (name, value) in [
            ("cache-control", "no-store"), ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"), ("x-robots-tag", "noindex"),
        ] {
            assert_eq!(shown.header(name), value, "{name}");
            let call = page.call("challenge", &json!({})).await;
            assert_eq!(call.header(name), value, "{name}");
        }
        let html = shown.text.replace("https://app.example.org/done?error=not_verified", "");
        assert!(!html.contains("//") && !html.contains("style="), "{html}");
        let is_handler = |rest: &str| {
            let name = rest.split_once('=').map(|(name, _)| name);
            name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_lowercase()))
        };
        assert!(!html.split(" on").skip(1).any(is_handler), "{html}");
        // Everything to fill in has a label.
        let labels = html.matches("<label").count();
        assert_eq!(html.matches("<input").count() + html.matches("<select").count(), labels, "{html}");
        assert!(html.contains("autocomplete=\"one-time-code\"") && html.contains("<noscript>"));
    }

    async fn a_frame_is_for_the_origin_of_the_link(bed, ON) {
        let service = Service::start(&bed).await;
        let page = Page::make_with(&service, &json!({ "embed_origin": "https://shop.example.org" })).await;
        let shown = page.shown().await.is(200);
        let policy = shown.header("content-security-policy");
        assert!(policy.ends_with("frame-ancestors https://shop.example.org"), "{policy}");
        service.home.clock.advance(1_800_001);
        let over = page.shown().await.is(410);
        assert!(over.header("content-security-policy").ends_with("frame-ancestors https://shop.example.org"));
        let unknown = service.get("/page/x").by_nobody().any().await.is(404);
        assert!(unknown.header("content-security-policy").ends_with("frame-ancestors 'none'"));
    }

    async fn files_are_named_by_their_content(bed, ON) {
        let service = Service::start(&bed).await;
        let shown = Page::make(&service).await.shown().await.is(200);
        let files = files(&shown.text);
        assert_eq!(files.len(), 3, "{files:?}");
        for file in files {
            let got = service.get(&format!("/page/{file}")).by_nobody().await.is(200);
            let kind = if file.contains("css") { "text/css" } else { "text/javascript" };
            assert!(got.header("content-type").starts_with(kind) && !got.text.is_empty(), "{file}");
            assert!(got.header("cache-control").contains("immutable"), "{file}");
            // A page of another version gets its script too.
            let (stem, ending) = (file.split('.').next().expect("a stem"), file.rsplit('.').next().expect("an ending"));
            let other = service.get(&format!("/page/{stem}.0123456789ab.{ending}")).by_nobody().await.is(200);
            assert_eq!((other.header("cache-control"), &other.text), ("no-store", &got.text));
        }
        for none in ["page.js", "x.1.js", "page.1.html", "..%2Fpage.css", "widget.js"] {
            service.get(&format!("/page/assets/{none}")).by_nobody().await.refused(404, "route_not_found");
        }
        let widget = service.get("/page/widget.js").by_nobody().await.is(200);
        assert_eq!(widget.header("cross-origin-resource-policy"), "cross-origin");
    }

    async fn every_language_has_its_page(bed, ON) {
        let service = Service::start(&bed).await;
        let page = Page::make(&service).await;
        let (mut titles, mut said) = (BTreeSet::new(), BTreeSet::new());
        for language in built_in() {
            let call = service.get(&format!("/page/{}", page.link)).by_nobody();
            let shown = call.header("accept-language", language.to_string()).any().await.is(200);
            let direction = if language.is_right_to_left() { "rtl" } else { "ltr" };
            let opened = format!("<html lang=\"{language}\" dir=\"{direction}\">");
            assert!(shown.text.contains(&opened), "{language}: {}", shown.text);
            let (_, title) = shown.text.split_once("<title>").expect("a title");
            titles.insert(title.split('<').next().unwrap_or_default().to_owned());
            // What failed is said in it too.
            let path = format!("/page/{}/create", page.link);
            let refused = service.post(&path, &json!({})).by_nobody();
            let refused = refused.header("accept-language", language.to_string()).await.is(422);
            said.insert(refused.str("said").to_owned());
        }
        assert!(titles.len() > 35, "{titles:?}");
        assert!(said.len() > 35 && !said.contains(""), "{said:?}");
        // Nobody's language, and that of nobody.
        for header in ["xx", "*"] {
            let call = service.get(&format!("/page/{}", page.link)).header("accept-language", header);
            assert!(call.any().await.text.contains("<html lang=\"en\""), "{header}");
        }
        let unknown = service.get("/page/x").header("accept-language", "ar").any().await.is(404);
        assert!(unknown.text.contains("<html lang=\"ar\" dir=\"rtl\">"), "{}", unknown.text);
    }
}
