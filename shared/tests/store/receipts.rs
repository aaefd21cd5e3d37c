//! Receipts that were tampered with, and what signing costs.

use std::sync::Arc;

use otpost_shared::{
    secrets::Keyring,
    tenant::DEFAULT_TENANT,
    verification::{self, CheckAnswer, ReceiptAnswer, Verification},
};
use otpost_testbed::{Bed, on_both_homes};

use crate::{accept, check, check::keys_of, code_of};

/// A verification that succeeded, and its receipt.
async fn verified(bed: &Bed) -> (Verification, String) {
    let accepted = accept(&bed.home, 1).await;
    let code = code_of(&bed.home, accepted.id).await;
    let answer = check(&bed.home, &accepted, code).await;
    let CheckAnswer::Verified { receipt, .. } = answer else { panic!("{answer:?}") };
    let row =
        verification::find(&bed.home.db, accepted.id).await.expect("an answer").expect("a row");
    (row, receipt)
}

async fn consume(home: &otpost_shared::Home, receipt: &str) -> ReceiptAnswer {
    verification::consume_receipt(home, DEFAULT_TENANT, receipt, "default", None, false)
        .await
        .expect("an answer")
}

on_both_homes! {
    async fn none_counts_of_which_one_bit_is_another(bed, "") {
        let (_, receipt) = verified(&bed).await;
        for place in 0..receipt.len() {
            for bit in 0..7 {
                let mut bytes = receipt.clone().into_bytes();
                bytes[place] ^= 1 << bit;
                let text = String::from_utf8(bytes).expect("ASCII");
                let answer = consume(&bed.home, &text).await;
                assert!(matches!(answer, ReceiptAnswer::NotValid), "{place}, bit {bit}: {answer:?}");
            }
        }
        assert!(matches!(consume(&bed.home, &receipt).await, ReceiptAnswer::Consumed { .. }));
    }

    async fn one_counts_under_the_key_of_its_row_alone(bed, "") {
        let (row, receipt) = verified(&bed).await;
        let (keys, hash_keys) = keys_of(&bed).await;
        let root = keys[0].split_once(':').expect("an entry").1;
        // The same secret under another name, so that it opens what the row has sealed.
        let mut home = bed.home.clone();
        let both = [format!("k2:{root}"), keys[0].clone()];
        home.keys = Arc::new(Keyring::parse(&both, &hash_keys).expect("a keyring"));
        let mut of_other = row.clone();
        of_other.key_id = "k2".into();
        let at = row.finished_at.expect("a moment");
        let forged = verification::receipt(&home, &of_other, at).expect("a receipt").text;
        assert_ne!(forged, receipt);
        assert!(matches!(consume(&home, &forged).await, ReceiptAnswer::NotValid));
        // Nor one that says something else than the row.
        let mut changed = row.clone();
        changed.purpose = "login".into();
        for (of, at) in [(&changed, at), (&row, at + 1_000)] {
            let forged = verification::receipt(&bed.home, of, at).expect("a receipt").text;
            assert!(matches!(consume(&bed.home, &forged).await, ReceiptAnswer::NotValid));
        }
        assert!(matches!(consume(&home, &receipt).await, ReceiptAnswer::Consumed { .. }));
    }
}
