//! The programs of `examples/`, run as a person runs them: each flow, and what is tried against it. The same
//! attacks are let loose on recipes that have the usual holes, where they must get through.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    program::{Finished, Place, Running, free_address},
    serve::serve,
};

/// A program of `examples/` is a flow, an attack on one, or stands here.
const NO_FLOWS: [&str; 4] = ["gateway", "otpost", "stage", "web"];

/// A flow, the last line that it prints, and how often its attack tries.
struct Flow {
    name: &'static str,
    ends: &'static str,
    attempts: usize,
}

/// One test for each flow, and the list of them.
macro_rules! flows {
    ($($name:ident, $ends:literal, $attempts:literal;)*) => {
        const FLOWS: &[Flow] = &[
            $(Flow { name: stringify!($name), ends: $ends, attempts: $attempts }),*
        ];
        $(
            #[test]
            fn $name() {
                let flow = FLOWS.iter().find(|flow| flow.name == stringify!($name));
                flow.expect("it stands in the list").plays();
            }
        )*
    };
}

flows! {
    async_send, "sent in the background, verified all the same", 10;
    custom_gateway, "sent through a gateway of our own", 20;
    email_login, "logged in by e-mail", 13;
    fallback, "fell back, and said so", 10;
    marketing, "opted in and out", 12;
    password_reset, "password reset, and nobody enumerated", 15;
    phone_change, "phone changed", 12;
    phone_login, "logged in by phone", 7;
    registration, "registered with a proven phone", 15;
    tenants, "two tenants, each in its own name", 20;
    two_factor, "logged in with two factors", 12;
    verify_and_register, "verified and registered in one call", 9;
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

impl Flow {
    #[track_caller]
    fn plays(&self) {
        let stage = Stage::of(self.name);
        let walked = stage.run(&format!("{}.py", self.name), &[]).exits(0);
        assert_eq!(walked.stdout.lines().last(), Some(self.ends), "{walked:?}");
        let attacked = stage.run(&format!("{}_attack.py", self.name), &[]).exits(0);
        let refused = attacked.stdout.lines().filter(|line| line.starts_with("refused: ")).count();
        assert_eq!(refused, self.attempts, "{}", attacked.stdout);
        let last = format!("{} attempts, all refused", self.attempts);
        assert_eq!(attacked.stdout.lines().last(), Some(&*last), "{attacked:?}");
    }
}

/// An `otpost serve` of its own, and what a program needs to find it and to be found by it.
struct Stage {
    _serving: Running,
    /// Its folder, which goes when this goes.
    _place: Place,
    address: SocketAddr,
    keys: Vec<(&'static str, String)>,
    args: Vec<String>,
}

impl Stage {
    fn of(flow: &str) -> Self {
        let address = free_address();
        let (place, args) = match flow {
            "fallback" => gateways("fallback.toml", &["first", "second"]),
            "custom_gateway" => gateways("custom_gateway.toml", &["gateway"]),
            "tenants" => gateways("tenants.toml", &["ours", "acme", "bolt"]),
            _ => (Place::empty().set("OTPOST__CHAINS__EMAIL", &r#"["console"]"#), Vec::new()),
        };
        let place = place.set("OTPOST__SERVER__LISTEN", &address);
        let (serving, caller) = serve(&place, address);
        let keys = match flow {
            "tenants" => [("OTPOST_KEY", "acme"), ("OTPOST_OTHER_KEY", "bolt")]
                .map(|(variable, tenant)| (variable, key_of_new(&place, tenant)))
                .into(),
            _ => vec![("OTPOST_KEY", caller.key)],
        };
        Self { _serving: serving, _place: place, address, keys, args }
    }

    fn run(&self, program: &str, args: &[&str]) -> Finished {
        let naive = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command/naive");
        let mut python = Command::new("python3");
        python
            .arg(examples().join(program))
            .args(&self.args)
            .args(args)
            .env("OTPOST_URL", format!("http://{}", self.address))
            .envs(self.keys.clone())
            .env("PYTHONPATH", naive)
            .env("PYTHONDONTWRITEBYTECODE", "1");
        Running::of(&mut python).end()
    }
}

/// Makes a tenant; a key of it.
fn key_of_new(place: &Place, tenant: &str) -> String {
    place.run(&["tenant", "create", tenant]).exits(0);
    let made = place.run(&["key", "create", "--tenant", tenant, "--json"]).exits(0).json();
    made["key"].as_str().expect("a key").to_owned()
}

/// The configuration of an example that plays gateways itself, with free ports for them: one for each provider
/// that the program has a flag for, or one for all.
fn gateways(config: &str, providers: &[&str]) -> (Place, Vec<String>) {
    let config = std::fs::read_to_string(examples().join(config)).expect("a configuration");
    let mut place = Place::with(&config);
    let each = providers.contains(&"second");
    let mut args = Vec::new();
    let mut address = free_address();
    for (place_in_chain, provider) in providers.iter().enumerate() {
        if each || place_in_chain == 0 {
            address = free_address();
            let flag = if each { provider } else { "port" };
            args.extend([format!("--{flag}"), address.port().to_string()]);
        }
        let key = format!("OTPOST__PROVIDERS__{}__URL", provider.to_uppercase());
        place = place.set(&key, &format!("http://{address}/sms"));
    }
    (place, args)
}

/// The attack on `flow` gets through where a recipe has the hole, and says so.
#[track_caller]
fn falls(flow: &str, attempts: &[&str]) {
    let recipe =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/command/naive/{flow}.py"));
    let recipe = recipe.to_str().expect("a path");
    let attacked = Stage::of(flow).run(&format!("{flow}_attack.py"), &["--app", recipe]).exits(1);
    for attempt in attempts {
        let got_through = format!("NOT REFUSED: {attempt}");
        assert!(attacked.stdout.contains(&got_through), "{got_through:?} is not in {attacked:?}");
    }
}

#[test]
fn a_second_factor_that_is_not_bound_is_none() {
    falls(
        "two_factor",
        &["gives the proof of his own phone for her login", "has a token of hers", "is ann by now"],
    );
}

#[test]
fn a_reset_that_is_not_bound_is_a_takeover() {
    falls(
        "password_reset",
        &[
            "gives the proof of his own phone for her account",
            "has set her password",
            "sees it in the answer",
        ],
    );
}

#[test]
fn a_change_that_is_not_bound_saves_any_number() {
    falls(
        "phone_change",
        &["proves one number and has another one saved", "has the other number saved"],
    );
}

#[test]
fn a_login_that_believes_the_request_is_open() {
    falls("phone_login", &["posts her number and nothing else", "is somebody by now"]);
}

#[test]
fn a_list_that_deletes_forgets_who_left() {
    falls(
        "marketing",
        &[
            "overwrites what she asked for before she proved it",
            "unsubscribes her by her number",
            "loses the table, imports her as somebody who agreed",
        ],
    );
}

#[test]
fn on_a_wrong_service_a_program_says_which_one_it_wants() {
    let stage = Stage::of("two_factor");
    let port = free_address().port().to_string();
    let wrong = stage.run("custom_gateway.py", &["--port", &port]).exits(1).stderr;
    assert!(wrong.contains("unknown_purpose") && !wrong.contains("Traceback"), "{wrong}");
    assert!(wrong.contains("`OTPOST_CONFIG=examples/custom_gateway.toml otpost`"), "{wrong}");
    let stranger = Stage { keys: vec![("OTPOST_KEY", "otp_x".to_owned())], ..stage };
    let refused = stranger.run("two_factor.py", &[]).exits(1).stderr;
    assert!(refused.contains("OTPOST_KEY is no key of http://"), "{refused}");
    let nowhere = Stage { address: free_address(), ..stranger };
    let alone = nowhere.run("email_login.py", &[]).exits(1).stderr;
    assert!(alone.contains(&format!("OTPOST_URL=http://{}", nowhere.address)), "{alone}");
    assert!(alone.contains("start the service with `OTPOST__CHAINS__EMAIL="), "{alone}");
}

#[test]
fn every_program_is_run_and_explains_itself() {
    let files = std::fs::read_dir(examples()).expect("examples");
    let mut programs: Vec<String> = files
        .filter_map(|file| file.expect("a file").file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".py").map(str::to_owned))
        .filter(|name| !NO_FLOWS.contains(&&**name))
        .collect();
    programs.sort();
    let mut known: Vec<String> = FLOWS
        .iter()
        .flat_map(|flow| [flow.name.to_owned(), format!("{}_attack", flow.name)])
        .collect();
    known.sort();
    assert_eq!(programs, known);
    let page = std::fs::read_to_string(examples().join("README.md")).expect("a page");
    for program in programs {
        let mut python = Command::new("python3");
        python.arg(examples().join(format!("{program}.py"))).arg("--help");
        let told = Running::of(python.env("PYTHONDONTWRITEBYTECODE", "1")).end().exits(0);
        assert!(told.stdout.contains("OTPOST_KEY"), "{told:?}");
        assert!(page.contains(&format!("({program}.py)")), "{program} is not on its page");
    }
}
