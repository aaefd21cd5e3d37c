//! One function per parser of bytes from outside. Each takes any bytes, and panics when a promise
//! about them is broken. A fuzzer calls them with what it finds; a test calls them with the
//! corpus and with random changes of it.

pub mod answers;
pub mod batches;
pub mod configuration;
pub mod django;
pub mod page;
pub mod people;
pub mod reports;
pub mod requests;
pub mod smpp;
pub mod texts;
pub mod twilio;

/// A parser under test.
pub struct Target {
    /// Also the name of its folder in the corpus.
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// How many random inputs an ordinary test run can afford.
    pub cases: u32,
}

const QUICK: u32 = 400;
const SLOW: u32 = 120;

pub const TARGETS: [Target; 21] = [
    Target { name: "recipient", run: texts::recipient, cases: QUICK },
    Target { name: "code", run: texts::code, cases: QUICK },
    Target { name: "handle", run: texts::handle, cases: QUICK },
    Target { name: "template", run: texts::template, cases: QUICK },
    Target { name: "languages", run: texts::languages, cases: QUICK },
    Target { name: "limit_rule", run: texts::limit_rule, cases: QUICK },
    Target { name: "network", run: texts::network, cases: QUICK },
    Target { name: "segments", run: texts::segments, cases: QUICK },
    Target { name: "configuration", run: configuration::configuration, cases: SLOW },
    Target { name: "provider_section", run: configuration::provider_section, cases: SLOW },
    Target { name: "provider_answer", run: answers::provider_answer, cases: QUICK },
    Target { name: "report", run: reports::report, cases: QUICK },
    Target { name: "smpp_delivery", run: smpp::delivery, cases: QUICK },
    Target { name: "head", run: requests::head, cases: QUICK },
    Target { name: "request", run: requests::request, cases: QUICK },
    Target { name: "django", run: django::django, cases: QUICK },
    Target { name: "twilio", run: twilio::twilio, cases: QUICK },
    Target { name: "page", run: page::page, cases: QUICK },
    Target { name: "batch_json", run: batches::json, cases: SLOW },
    Target { name: "batch_lines", run: batches::lines, cases: SLOW },
    Target { name: "people_file", run: people::file, cases: QUICK },
];

/// Cuts the first line off.
fn first_line(data: &[u8]) -> (&[u8], &[u8]) {
    match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &[]),
    }
}

/// What waits for input and output while a target runs.
fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: std::sync::OnceLock<tokio::runtime::Runtime> = std::sync::OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Runtime::new().expect("a runtime"))
}
