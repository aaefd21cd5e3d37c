//! Who must not get in, what must not get out, and what is no request of the libraries.

use otpost_testbed::on_both_homes;
use serde_json::json;

use super::*;
use crate::{
    outages::{CLOSED, without_database_but},
    service::VERIFICATIONS,
};

/// Calls with whatever stands in the header.
async fn with_header(api: &Service, path: &str, header: &str) -> Answer {
    seen(api.get(path).by_nobody().header("authorization", header).any().await)
}

/// Of another tenant, with a Service of its own.
async fn foreign(api: &Service) -> Caller<'_> {
    let password = api.foreign_key().await;
    let keys = &api.home.api_keys;
    let key = keys.find(&api.home.db, &password, api.home.clock.now()).await.expect("an answer");
    let user = Sid::Account.write(key.expect("a key").tenant_id);
    let mut caller = Caller { api, user, password, sid: String::new() };
    let made = caller.post(SERVICES, &[("FriendlyName", "Theirs")]).await.is(201);
    made.str("sid").clone_into(&mut caller.sid);
    caller
}

fn sid_of(key: &ApiKey) -> String {
    Sid::ApiKey.write(key.id)
}

on_both_homes! {
    async fn a_key_counts_under_its_own_names_alone(bed, ON) {
        let api = Service::start(&bed).await;
        let caller = Caller::new(&api).await;
        let at = caller.at("");
        let (key, text) = make_key(&api.home, DEFAULT_TENANT, &[Scope::Verify]).await;
        let (other, _) = make_key(&api.home, DEFAULT_TENANT, &Scope::ALL).await;
        with_header(&api, &at, &basic(&sid_of(&key), &text)).await.is(200);
        with_header(&api, &at, &basic(&caller.user, &text)).await.is(200);
        let (_, of_texts) = make_key(&api.home, DEFAULT_TENANT, &[Scope::Send]).await;
        assert_fault(&with_header(&api, &at, &basic(&caller.user, &of_texts)).await, 403, 20_003);
        let stranger = Sid::Account.write(Uuid::from_u128(7));
        let last = if text.ends_with('x') { 'y' } else { 'x' };
        for header in [
            String::new(),
            "Basic".to_owned(),
            "Basic !!!".to_owned(),
            format!("Bearer {text}"),
            format!("Basic {}", BASE64.encode("no colon")),
            format!("Basic {}", BASE64.encode([0xff, b':', b'x'])),
            basic("", &text),
            basic(&stranger, &text),
            basic(&sid_of(&other), &text),
            basic(&caller.user, ""),
            basic(&caller.user, "otp_wrong"),
            basic(&caller.user, &format!("{}{last}", &text[..text.len() - 1])),
            basic(&caller.user.to_lowercase(), &text),
        ] {
            assert_fault(&with_header(&api, &at, &header).await, 401, 20_003);
        }
        assert_fault(&seen(api.get(&at).by_nobody().any().await), 401, 20_003);
    }

    async fn nothing_of_another_tenant_is_found(bed, ON) {
        let api = Service::start(&bed).await;
        let (ours, theirs) = (Caller::new(&api).await, foreign(&api).await);
        let started = theirs.start(&number(1), &[]).await.is(201);
        let sid = started.str("sid").to_owned();
        let code = theirs.code(&sid).await;
        let listed = ours.get(SERVICES).await.is(200);
        assert!(!listed.text.contains(&theirs.sid), "{listed:?}");
        for path in ["", "/RateLimits", "/Verifications/x", &format!("/Verifications/{sid}")] {
            assert_fault(&ours.get(&theirs.at(path)).await, 404, 20_404);
        }
        assert_fault(&ours.call(Method::DELETE, &theirs.at("")).await, 404, 20_404);
        let pairs = [("VerificationSid", sid.as_str()), ("Code", code.as_str())];
        assert_fault(&ours.post(&theirs.at("/VerificationCheck"), &pairs).await, 404, 20_404);
        // Nor through a Service of one's own, or another one of the same tenant.
        assert_fault(&ours.check(&pairs).await, 404, 20_404);
        assert_fault(&ours.fetch(&sid).await, 404, 20_404);
        assert_fault(&ours.update(&sid, "approved").await, 404, 20_404);
        let beside = Caller { sid: String::new(), user: theirs.user.clone(), password: theirs.password.clone(), api: &api };
        let made = beside.post(SERVICES, &[("FriendlyName", "Beside")]).await.is(201);
        let beside = Caller { sid: made.str("sid").to_owned(), ..beside };
        assert_fault(&beside.check(&pairs).await, 404, 20_404);
        assert_fault(&beside.fetch(&number(1)).await, 404, 20_404);
        assert_eq!(theirs.check(&pairs).await.is(201).str("status"), "approved");
    }

    async fn one_of_v1_is_none_of_a_service(bed, ON) {
        let api = Service::start(&bed).await;
        let caller = Caller::new(&api).await;
        let created = api.create(1).await;
        let sid = Sid::Verification.write(created.id);
        let of_it = [("VerificationSid", sid.as_str()), ("Code", created.code.as_str())];
        assert_fault(&caller.check(&of_it).await, 404, 20_404);
        assert_fault(&caller.fetch(&sid).await, 404, 20_404);
        assert_fault(&caller.fetch(&number(1)).await, 404, 20_404);
        api.check(&created.token, &created.code).await.is(200);
    }

    async fn a_plus_in_a_path_is_a_plus(bed, ON) {
        let api = Service::start(&bed).await;
        let caller = Caller::new(&api).await;
        let to = number(1);
        let sid = caller.start(&to, &[]).await.is(201).str("sid").to_owned();
        let digits = to.trim_start_matches('+');
        for path in [to.clone(), format!("%2B{digits}"), format!("%2b{digits}")] {
            let fetched = caller.fetch(&path).await.is(200);
            assert_eq!((fetched.str("sid"), fetched.str("to")), (sid.as_str(), to.as_str()));
        }
        for path in [digits, &format!("%20{digits}"), "%ff", "%00", "VE", "x"] {
            assert_fault(&caller.fetch(path).await, 404, 20_404);
            assert_fault(&caller.get(&caller.at(&format!("/RateLimits/{path}"))).await, 404, 20_404);
            assert_fault(&caller.get(&format!("{SERVICES}/{path}")).await, 404, 20_404);
        }
        let by_sid = caller.fetch(&sid).await.is(200);
        assert!(!by_sid.text.contains(&to), "{by_sid:?}");
    }

    async fn no_answer_and_no_list_holds_a_code(bed, ON) {
        let api = Service::start(&bed).await;
        let caller = Caller::with(&api, &[("CodeLength", "10")]).await;
        let to = number(1);
        let started = caller.start(&to, &[("Tags", r#"{"a":"b"}"#)]).await.is(201);
        let code = caller.code(started.str("sid")).await;
        let again = caller.start(&to, &[]).await.is(201);
        let wrong = caller.check(&[("To", &to), ("Code", "0")]).await.is(201);
        let fetched = caller.fetch(&to).await.is(200);
        let listed = caller.get(SERVICES).await.is(200);
        let shown = api.show(Sid::Verification.read(started.str("sid")).expect("a sid")).await;
        assert_eq!(shown.json["metadata"]["twilio"]["tags"], json!({ "a": "b" }));
        for answer in [started, again, wrong, fetched, listed, shown.is(200)] {
            assert!(!answer.text.contains(&code), "{}", answer.text);
        }
    }

    async fn what_is_no_form_is_refused(bed, ON) {
        let api = Service::start(&bed).await;
        let caller = Caller::new(&api).await;
        let header = basic(&caller.user, &caller.password);
        let at = caller.at("/Verifications");
        let call = |kind: &str, body: String| {
            api.call(Method::POST, &at).by_nobody().header("authorization", &header).raw(kind, body)
        };
        let json = json!({ "To": number(1), "Channel": "sms" }).to_string();
        assert_fault(&seen(call("application/json", json.clone()).any().await), 400, 60_200);
        assert_fault(&seen(call(FORM, json).any().await), 400, 60_200);
        assert_fault(&seen(call(FORM, "x".repeat(70_000)).any().await), 400, 60_200);
        assert_fault(&caller.post(&at, &[]).await, 400, 60_200);
        let kind = format!("{FORM}; charset=utf-8");
        let good = call(&kind, form(&[("To", &number(1)), ("Channel", "sms")]));
        good.any().await.is(201);
        assert_fault(&caller.get("/twilio/v2/Nothing").await, 404, 20_404);
        assert_fault(&caller.get("/twilio").await, 404, 20_404);
        assert_fault(&caller.call(Method::PUT, SERVICES).await, 405, 20_004);
        assert_fault(&caller.get(&caller.at("/VerificationCheck")).await, 405, 20_004);
    }

    async fn wrong_parameters_are_named(bed, ON) {
        let api = Service::start(&bed).await;
        let caller = Caller::new(&api).await;
        let to = number(1);
        for (more, status, code) in [
            (("To", "12025550001"), 400, 60_200),
            (("To", "+1202"), 400, 60_200),
            (("To", "ann@example.org"), 400, 60_200),
            (("Channel", "pigeon"), 400, 60_200),
            (("Channel", "sna"), 400, 60_223),
            (("Locale", "not a tag"), 400, 60_200),
            (("DeviceIp", "here"), 400, 60_200),
            (("AppHash", "short"), 400, 60_200),
            (("AppHash", "FA+9qCX9VS="), 400, 60_200),
            (("Tags", "[]"), 400, 60_200),
            (("TemplateCustomSubstitutions", r#"{"code":"1"}"#), 400, 60_200),
            (("TemplateCustomSubstitutions", r#"{"a":{}}"#), 400, 60_200),
            (("RateLimits", r#"{"a\u0000":"x"}"#), 400, 60_200),
            (("RateLimits", r#"{"a\nb":"x"}"#), 400, 60_200),
        ] {
            let answer = caller.start(&to, &[more]).await;
            assert_fault(&answer, status, code);
        }
        assert_fault(&caller.check(&[("Code", "123456")]).await, 400, 60_221);
        assert_fault(&caller.check(&[("To", &to)]).await, 400, 60_200);
        assert_eq!(api.end_pending().await, 0);
    }

    async fn it_is_off_unless_switched_on(bed, "") {
        let api = Service::start(&bed).await;
        api.get(SERVICES).await.is(404).refused(404, "route_not_found");
        api.post(VERIFICATIONS, &json!({ "to": number(1) })).await.is(202);
    }

    async fn what_is_not_sent_here_is_said(bed, "[compat.twilio]\nenabled = true\npath = \"/there\"\n") {
        let api = Service::start(&bed).await;
        let user = Sid::Account.write(DEFAULT_TENANT);
        let caller = Caller { api: &api, user, password: api.key.clone(), sid: String::new() };
        let made = caller.post("/there/v2/Services", &[("FriendlyName", "a")]).await.is(201);
        let at = format!("/there/v2/Services/{}/Verifications", made.str("sid"));
        for (channel, to, code) in [
            ("email", "ann@example.org", 60_217),
            ("call", "+12025550001", 60_223),
            ("whatsapp", "+12025550001", 60_223),
        ] {
            let pairs = [("To", to), ("Channel", channel)];
            assert_fault(&caller.post(&at, &pairs).await, 400, code);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_a_request_is_put_off() {
    let dir = tempfile::tempdir().expect("a folder");
    let api = without_database_but(&dir, CLOSED, ON).await;
    let user = Sid::Account.write(DEFAULT_TENANT);
    let caller = Caller { api: &api, user, password: api.key.clone(), sid: String::new() };
    assert_fault(&caller.get(SERVICES).await, 503, 20_503);
    assert_fault(&caller.post(SERVICES, &[("FriendlyName", "a")]).await, 503, 20_503);
}
