//! From the first start to the end of a verification.

use futures_util::future::join_all;
use otpost_testbed::on_both_homes;
use serde_json::{Value, json};

use super::*;
use crate::check::other_than;

/// With a text that says what is paid, in English and by SMS alone.
const PAYING: &str = "[compat.twilio]\nenabled = true\n[chains]\nvoice = [\"console\"]\n\
    email = [\"console\"]\n[purposes.default]\ntemplate = \"{code}: {amount} to {payee}\"\n\
    email_subject = \"{amount} to {payee}\"\n";

/// `2026-11-20T08:42:00Z`.
fn is_whole_second(text: &str) -> bool {
    text.len() == 20 && text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T')
}

on_both_homes! {
    async fn a_code_counts_once_and_is_gone(bed, ON) {
        let api = Service::start(&bed).await;
        let caller = Caller::new(&api).await;
        let to = number(1);
        let started = caller.start(&to, &[]).await.is(201);
        let sid = started.str("sid").to_owned();
        assert!(Sid::Verification.read(&sid).is_some());
        for (name, value) in [
            ("to", json!(to)),
            ("status", json!("pending")),
            ("valid", json!(false)),
            ("channel", json!("sms")),
            ("service_sid", json!(caller.sid)),
            ("account_sid", json!(caller.user)),
            ("lookup", json!({})),
            ("sna", Value::Null),
        ] {
            assert_eq!(started.json[name], value, "{name}");
        }
        assert!(is_whole_second(started.str("date_created")), "{started:?}");
        assert!(is_whole_second(started.str("date_updated")), "{started:?}");
        assert!(started.str("url").ends_with(&caller.at(&format!("/Verifications/{sid}"))));
        let sendings = started.json["send_code_attempts"].as_array().expect("a list").clone();
        assert_eq!(sendings.len(), 1);
        assert_eq!(sendings[0]["channel"], "SMS");
        assert!(is_whole_second(sendings[0]["time"].as_str().expect("a time")));

        let code = caller.code(&sid).await;
        let wrong = caller.check(&[("To", &to), ("Code", &other_than(&code))]).await.is(201);
        assert_eq!((wrong.str("status"), &wrong.json["valid"]), ("pending", &json!(false)));
        let right = caller.check(&[("To", &to), ("Code", &code)]).await.is(201);
        assert_eq!((right.str("status"), &right.json["valid"]), ("approved", &json!(true)));
        assert_eq!((right.str("sid"), right.str("to")), (sid.as_str(), to.as_str()));

        assert_fault(&caller.fetch(&sid).await, 404, 20_404);
        assert_fault(&caller.fetch(&to).await, 404, 20_404);
        assert_fault(&caller.check(&[("To", &to), ("Code", &code)]).await, 404, 20_404);
        let again = caller.start(&to, &[]).await.is(201);
        assert_ne!(again.str("sid"), sid);
    }

    async fn starting_again_sends_the_same_code(bed, ON) {
        let api = Service::start(&bed).await;
        let caller = Caller::new(&api).await;
        let to = number(2);
        let sid = caller.start(&to, &[]).await.is(201).str("sid").to_owned();
        let code = caller.code(&sid).await;
        let called = caller.start(&to, &[("Channel", "call")]).await.is(201);
        assert_eq!((called.str("sid"), called.str("channel")), (sid.as_str(), "call"));
        let ways = called.json["send_code_attempts"].as_array().expect("a list").iter();
        let ways: Vec<&Value> = ways.map(|way| &way["channel"]).collect();
        assert_eq!(ways, ["SMS", "CALL"]);
        for _ in 0..3 {
            assert_eq!(caller.start(&to, &[]).await.is(201).str("sid"), sid);
        }
        let sixth = caller.start(&to, &[]).await;
        assert_fault(&sixth, 429, 60_203);
        assert!(sixth.retry_after() > 60, "{sixth:?}");
        assert_eq!(caller.code(&sid).await, code);
        let by_sid = [("VerificationSid", sid.as_str()), ("Code", code.as_str())];
        let right = caller.check(&by_sid).await.is(201);
        assert_eq!(right.str("status"), "approved");
        assert!(!right.text.contains(&to), "only its end is shown to whoever did not name it");
    }

    async fn five_wrong_codes_are_compared(bed, ON) {
        let api = Service::start(&bed).await;
        let caller = Caller::new(&api).await;
        let to = number(3);
        let sid = caller.start(&to, &[]).await.is(201).str("sid").to_owned();
        let code = caller.code(&sid).await;
        for _ in 0..5 {
            let wrong = caller.check(&[("To", &to), ("Code", &other_than(&code))]).await.is(201);
            assert_eq!((wrong.str("status"), &wrong.json["valid"]), ("pending", &json!(false)));
        }
        assert_fault(&caller.check(&[("To", &to), ("Code", &code)]).await, 429, 60_202);
        let fetched = caller.fetch(&to).await.is(200);
        assert_eq!(fetched.str("status"), "max_attempts_reached");
        assert_ne!(caller.start(&to, &[]).await.is(201).str("sid"), sid);
    }

    async fn a_verification_is_ended_by_its_caller(bed, ON) {
        let api = Service::start(&bed).await;
        let caller = Caller::new(&api).await;
        let to = number(4);
        let sid = caller.start(&to, &[]).await.is(201).str("sid").to_owned();
        let code = caller.code(&sid).await;
        assert_fault(&caller.update(&sid, "gone").await, 400, 60_200);
        let canceled = caller.update(&to, "canceled").await.is(200);
        assert_eq!((canceled.str("status"), canceled.str("to")), ("canceled", to.as_str()));
        assert_eq!(caller.fetch(&sid).await.is(200).str("status"), "canceled");
        assert_fault(&caller.check(&[("To", &to), ("Code", &code)]).await, 404, 20_404);
        assert_fault(&caller.update(&sid, "approved").await, 404, 20_404);

        let sid = caller.start(&to, &[]).await.is(201).str("sid").to_owned();
        let approved = caller.update(&sid, "approved").await.is(200);
        assert_eq!((approved.str("status"), &approved.json["valid"]), ("approved", &json!(true)));
        assert_fault(&caller.fetch(&sid).await, 404, 20_404);
        let id = Sid::Verification.read(&sid).expect("a sid");
        assert_eq!(api.show(id).await.is(200).str("status"), "verified");
        assert_eq!(api.stored().await.codes, 0, "what is over is not sent");
    }

    async fn after_its_time_nothing_is_there(bed, ON) {
        let api = Service::start(&bed).await;
        let caller = Caller::new(&api).await;
        let to = number(5);
        let sid = caller.start(&to, &[]).await.is(201).str("sid").to_owned();
        let code = caller.code(&sid).await;
        api.home.clock.advance(600_001);
        assert_fault(&caller.fetch(&sid).await, 404, 20_404);
        assert_fault(&caller.check(&[("To", &to), ("Code", &code)]).await, 404, 20_404);
        assert_fault(&caller.update(&sid, "canceled").await, 404, 20_404);
        assert_ne!(caller.start(&to, &[]).await.is(201).str("sid"), sid);
    }

    async fn who_starts_at_the_same_time_means_one_verification(bed, ON) {
        let api = Service::start(&bed).await;
        let caller = Caller::new(&api).await;
        let to = number(6);
        let started = join_all((0..4).map(|_| caller.start(&to, &[]))).await;
        let mut sids = Vec::new();
        for answer in &started {
            match answer.status {
                201 => sids.push(answer.str("sid")),
                _ => assert_fault(answer, 429, 60_212),
            }
        }
        assert!(!sids.is_empty() && sids.iter().all(|sid| *sid == sids[0]), "{sids:?}");
        assert_eq!(api.end_pending().await, 1);
    }

    async fn a_code_of_the_callers_own_takes_the_place_of_another(bed, ON) {
        let api = Service::start(&bed).await;
        let caller = Caller::new(&api).await;
        let to = number(7);
        assert_fault(&caller.start(&to, &[("CustomCode", "A1b2C3")]).await, 403, 60_204);
        let on = [("CustomCodeEnabled", "True")];
        caller.post(&caller.at(""), &on).await.is(200);
        for wrong in ["abc12", "abcdefghijk", "12 45"] {
            assert_fault(&caller.start(&to, &[("CustomCode", wrong)]).await, 400, 60_200);
        }
        let by_call = [("CustomCode", "A1b2C3"), ("Channel", "call")];
        assert_fault(&caller.start(&to, &by_call).await, 400, 60_200);
        let first = caller.start(&to, &[("CustomCode", "A1b2C3")]).await.is(201);
        assert!(!first.text.contains("A1b2C3"));
        let same = caller.start(&to, &[("CustomCode", "A1b2C3")]).await.is(201);
        assert_eq!(same.str("sid"), first.str("sid"));
        let other = caller.start(&to, &[("CustomCode", "987654321")]).await.is(201);
        assert_ne!(other.str("sid"), first.str("sid"));
        let old = caller.check(&[("To", &to), ("Code", "A1b2C3")]).await.is(201);
        assert_eq!(old.str("status"), "pending");
        let right = caller.check(&[("To", &to), ("Code", "987654321")]).await.is(201);
        assert_eq!(right.str("status"), "approved");
    }

    async fn a_payment_is_bound_to_its_code(bed, PAYING) {
        let api = Service::start(&bed).await;
        let caller = Caller::with(&api, &[("Psd2Enabled", "true")]).await;
        let to = number(8);
        assert_fault(&caller.start(&to, &[("Amount", "39.99")]).await, 400, 60_206);
        let paid = [("Amount", "39.99"), ("Payee", "Acme")];
        let started = caller.start(&to, &paid).await.is(201);
        assert_eq!((started.str("amount"), started.str("payee")), ("39.99", "Acme"));
        let code = caller.code(started.str("sid")).await;
        let of_it = [("To", to.as_str()), ("Code", code.as_str())];
        assert_fault(&caller.check(&of_it).await, 400, 60_206);
        let more = [of_it[0], of_it[1], ("Amount", "3999.99"), ("Payee", "Acme")];
        assert_fault(&caller.check(&more).await, 404, 20_404);
        let right = caller.check(&[of_it[0], of_it[1], paid[0], paid[1]]).await.is(201);
        assert_eq!((right.str("status"), right.str("amount")), ("approved", "39.99"));
    }

    async fn who_confirms_a_payment_reads_what_is_paid(bed, PAYING) {
        let api = Service::start(&bed).await;
        let caller = Caller::with(&api, &[("Psd2Enabled", "true")]).await;
        let paid = [("Amount", "39.99"), ("Payee", "Acme")];
        let with = |more: &[(&'static str, &'static str)]| [&paid[..], more].concat();
        let before = api.stored().await;
        // The built-in sentences name neither; of a title alone nobody knows who reads it.
        assert_fault(&caller.start(&number(9), &with(&[("Locale", "de")])).await, 400, 60_224);
        assert_fault(&caller.start(&number(9), &with(&[("Channel", "call")])).await, 400, 60_224);
        let to = "ann@example.org";
        assert_fault(&caller.start(to, &with(&[("Channel", "email")])).await, 400, 60_224);
        assert_eq!(api.stored().await, before);
        caller.start(&number(9), &paid).await.is(201);
        // Sent again by another channel, and after the text has become another.
        assert_fault(&caller.start(&number(9), &with(&[("Channel", "call")])).await, 400, 60_224);
        let text = json!({ "text": "{code}" });
        let path = "/v1/templates/default/sms/en";
        api.call(Method::PUT, path).json(&text).await.is(200);
        assert_fault(&caller.start(&number(9), &paid).await, 400, 60_224);
        let text = json!({ "text": "{amount} {payee} {code}", "variables": ["amount", "payee"] });
        api.call(Method::PUT, path).json(&text).await.is(200);
        caller.start(&number(9), &paid).await.is(201);
    }

    async fn another_payment_has_another_code(bed, PAYING) {
        let api = Service::start(&bed).await;
        let caller = Caller::with(&api, &[("Psd2Enabled", "true")]).await;
        let to = number(9);
        let first = [("Amount", "39.99"), ("Payee", "Acme")];
        let second = [("Amount", "4000.00"), ("Payee", "Acme")];
        let before = caller.start(&to, &first).await.is(201).str("sid").to_owned();
        assert_eq!(caller.start(&to, &first).await.is(201).str("sid"), before);
        let old = caller.code(&before).await;
        let started = caller.start(&to, &second).await.is(201);
        assert_eq!(started.str("amount"), "4000.00");
        assert_ne!(started.str("sid"), before);
        assert_eq!(caller.fetch(&before).await.is(200).str("status"), "canceled");
        let check = async |code: &str, paid: [(&str, &str); 2]| {
            caller.check(&[("To", &to), ("Code", code), paid[0], paid[1]]).await
        };
        assert_fault(&check(&old, first).await, 404, 20_404);
        let code = caller.code(started.str("sid")).await;
        assert_eq!(check(&code, second).await.is(201).str("status"), "approved");
    }

    async fn the_steps_of_the_policy_follow_a_start(bed, FOLLOWED) {
        let api = Service::start(&bed).await;
        let caller = Caller::new(&api).await;
        let messages = async |sid: &str| {
            let shown = api.show(Sid::Verification.read(sid).expect("a sid")).await.is(200);
            let messages = shown.json["messages"].as_array().expect("messages").iter();
            let of = |m: &Value, name: &str| m[name].as_str().expect("a text").to_owned();
            messages.map(|m| (of(m, "channel"), of(m, "state"))).collect::<Vec<_>>()
        };
        let told = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>()
        };
        let ways = |answer: &Answer| {
            let ways = answer.json["send_code_attempts"].as_array().expect("a list").iter();
            ways.map(|way| way["channel"].clone()).collect::<Vec<_>>()
        };
        let to = number(12);
        let started = caller.start(&to, &[]).await.is(201);
        assert_eq!((started.str("channel"), ways(&started)), ("sms", vec![json!("SMS")]));
        let sid = started.str("sid").to_owned();
        assert_eq!(messages(&sid).await, told(&[("sms", "queued"), ("voice", "queued")]));
        // Asked for by call, it does not call once more by itself.
        let again = caller.start(&to, &[("Channel", "call")]).await.is(201);
        assert_eq!(again.str("channel"), "call");
        assert_eq!(ways(&again), [json!("SMS"), json!("CALL")]);
        let called = messages(&sid).await;
        assert_eq!(called.iter().filter(|(way, state)| way == "voice" && state == "queued").count(), 1);
        let code = caller.code(&sid).await;
        caller.check(&[("To", &to), ("Code", &code)]).await.is(201);
        assert!(messages(&sid).await.iter().all(|(_, state)| state == "canceled"));
        // An e-mail has nothing that would follow it by phone.
        let sid = caller.start("ann@example.org", &[("Channel", "email")]).await.is(201);
        let sid = sid.str("sid").to_owned();
        assert_eq!(messages(&sid).await, told(&[("email", "queued")]));
    }

    async fn an_address_is_verified_too(bed, ON) {
        let api = Service::start(&bed).await;
        let caller = Caller::with(&api, &[("CodeLength", "8")]).await;
        let to = "ann@example.org";
        let started = caller.start(to, &[("Channel", "email")]).await.is(201);
        assert_eq!((started.str("channel"), started.str("to")), ("email", to));
        let code = caller.code(started.str("sid")).await;
        assert_eq!(code.len(), 8);
        assert_eq!(caller.fetch("ANN@example.org").await.is(200).str("status"), "pending");
        assert_eq!(caller.check(&[("To", to), ("Code", &code)]).await.str("status"), "approved");
    }
}
