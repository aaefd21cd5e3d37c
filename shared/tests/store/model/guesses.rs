//! Guesses, and receipts for the right ones, answered by the home and by the model.

use otpost_shared::{
    guess_budget,
    secrets::{Code, Handle},
    verification::{self, CheckAnswer, CheckRequest, ReceiptAnswer},
};
use proptest::{prop_assert, prop_assert_eq};
use uuid::Uuid;

use super::{
    super::{number, other_than},
    addresses::{Address, PEOPLE},
    answers::{Checked, Consumed},
    callers::{subject, tenant},
    expected::Presented,
    operation::{Caller, Guess, Named, Policy},
    tables::wrong_guesses,
    trial::{Held, Trial, Verdict, nth},
};

impl Trial<'_> {
    /// The code that is typed in.
    fn guessed(&self, id: Uuid, guess: Guess) -> Code {
        let codes = self.model.verifications.get(&id).map(|v| v.codes.clone()).unwrap_or_default();
        let newest = |place: usize| codes.last()?.get(place).map(|(_, code)| code.clone());
        let right = Code::new(newest(0).unwrap_or_else(|| "123456".into()));
        match (guess, codes.first()) {
            (Guess::Wrong, _) => other_than(&right),
            (Guess::Stale, Some(first)) => Code::new(first[0].1.clone()),
            (Guess::RightOfOther, _) => newest(1).map_or(right, Code::new),
            _ => right,
        }
    }

    /// The address that is presented.
    fn named(&self, id: Uuid, names: Named) -> Option<Address> {
        let addresses = self.model.verifications.get(&id)?.addresses();
        match names {
            Named::Nothing => None,
            Named::First => addresses.first().copied(),
            Named::Other => addresses.last().copied(),
        }
    }

    /// Every address has the wrong guesses of today that the model counted.
    async fn compare_guesses(&self) -> Verdict {
        let (today, rows) = (guess_budget::day(self.now), wrong_guesses(&self.home.db).await);
        for to in (0..PEOPLE).map(Address::Number).chain([Address::Mailbox]) {
            let hash = to.hash(self.home);
            let found = rows.iter().find(|(of, day, _)| (of, *day) == (&hash, today));
            let found = found.map_or(0, |(_, _, guesses)| *guesses);
            prop_assert_eq!(found, self.model.wrong_guesses(to, self.now), "of {:?}", to);
        }
        Ok(())
    }

    pub async fn check(
        &mut self,
        of: usize,
        (guess, names): (Guess, Named),
        by: Caller,
        key: Option<u8>,
    ) -> Verdict {
        let Some(of) = nth(&self.held, of) else { return Ok(()) };
        self.start();
        let Held { id, policy, token, .. } = &self.held[of];
        let (id, policy, mut token) = (*id, *policy, token.clone());
        let code = self.guessed(id, guess);
        let to = self.named(id, names);
        let presented = Presented { code: code.as_str().to_owned(), to, key };
        let to = match by {
            Caller::Elsewhere => Some(number(9_999)),
            _ => to.map(Address::recipient),
        };
        if by == Caller::Forger {
            token = Handle::generate(id);
        }
        let request = CheckRequest {
            tenant_id: tenant(by),
            token,
            code,
            to,
            subject: subject(policy, by),
            idempotency_key: key.map(|name| name.to_string()),
        };
        let answer = verification::check(self.home, request).await;
        let during = self.done();
        let expected = match by {
            Caller::Owner => self.model.check(id, &presented, &during),
            _ => Checked::NotFound,
        };
        let agree = match (expected, &answer) {
            (Checked::Verified(proved), Ok(CheckAnswer::Verified { at, to, .. })) => {
                during.contains(at) && *to == proved.masked()
            }
            (Checked::Again(proved), Ok(CheckAnswer::Verified { receipt, at, to, .. })) => {
                let ended = self.model.verifications.get(&id).and_then(|v| v.finished.clone());
                self.held[of].receipt.as_ref() == Some(receipt)
                    && ended == Some(*at..=*at)
                    && *to == proved.masked()
            }
            (Checked::Incorrect(left), Ok(CheckAnswer::Incorrect { guesses_left })) => {
                left == *guesses_left
            }
            (Checked::Over(status), Ok(CheckAnswer::Over(over))) => status == *over,
            (Checked::BudgetSpent, Ok(CheckAnswer::BudgetSpent { .. }))
            | (Checked::NotFound, Ok(CheckAnswer::NotFound)) => true,
            _ => false,
        };
        prop_assert!(agree, "expected {expected:?}, not {answer:?}");
        if let Ok(CheckAnswer::Verified { receipt, .. }) = answer {
            self.held[of].receipt = Some(receipt);
        }
        self.compare_guesses().await
    }

    pub async fn consume(&mut self, of: usize, by: Caller) -> Verdict {
        let Some(of) = nth(&self.held, of) else { return Ok(()) };
        self.start();
        let Held { id, policy, receipt, .. } = &self.held[of];
        let (id, policy) = (*id, *policy);
        // Without a receipt of its own, one is made up with the right shape.
        let made_up = not_signed(id);
        let genuine = receipt.clone().filter(|_| by != Caller::Forger);
        let honest = genuine.is_some();
        let purpose = match (policy, by) {
            (_, Caller::Elsewhere) => "elsewhere",
            (Policy::Same, _) => "default",
            _ => "rotating",
        };
        let subject = subject(policy, by);
        let answer = verification::consume_receipt(
            self.home,
            tenant(by),
            &genuine.unwrap_or(made_up),
            purpose,
            subject.as_deref(),
            false,
        )
        .await;
        let during = self.done();
        let expected = match by {
            Caller::Owner if honest => self.model.consume(id, &during),
            _ => Consumed::NotValid,
        };
        let agree = match (expected, &answer) {
            (Consumed::Yes(proved), Ok(ReceiptAnswer::Consumed { to, .. })) => {
                *to == proved.masked()
            }
            (Consumed::Before, Ok(ReceiptAnswer::AlreadyConsumed))
            | (Consumed::Expired, Ok(ReceiptAnswer::Expired))
            | (Consumed::NotValid, Ok(ReceiptAnswer::NotValid)) => true,
            _ => false,
        };
        prop_assert!(agree, "expected {expected:?}, not {answer:?}");
        Ok(())
    }
}

/// A receipt's form, with zeros in place of a signature.
fn not_signed(id: Uuid) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let header = r#"{"typ":"otpost-receipt+jwt","alg":"EdDSA","kid":"k1"}"#;
    let claims = format!(r#"{{"jti":"{id}"}}"#);
    let parts = [header.as_bytes(), claims.as_bytes(), &[0_u8; 64][..]];
    parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
}
