//! Verifications by number, in a Service: one at a time, whatever is lost on the way.

use otpost_shared::{
    Home,
    admission::Refused,
    channel::Channel,
    db::Db,
    limits::Rule,
    retention::{Kind, Removal},
    secrets::Code,
    tenant::DEFAULT_TENANT,
    texts::Asked,
    verification::{self, Status, Variables, Verification},
    verify_service::{
        self, Bucket, Inserted, MOST_RATE_LIMITS, MOST_SERVICES, Options, PageFrom, RateLimit,
        Service, Start, StartRefused,
    },
};
use otpost_testbed::on_both_homes;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::{code_of, messages, number};

const RULES: [Rule; 1] = [Rule { count: 5, window_ms: 600_000 }];
const DAY_MS: i64 = 86_400_000;

async fn service(home: &Home, name: &str) -> Service {
    with_length(home, name, 7).await
}

async fn with_length(home: &Home, name: &str, code_length: u32) -> Service {
    let options = Options {
        friendly_name: name.to_owned(),
        code_length,
        custom_codes: false,
        payments: false,
    };
    let id = Uuid::now_v7();
    let service = Service::new(id, DEFAULT_TENANT, "default", options, home.clock.now());
    let inserted = verify_service::insert(&home.db, &service).await.expect("stored");
    assert_eq!(inserted, Inserted::Yes);
    service
}

/// To this number, by SMS.
fn to(of: &Service, n: u32) -> Start<'_> {
    Start {
        service: of,
        to: number(n),
        channel: Channel::Sms,
        app: None,
        code: None,
        subject: None,
        variables: Variables::new(),
        metadata: serde_json::Value::Null,
        locale: Asked::default(),
        client: None,
        counted: Vec::new(),
        recipient_rules: &RULES,
    }
}

/// With a code of the caller's own.
fn with_code<'a>(of: &'a Service, n: u32, code: &str) -> Start<'a> {
    Start { code: Some(Code::new(code.to_owned())), ..to(of, n) }
}

async fn try_start(home: &Home, of: &Service, n: u32) -> Result<Verification, StartRefused> {
    verify_service::start(home, &to(of, n)).await
}

async fn start(home: &Home, of: &Service, n: u32) -> Uuid {
    try_start(home, of, n).await.expect("started").id
}

/// As if a process had ended between the commit and the row that names it.
async fn lose_rows(home: &Home) {
    let mut removal = Removal::new(Kind::Starts, home, i64::MAX - 1);
    assert!(removal.step(&home.db).await.expect("an answer") > 0);
}

async fn run_sql(home: &Home, sql: impl Into<String>) {
    let sql = AssertSqlSafe(sql.into());
    match &home.db {
        Db::Sqlite { write, .. } => drop(sqlx::query(sql).execute(write).await.expect("done")),
        Db::Postgres(pool, _) => drop(sqlx::query(sql).execute(pool).await.expect("done")),
    }
}

/// A limit of this name with a bucket of this size.
async fn limit(home: &Home, of: &Service, name: &str, most: i32) {
    let (id, now) = (Uuid::now_v7(), home.clock.now());
    let limit = RateLimit {
        id,
        service_id: of.id,
        unique_name: name.to_owned(),
        description: String::new(),
        created_at: now,
        updated_at: now,
    };
    let inserted = verify_service::insert_rate_limit(&home.db, &limit).await.expect("stored");
    assert_eq!(inserted, Inserted::Yes);
    let bucket = Bucket {
        id: Uuid::now_v7(),
        rate_limit_id: id,
        most,
        interval_secs: 60,
        created_at: now,
        updated_at: now,
    };
    let inserted = verify_service::insert_bucket(&home.db, &bucket).await.expect("stored");
    assert_eq!(inserted, Inserted::Yes);
}

on_both_homes! {
    async fn a_start_whose_row_was_lost_is_found_again(bed, "") {
        let home = &bed.home;
        let of = service(home, "a").await;
        let first = start(home, &of, 1).await;
        lose_rows(home).await;
        assert_eq!(start(home, &of, 1).await, first);
        assert_eq!(messages(home, first).await.len(), 1, "it was sent before");
        assert_eq!(start(home, &of, 1).await, first);
        assert_eq!(messages(home, first).await.len(), 2);
    }

    async fn what_has_ended_is_not_found_again(bed, "") {
        let home = &bed.home;
        let of = service(home, "a").await;
        let first = start(home, &of, 1).await;
        let now = home.clock.now();
        assert!(verification::approve(&home.db, DEFAULT_TENANT, first, now).await.expect("done"));
        assert!(!verification::approve(&home.db, DEFAULT_TENANT, first, now).await.expect("done"));
        lose_rows(home).await;
        let second = start(home, &of, 1).await;
        assert_ne!(second, first);
        assert_eq!(start(home, &of, 1).await, second);
        assert_eq!(code_of(home, second).await.as_str().len(), 7);
    }

    async fn a_refused_start_ends_nothing(bed, "") {
        let home = &bed.home;
        let of = service(home, "a").await;
        let mut last = Uuid::nil();
        for n in 1..=5 {
            let with = with_code(&of, 1, &format!("00000{n}"));
            let row = verify_service::start(home, &with).await.expect("started");
            let before = verification::find(&home.db, last).await.expect("an answer");
            assert!(before.is_none_or(|row| row.status(home.clock.now()) == Status::Canceled));
            last = row.id;
        }
        let sixth = verify_service::start(home, &with_code(&of, 1, "000006")).await;
        assert!(matches!(sixth, Err(StartRefused::Refused(Refused::Limited { .. }))), "{sixth:?}");
        assert_eq!(code_of(home, last).await.as_str(), "000005", "what the person holds counts");
    }

    async fn at_the_same_time_each_is_told_of_its_own_code(bed, "") {
        let home = &bed.home;
        let of = service(home, "a").await;
        for n in 1..=4 {
            let codes = ["111111", "222222"];
            let starts = codes.map(|code| with_code(&of, n, code));
            let [first, second] = starts.each_ref().map(|with| verify_service::start(home, with));
            let (first, second) = tokio::join!(first, second);
            for (answer, code) in [first, second].into_iter().zip(codes) {
                match answer {
                    Ok(row) => {
                        let own = row.code(&home.keys).expect("a key").expect("a code");
                        assert_eq!(own.as_str(), code);
                    }
                    Err(StartRefused::Refused(Refused::KeyInUse)) => {}
                    Err(refused) => panic!("{refused:?}"),
                }
            }
        }
    }

    async fn another_subject_is_another_verification(bed, "") {
        let home = &bed.home;
        let of = service(home, "a").await;
        let about = async |subject: Option<&str>| {
            let with = Start { subject: subject.map(str::to_owned), ..to(&of, 1) };
            verify_service::start(home, &with).await.expect("started").id
        };
        let first = about(Some("39.99")).await;
        assert_eq!(about(Some("39.99")).await, first);
        let second = about(Some("10.00")).await;
        assert_ne!(second, first);
        let before = verification::find(&home.db, first).await.expect("an answer").expect("a row");
        assert_eq!(before.status(home.clock.now()), Status::Canceled);
        assert_ne!(about(None).await, second);
    }

    async fn what_was_sent_stays_counted_whatever_follows(bed, "") {
        let home = &bed.home;
        let of = service(home, "a").await;
        limit(home, &of, "end_user", 1).await;
        let counted = vec![("end_user".to_owned(), "x".to_owned())];
        let start = async |n| {
            let with = Start { counted: counted.clone(), ..to(&of, n) };
            verify_service::start(home, &with).await
        };
        run_sql(home, "ALTER TABLE verify_starts RENAME COLUMN kept_until TO mislaid").await;
        let broken = start(1).await;
        assert!(matches!(broken, Err(StartRefused::Refused(Refused::Unavailable(_)))), "{broken:?}");
        run_sql(home, "ALTER TABLE verify_starts RENAME COLUMN mislaid TO kept_until").await;
        let second = start(2).await;
        assert!(matches!(second, Err(StartRefused::Limited { .. })), "{second:?}");
    }

    async fn a_service_with_short_codes_sends_no_shorter_ones_than_it_may(bed, "") {
        let home = &bed.home;
        let of = with_length(home, "a", 4).await;
        let first = start(home, &of, 1).await;
        assert_eq!(code_of(home, first).await.as_str().len(), 6);
    }

    async fn there_is_an_end_to_services_and_limits(bed, "") {
        let home = &bed.home;
        let of = service(home, "a").await;
        let id = match &home.db {
            Db::Sqlite { .. } => "randomblob(16)",
            Db::Postgres(..) => "gen_random_uuid()",
        };
        // Beside the one that is there, as many as there may be.
        let fill = async |table: &str, columns: &str, by: &str, most: i64| {
            let sql = format!(
                "WITH RECURSIVE numbers (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < {most})
                 INSERT INTO {table} (id, {columns}) SELECT {id}, {by} FROM numbers, {table} first"
            );
            run_sql(home, sql).await;
        };
        limit(home, &of, "end_user", 1).await;
        let columns = "service_id, unique_name, description, created_at, updated_at";
        let by = "service_id, 'limit ' || n, description, first.created_at, first.updated_at";
        fill("verify_rate_limits", columns, by, MOST_RATE_LIMITS).await;
        let new = RateLimit {
            id: Uuid::now_v7(),
            service_id: of.id,
            unique_name: "one more".to_owned(),
            description: String::new(),
            created_at: 0,
            updated_at: 0,
        };
        let inserted = verify_service::insert_rate_limit(&home.db, &new).await;
        assert_eq!(inserted, Ok(Inserted::TooMany));
        let columns = "tenant_id, purpose, friendly_name, code_length, custom_codes, payments, \
                       created_at, updated_at";
        let by = "tenant_id, purpose, friendly_name, code_length, custom_codes, payments, n, n";
        fill("verify_services", columns, by, MOST_SERVICES).await;
        let mut new = of.clone();
        new.id = Uuid::now_v7();
        assert_eq!(verify_service::insert(&home.db, &new).await, Ok(Inserted::TooMany));
        assert!(verify_service::delete(&home.db, DEFAULT_TENANT, of.id).await.expect("done"));
        assert_eq!(verify_service::insert(&home.db, &new).await, Ok(Inserted::Yes));
    }

    async fn each_service_has_its_own(bed, "") {
        let home = &bed.home;
        let (a, b) = (service(home, "a").await, service(home, "b").await);
        let first = start(home, &a, 1).await;
        assert_ne!(start(home, &b, 1).await, first);
        for _ in 0..3 {
            start(home, &a, 1).await;
        }
        // The number is one number, whoever sends to it.
        let sixth = try_start(home, &b, 1).await;
        assert!(matches!(sixth, Err(StartRefused::Refused(Refused::Limited { .. }))), "{sixth:?}");
        let listed = verify_service::list(&home.db, DEFAULT_TENANT, PageFrom::After(a.id), 9).await;
        let listed = listed.expect("an answer");
        assert!(!listed.more && listed.rows.iter().map(|row| row.id).eq([b.id]));
        assert!(verify_service::delete(&home.db, DEFAULT_TENANT, b.id).await.expect("done"));
        assert!(!verify_service::delete(&home.db, Uuid::now_v7(), a.id).await.expect("done"));
    }

    async fn the_rows_are_kept_longer_than_their_keys(bed, "") {
        let home = &bed.home;
        let of = service(home, "a").await;
        start(home, &of, 1).await;
        let count = async || Kind::Starts.count(home, home.clock.now()).await;
        home.clock.advance(DAY_MS + 600_000);
        assert_eq!(Kind::IdempotencyKeys.count(home, home.clock.now()).await, Ok(1));
        assert_eq!(count().await, Ok(0));
        home.clock.advance(3_600_001);
        assert_eq!(count().await, Ok(1));
    }
}
