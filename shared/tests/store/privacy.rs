//! What a stolen database shows: no code and no number.

use otpost_shared::{
    Home,
    channel::Channel,
    db::Db,
    inbound::{self, Wish, Written},
    message::{
        self, NewMessage, Title,
        batch::{self, BatchText, NewBatch, Row},
    },
    recipient::Recipient,
    sandbox::inbox::{self, Content, Wanted},
    secrets::Code,
    suppression::{self, NewSuppression, Reason, Scope},
    tenant::{self, DEFAULT_TENANT, Tenant},
    texts::Asked,
    verification::{self, NewVerification},
    verify_service::{self, Inserted, Options, RateLimit, Service, Start},
};
use otpost_testbed::on_both_homes;
use sqlx::{AssertSqlSafe, Row as _};
use uuid::Uuid;

use super::{code_of, key, messages, number, request};

const TABLES: [&str; 25] = [
    "tenants",
    "api_keys",
    "verifications",
    "messages",
    "batches",
    "attempts",
    "idempotency_records",
    "guess_budgets",
    "send_budgets",
    "processes",
    "duties",
    "lane_states",
    "provider_message_ids",
    "suppressions",
    "replies",
    "last_words",
    "heard_starts",
    "verify_services",
    "verify_rate_limits",
    "verify_buckets",
    "verify_starts",
    "inbox_messages",
    "events",
    "webhooks",
    "webhook_deliveries",
];

const REPLIES: &str = r#"
[events]
log = true
[server]
public_url = "https://codes.example"
[texts]
contact = "sentinel-contact"
[replies]
stop = "No more texts. See {contact}."
[recipients]
countries = ["*"]
[providers.main]
kind = "vonage"
replies = true
"#;

on_both_homes! {
    async fn a_dump_holds_no_number_and_no_code(bed, REPLIES) {
        let mut new = request(number(7_777));
        new.subject = Some("sentinel-subject".into());
        new.metadata = Some(serde_json::json!({ "note": "sentinel-metadata" }));
        new.idempotency_key = Some(key(&bed.home, "sentinel-key", "body"));
        let accepted = verification::accept(&bed.home, new).await.expect("accepted");
        let code = code_of(&bed.home, accepted.id).await.as_str().to_owned();
        let text = NewMessage {
            tenant_id: DEFAULT_TENANT,
            to: number(8_888),
            title: None,
            text: "sentinel-text".into(),
            language: None,
            client: None,
            idempotency_key: Some(key(&bed.home, "sentinel-key-2", "body")),
        };
        message::accept(&bed.home, text).await.expect("accepted");
        let stop = Written { from: number(6_666), wish: Wish::Stop, at: None, id: None };
        inbound::take(&bed.home, "main", stop).await.expect("taken");
        start_in_a_service(&bed.home).await;
        let code_of_email = accept_emails(&bed.home).await;
        let text = BatchText::parse("sentinel-text of {who}").expect("a text");
        let key = Some("sentinel-key-3".to_owned());
        let new = NewBatch { tenant_id: DEFAULT_TENANT, text, key };
        let mut filling = batch::open(&bed.home, new).await.expect("opened");
        let variables = [("who".to_owned(), "sentinel-person".to_owned())].into();
        let row = Row { to: "+12025559999".into(), variables, reference: Some("sentinel-reference".into()) };
        filling.push(move || vec![Ok(row)]).await.expect("taken");
        assert!(filling.settle().await.expect("committed")[0].result.is_ok());
        let code_in_sandbox = receive_in_a_sandbox(&bed.home).await;
        plant(&bed.home.db).await;
        let dump = dump(&bed.home.db).await;
        assert!(finds(&dump, "planted-leak"), "the search finds what is there");
        let token = accepted.session_token.as_str();
        for secret in [
            "2025557777", "2025558888", "2025559999", "2025556666", "2025554444", "5557777", "sentinel-", code.as_str(), token, &token[22..],
            "Sentinel", "mailbox.example", code_of_email.as_str(),
            code_in_sandbox.as_str(), "2025553333",
        ] {
            assert!(!finds(&dump, secret), "{secret} is in the dump");
        }
    }
}

/// A code by way of a Service, counted by an address of a person.
async fn start_in_a_service(home: &Home) {
    let options = Options {
        friendly_name: "Shop".to_owned(),
        code_length: 6,
        custom_codes: true,
        payments: false,
    };
    let (id, now) = (Uuid::now_v7(), home.clock.now());
    let service = Service::new(id, DEFAULT_TENANT, "default", options, now);
    let inserted = verify_service::insert(&home.db, &service).await.expect("stored");
    assert_eq!(inserted, Inserted::Yes);
    let limit = RateLimit {
        id,
        service_id: id,
        unique_name: "end_user".to_owned(),
        description: String::new(),
        created_at: now,
        updated_at: now,
    };
    let inserted = verify_service::insert_rate_limit(&home.db, &limit).await.expect("stored");
    assert_eq!(inserted, Inserted::Yes);
    let start = Start {
        service: &service,
        to: number(4_444),
        channel: Channel::Sms,
        app: Some("sentinel-app".to_owned()),
        code: Some(Code::new("sentinel-1".to_owned())),
        subject: Some("sentinel-payment".to_owned()),
        variables: [("amount", "sentinel-amount"), ("payee", "sentinel-payee")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        metadata: serde_json::json!({ "tags": "sentinel-tag" }),
        locale: Asked::default(),
        client: None,
        counted: vec![("end_user".to_owned(), "sentinel-user".to_owned())],
        recipient_rules: &home.config.limits.recipient,
    };
    verify_service::start(home, &start).await.expect("started");
}

/// A code and a message by e-mail, and a suppression of the address; the code.
async fn accept_emails(home: &Home) -> String {
    let to = || Recipient::parse_email("Sentinel.Ann@mailbox.example").expect("an address");
    let accepted = verification::accept(home, request(to())).await.expect("accepted");
    let title = Title::of(Channel::Email, Some("sentinel-title".to_owned())).expect("a title");
    let email = NewMessage {
        tenant_id: DEFAULT_TENANT,
        to: to(),
        title,
        text: "sentinel-letter".into(),
        language: None,
        client: None,
        idempotency_key: Some(key(home, "sentinel-key-4", "body")),
    };
    message::accept(home, email).await.expect("accepted");
    let new = NewSuppression {
        tenant_id: Some(DEFAULT_TENANT),
        to: to(),
        scope: Scope::Bulk,
        reason: Reason::Manual,
        provider: None,
    };
    suppression::add(home, new).await.expect("added");
    code_of(home, accepted.id).await.as_str().to_owned()
}

/// A code in the inbox of a sandbox; the code.
async fn receive_in_a_sandbox(home: &Home) -> String {
    let (id, now) = (Uuid::now_v7(), home.clock.now());
    let tenant = Tenant::sandbox(id, "ci", now);
    assert!(tenant::insert_if_missing(&home.db, &tenant).await.expect("an answer"));
    let new = NewVerification { tenant_id: id, ..request(number(3_333)) };
    let accepted = verification::accept(home, new).await.expect("accepted");
    let code = code_of(home, accepted.id).await.as_str().to_owned();
    let row = messages(home, accepted.id).await.remove(0);
    let content = Content {
        to: "+12025553333".to_owned(),
        title: Some("sentinel-heading".to_owned()),
        text: format!("sentinel-words {code}"),
        code: Some(code.clone()),
    };
    inbox::put(home, &row, &content, now).await.expect("put");
    let found = inbox::list(home, id, &Wanted::default(), 9, now).await.expect("an answer");
    assert_eq!(found[0].content.code.as_ref(), Some(&code));
    code
}

/// Everything in the database, as text and as the bytes behind it.
async fn dump(db: &Db) -> Vec<u8> {
    let mut dump = Vec::new();
    for table in TABLES {
        match db {
            Db::Sqlite { read, .. } => {
                let columns: Vec<String> = sqlx::query(AssertSqlSafe(format!(
                    "SELECT name FROM pragma_table_info('{table}')"
                )))
                .fetch_all(read)
                .await
                .expect("columns")
                .iter()
                .map(|row| row.get(0))
                .collect();
                assert!(!columns.is_empty(), "{table} exists");
                for column in columns {
                    let sql = format!("SELECT CAST({column} AS BLOB) FROM {table}");
                    for row in sqlx::query(AssertSqlSafe(sql)).fetch_all(read).await.expect("rows")
                    {
                        dump.extend(row.get::<Option<Vec<u8>>, _>(0).unwrap_or_default());
                        dump.push(b'\n');
                    }
                }
            }
            Db::Postgres(pool, _) => {
                // bytea_output = escape shows printable bytes as they are.
                let mut connection = pool.acquire().await.expect("a connection");
                sqlx::query("SET bytea_output = 'escape'")
                    .execute(&mut *connection)
                    .await
                    .expect("set");
                let sql = format!("SELECT t::text FROM {table} t");
                for row in
                    sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *connection).await.expect("rows")
                {
                    dump.extend(row.get::<String, _>(0).into_bytes());
                    dump.push(b'\n');
                }
            }
        }
    }
    dump
}

/// Puts a leak where the search must find it: into bytes, not into a text.
async fn plant(db: &Db) {
    let sql = "UPDATE api_keys SET secret_hash = $1";
    let planted = b"a planted-leak".as_slice();
    let now = 0;
    let (key, _) = otpost_shared::api_key::generate(DEFAULT_TENANT, "k", &[], now);
    otpost_shared::api_key::insert(db, &key).await.expect("inserted");
    match db {
        Db::Sqlite { write, .. } => {
            sqlx::query(sql).bind(planted).execute(write).await.expect("planted");
        }
        Db::Postgres(pool, _) => {
            sqlx::query(sql).bind(planted).execute(pool).await.expect("planted");
        }
    }
}

fn finds(dump: &[u8], needle: &str) -> bool {
    dump.windows(needle.len()).any(|window| window == needle.as_bytes())
}
