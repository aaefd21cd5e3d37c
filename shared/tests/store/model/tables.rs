//! The tables as they are, and what holds in them at any moment at which nothing is under way.

use otpost_shared::{
    Home, attempt::Attempt, db::Db, event::Event, message::Message, recipient::Recipient,
    verification::Status, verification::Verification,
};
use proptest::{prop_assert, prop_assert_eq, test_runner::TestCaseError};
use sqlx::{AssertSqlSafe, FromRow, postgres::PgRow, sqlite::SqliteRow};

/// Earlier than any expiry: the status at this moment is the one that is written down.
pub const AS_WRITTEN: i64 = i64::MIN;

/// Every row there is.
#[derive(Debug)]
pub struct Tables {
    pub verifications: Vec<Verification>,
    pub messages: Vec<Message>,
    pub attempts: Vec<Attempt>,
    /// In the order in which they were told.
    pub events: Vec<Event>,
}

impl Tables {
    pub async fn read(db: &Db) -> Self {
        Self {
            verifications: rows(db, "SELECT * FROM verifications ORDER BY id").await,
            messages: rows(db, "SELECT * FROM messages ORDER BY id").await,
            attempts: rows(db, "SELECT * FROM attempts ORDER BY message_id, number").await,
            events: rows(db, "SELECT * FROM events ORDER BY id").await,
        }
    }

    /// Removes everything that a history leaves behind.
    pub async fn clear(db: &Db) {
        for table in [
            "verifications",
            "messages",
            "attempts",
            "idempotency_records",
            "guess_budgets",
            "send_budgets",
            "events",
        ] {
            let sql = AssertSqlSafe(format!("DELETE FROM {table}"));
            match db {
                Db::Sqlite { write, .. } => {
                    sqlx::query(sql).execute(write).await.expect("cleared");
                }
                Db::Postgres(pool, _) => {
                    sqlx::query(sql).execute(pool).await.expect("cleared");
                }
            }
        }
    }

    /// Whom a worker would send it to; none when its verification is gone.
    pub fn goes_to(&self, home: &Home, row: &Message) -> Option<Recipient> {
        let of = self.verifications.iter().find(|of| Some(of.id) == row.verification_id);
        let own = row.recipient(&home.keys).expect("a key");
        own.or_else(|| of.map(|of| of.recipient(&home.keys).expect("a key")))
    }

    /// What no history may break.
    pub fn hold_together(&self, home: &Home) -> Result<(), TestCaseError> {
        for row in &self.verifications {
            prop_assert!(row.guesses <= row.guess_limit, "more guesses than allowed: {row:?}");
            let status = row.status(AS_WRITTEN);
            let code = row.code(&home.keys).expect("a key");
            let pending = status == Status::Pending;
            prop_assert_eq!(
                code.is_some(),
                pending,
                "a code lives as long as it counts: {:?}",
                row
            );
            prop_assert_eq!(row.finished_at.is_none(), pending, "{:?}", row);
            let used_up = row.guesses == row.guess_limit;
            prop_assert!(status != Status::Locked || used_up, "locked too early: {row:?}");
            prop_assert!(!pending || !used_up, "not locked: {row:?}");
            let proven = status == Status::Verified;
            prop_assert!(proven || row.receipt_used_at.is_none(), "nothing to use: {row:?}");
        }
        for row in &self.messages {
            let sending = row.state == "sending";
            prop_assert_eq!(row.lease_until.is_some(), sending, "{:?}", row);
            let under_way = sending || row.state == "queued";
            prop_assert_eq!(row.finished_at.is_none(), under_way, "{:?}", row);
        }
        self.are_told()
    }

    /// Each change was told, and told once.
    fn are_told(&self) -> Result<(), TestCaseError> {
        let kinds = |is_of: &dyn Fn(&Event) -> bool| {
            let events = self.events.iter().filter(|event| is_of(event));
            events.map(|event| event.kind.clone()).collect::<Vec<_>>()
        };
        for row in &self.verifications {
            let told =
                kinds(&|event| event.verification_id == Some(row.id) && event.message_id.is_none());
            let mut expected = vec!["verification.created".to_owned()];
            let status = row.status(AS_WRITTEN);
            if status != Status::Pending {
                expected.push(format!("verification.{}", status.as_str()));
            }
            prop_assert_eq!(told, expected, "{:?}", row);
        }
        for row in &self.messages {
            let told = kinds(&|event| event.message_id == Some(row.id));
            let under_way = row.state == "sending" || row.state == "queued";
            let last = told.last().map(String::as_str);
            let state = format!("message.{}", row.state);
            prop_assert!(under_way || last == Some(&state), "{told:?} of {row:?}");
            let ends = ["failed", "expired", "canceled", "delivered"];
            for end in ends.map(|end| format!("message.{end}")) {
                let times = told.iter().filter(|kind| **kind == end).count();
                prop_assert!(times <= 1, "{told:?} of {row:?}");
            }
        }
        Ok(())
    }
}

/// Wrong guesses, by the hash of the address and the day.
pub async fn wrong_guesses(db: &Db) -> Vec<(Vec<u8>, i64, i32)> {
    rows(db, "SELECT recipient_hash, day, guesses FROM guess_budgets").await
}

async fn rows<T>(db: &Db, sql: &'static str) -> Vec<T>
where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    match db {
        Db::Sqlite { read, .. } => sqlx::query_as(sql).fetch_all(read).await.expect("rows"),
        Db::Postgres(pool, _) => sqlx::query_as(sql).fetch_all(pool).await.expect("rows"),
    }
}
