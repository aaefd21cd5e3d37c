//! Replies as servers write them.

use super::*;

fn class(stage: Stage, reply: &str) -> ErrorClass {
    let (code, words) = reply.split_at(3);
    let code = code.parse().unwrap();
    let more = enhanced(code, words.trim_start()).map(|(subject, detail, _)| (subject, detail));
    class_of(stage, code, more)
}

#[test]
fn replies_have_their_classes() {
    for (stage, reply, expected) in [
        (Stage::Open, "421 4.3.2 shutting down", Transient),
        (Stage::Open, "554 no service here", Account),
        (Stage::Tls, "454 4.7.0 TLS not available", Transient),
        (Stage::Tls, "502 not implemented", Account),
        (Stage::Login, "535 5.7.8 bad credentials", Account),
        (Stage::Login, "534-5.7.14 log in first", Account),
        (Stage::Login, "550 5.7.30 not supported", Account),
        (Stage::Login, "454 4.7.0 no logins for now", Transient),
        (Stage::Open, "421 4.7.0 too many connections", Throttled),
        (Stage::Sender, "530 5.7.0 authenticate first", Account),
        (Stage::Sender, "550 5.7.60 may not send as this sender", Sender),
        (Stage::Sender, "553 5.1.8 no such domain", Sender),
        (Stage::Sender, "550 5.1.0 rejected", Sender),
        (Stage::Sender, "552 5.3.4 too big", Content),
        (Stage::Sender, "451 4.3.0 try again", Transient),
        (Stage::Recipient, "550 5.1.1 user unknown", Recipient),
        (Stage::Recipient, "550 user unknown", Recipient),
        (Stage::Recipient, "551 user not local", Recipient),
        (Stage::Recipient, "553 mailbox name", Recipient),
        (Stage::Recipient, "556 5.1.10 null MX", Recipient),
        (Stage::Recipient, "552 5.2.2 mailbox full", Recipient),
        (Stage::Recipient, "552 mailbox full", Recipient),
        (Stage::Recipient, "552 5.2.3 too long", Content),
        (Stage::Recipient, "550 5.7.1 relaying denied", Sender),
        (Stage::Recipient, "554 relay access denied", Sender),
        (Stage::Recipient, "550 5.1.7 bad sender", Sender),
        (Stage::Recipient, "550 5.1.9 no such detail of ours", Sender),
        (Stage::Recipient, "550 5.1.90 your daily limit", Account),
        (Stage::Recipient, "550 5.4.5 daily user sending limit", Account),
        (Stage::Recipient, "550 5.2.0 mailbox", Recipient),
        (Stage::Recipient, "503 bad sequence", Sender),
        (Stage::Recipient, "450 4.2.0 greylisted", Transient),
        (Stage::Recipient, "450 4.7.1 greylisted", Throttled),
        (Stage::Recipient, "452 4.5.3 too many", Throttled),
        (Stage::Recipient, "452 4.2.2 over quota", Transient),
        (Stage::Recipient, "432 4.3.2 too many connections", Throttled),
        (Stage::Recipient, "454 too fast", Throttled),
        (Stage::Sender, "550 5.4.5 daily user sending limit", Account),
        (Stage::Sender, "432 4.3.2 too many connections", Throttled),
        (Stage::Sender, "451 4.3.2 not accepting", Transient),
        (Stage::Login, "432 4.3.2 too many connections", Throttled),
        (Stage::Login, "454 no logins for now", Transient),
        (Stage::Data, "550 5.4.5 daily user sending limit", Account),
        (Stage::Data, "554 5.2.0 the sender's mailbox", Sender),
        (Stage::Data, "554 5.5.1 no valid recipients", Sender),
        (Stage::Content, "554 5.7.1 spam", Content),
        (Stage::Content, "550 looks like spam", Content),
        (Stage::Content, "552 5.3.4 too big", Content),
        (Stage::Content, "554 5.6.0 cannot be read", Content),
        (Stage::Content, "550 5.1.1 user unknown", Recipient),
        (Stage::Content, "550 5.7.26 not authenticated", Sender),
        (Stage::Content, "554 5.2.0 x.Submission.SubmissionQuotaExceededException", Sender),
        (Stage::Content, "554 5.2.0 x.Submission.SendAsDeniedException", Sender),
        (Stage::Content, "554 5.2.2 full", Recipient),
        (Stage::Content, "554 5.2.1 switched off", Recipient),
        (Stage::Content, "552 5.2.3 too long", Content),
        (Stage::Content, "550 5.1.10 null MX", Recipient),
        (Stage::Content, "550 5.1.90 your daily limit", Account),
        (Stage::Content, "550 5.4.5 daily user sending limit", Account),
        (Stage::Content, "432 4.3.2 sender thread limit", Throttled),
        (Stage::Content, "454 Throttling failure: rate exceeded", Throttled),
        (Stage::Content, "454 4.3.0 try again", Throttled),
        (Stage::Content, "451 4.7.1 slow down", Throttled),
        (Stage::Content, "421 closing", Transient),
    ] {
        assert_eq!(class(stage, reply), expected, "{stage:?} {reply}");
    }
}

#[test]
fn what_is_put_off_for_a_recipient_is_not_the_servers() {
    for (stage, reply, expected) in [
        (Stage::Recipient, "450 4.1.2 no such domain for now", Blame::Recipient),
        (Stage::Recipient, "450 4.7.1 greylisted", Blame::Recipient),
        (Stage::Recipient, "452 4.2.2 full", Blame::Recipient),
        (Stage::Recipient, "450 4.4.4 no route", Blame::Recipient),
        (Stage::Recipient, "451 come back later", Blame::Recipient),
        (Stage::Recipient, "421 4.7.0 closing", Blame::Usual),
        (Stage::Recipient, "451 4.3.0 queue file", Blame::Usual),
        (Stage::Recipient, "452 4.5.3 too many", Blame::Usual),
        (Stage::Recipient, "454 too fast", Blame::Usual),
        (Stage::Recipient, "550 5.1.1 user unknown", Blame::Usual),
        (Stage::Sender, "450 4.1.8 no such domain", Blame::Usual),
        (Stage::Data, "450 4.2.0 later", Blame::Usual),
    ] {
        let (code, words) = reply.split_at(3);
        let code = code.parse().unwrap();
        let more = enhanced(code, words.trim_start()).map(|(s, d, _)| (s, d));
        assert_eq!(blame_of(stage, code, more), expected, "{stage:?} {reply}");
    }
}

#[test]
fn every_refusal_of_every_stage_means_something() {
    for stage in ANY {
        for code in 400..=599 {
            assert!(meaning(*stage, code, None).is_some(), "{stage:?} {code}");
        }
        assert_eq!((meaning(*stage, 399, None), meaning(*stage, 600, None)), (None, None));
    }
    assert_eq!(class_of(Stage::Data, 250, None), Transient);
}

#[test]
fn enhanced_codes_are_read_where_they_are() {
    assert_eq!(enhanced(550, "5.1.1 no such user"), Some((1, 1, "no such user")));
    assert_eq!(enhanced(421, "4.7.28"), Some((7, 28, "")));
    for (code, words) in [
        (550, ""),
        (550, "no such user"),
        (550, "5.1 x"),
        (550, "5.1.1.1 x"),
        (550, "4.1.1 x"),
        (550, "5.1.99999999 x"),
        (550, "5..1 x"),
        (550, ". x"),
    ] {
        assert_eq!(enhanced(code, words), None, "{words}");
    }
}

#[test]
fn a_queue_id_is_found_where_servers_put_it() {
    for (reply, id) in [
        ("250 2.0.0 Ok: queued as 4F1C2A\r\n", Some("4F1C2A")),
        ("250 2.0.0 Ok: queued as 4F1C2A.\r\n", Some("4F1C2A")),
        ("250 OK id=1rXyz0-0001\r\n", Some("1rXyz0-0001")),
        ("250 2.0.0 OK  1700000000 a1-20 - gsmtp\r\n", Some("OK  1700000000 a1-20 - gsmtp")),
        ("250-first\r\n250 second\r\n", Some("first")),
        ("250 2.0.0\r\n", None),
        ("250 \r\n", None),
    ] {
        let reply: Response = reply.parse().unwrap();
        assert_eq!(queue_id(&reply).as_deref(), id, "{reply:?}");
    }
}
