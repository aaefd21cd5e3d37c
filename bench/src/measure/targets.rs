//! Every row there is: its name, what is measured, and how far it must get.

use super::Subject;

/// The aim of a row and the least that will do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Aim {
    pub(crate) goal: f64,
    pub(crate) floor: f64,
}

/// What the aim is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// The ratio to the limit; more is better.
    Ratio,
    /// The ratio to the limit; less is better.
    RatioAtMost,
    /// The value itself; less is better.
    AtMost,
    /// Nothing: the row is there to be seen.
    Shown,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) part: Subject,
    pub(crate) name: &'static str,
    /// In one sentence.
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) judged: Judged,
    aim: (f64, f64),
}

impl Target {
    pub(crate) fn aim(&self) -> Option<Aim> {
        let (goal, floor) = self.aim;
        (self.judged != Judged::Shown).then_some(Aim { goal, floor })
    }

    /// The aim in words.
    pub(crate) fn asked(&self) -> String {
        let (goal, floor) = self.aim;
        match self.judged {
            Judged::Ratio => format!("at least {goal} of the limit, floor {floor}"),
            Judged::RatioAtMost => format!("at most {goal} times the quiet one, floor {floor}"),
            Judged::AtMost => format!("at most {goal} {}, floor {floor} {0}", self.unit),
            Judged::Shown => "no target".to_owned(),
        }
    }
}

macro_rules! targets {
    ($($id:ident = $part:ident, $name:literal, $unit:literal, $judged:ident($goal:literal, $floor:literal), $what:literal;)*) => {
        $(pub(crate) const $id: Target = Target {
            part: Subject::$part,
            name: $name,
            what: $what,
            unit: $unit,
            judged: Judged::$judged,
            aim: ($goal, $floor),
        };)*

        /// In the order they are measured and shown.
        pub(crate) const ALL: &[&Target] = &[$(&$id),*];
    };
}

targets! {
    ACCEPT = Accept, "accept", "1/s", Ratio(1.0, 0.8),
        "Accepts per second, committed, each with an idempotency key, workers stopped; the limit is pgbench inserting rows of the same width into a table of the same indexes, 16 clients, prepared, committed.";
    CHECK = Check, "check", "1/s", Ratio(1.0, 0.8),
        "Checks per second, as many wrong codes as right ones; the limit is pgbench updating one row by its key, 16 clients, prepared, committed.";
    DELIVER_SLOW = Deliver, "deliver, gateway at 20 ms", "1/s", Ratio(0.7, 0.5),
        "Sends per second with 256 in flight, each claimed, recorded and crash-safe; the limit is a bare loop of the same HTTP client with as many in flight.";
    DELIVER_FAST = Deliver, "deliver, gateway at once", "1/s", Ratio(0.3, 0.2),
        "The same with a gateway that answers at once.";
    ACCEPT_P50 = Latency, "accept at 500/s, p50", "ms", AtMost(2.0, 3.0),
        "From the moment a request is due to its answer, on a schedule, while a worker delivers.";
    ACCEPT_P99 = Latency, "accept at 500/s, p99", "ms", AtMost(8.0, 15.0),
        "The same, of 99 in 100.";
    CHECK_P50 = Latency, "check at 500/s, p50", "ms", AtMost(2.0, 3.0),
        "From the moment a check is due to its answer, on a schedule.";
    CHECK_P99 = Latency, "check at 500/s, p99", "ms", AtMost(6.0, 12.0),
        "The same, of 99 in 100.";
    GATEWAY_P50 = Latency, "accept to gateway at 200/s, p50", "ms", AtMost(5.0, 8.0),
        "From the request's leaving to the code's arrival at the gateway, on an otherwise idle system.";
    GATEWAY_P99 = Latency, "accept to gateway at 200/s, p99", "ms", AtMost(15.0, 25.0),
        "The same, of 99 in 100.";
    LANES_P99 = Lanes, "code beside bulk, p99", "ms", AtMost(100.0, 250.0),
        "Accept to gateway of 500 codes a second while bulk messages drain, gateway at 20 ms.";
    LANES_RATE = Lanes, "bulk beside codes", "1/s", Ratio(0.8, 0.6),
        "Bulk sends per second beside those codes; the limit is bulk alone, in turn within the same drain.";
    LANES_P99_FAST = Lanes, "code beside bulk, gateway at once, p99", "ms", AtMost(100.0, 250.0),
        "The same with a gateway that answers at once, where only the processors are the limit.";
    LANES_RATE_FAST = Lanes, "bulk beside codes, gateway at once", "1/s", Shown(0.0, 0.0),
        "Bulk's rate there, beside bulk alone: what the codes take of two full cores, bulk has not.";
    BACKLOG_RATE = Backlog, "backlog drained", "1/s", Shown(0.0, 0.0),
        "Bulk messages per second from the start of a worker before a full backlog to the last one, gateway at once.";
    BACKLOG_STILL = Backlog, "backlog, longest standstill", "s", AtMost(2.0, 10.0),
        "The longest time without a send in all of that.";
    BACKLOG_P99 = Backlog, "code before a backlog, p99", "ms", AtMost(100.0, 250.0),
        "Accept to gateway of 50 codes a second during all of that.";
    BACKLOG_MEMORY = Backlog, "memory of worker, backlog", "MB", AtMost(60.0, 80.0),
        "The worker's highest resident memory during all of that.";
    BACKLOG_LOST = Backlog, "backlog, lost or doubled", "", AtMost(0.0, 0.0),
        "Recipients that got nothing, and texts that somebody got twice.";
    IMPORT = Import, "import over HTTP", "1/s", Ratio(0.4, 0.25),
        "Recipients of 64 countries per second through one streamed POST /v1/messages/batch, from the first byte to the summary; the limit is a server-side COPY of the same rows into a table of the same indexes.";
    IMPORT_CLI = Import, "import of a file", "1/s", Ratio(0.4, 0.25),
        "The same recipients from a CSV file through `otpost send --to-file`, process start included.";
    IMPORT_API = Import, "memory of api, import", "MB", AtMost(40.0, 60.0),
        "The API's highest resident memory after these imports.";
    IMPORT_SEND = Import, "memory of send, import", "MB", AtMost(40.0, 60.0),
        "The highest resident memory of `otpost send --to-file`.";
    GROWTH_ACCEPT = Growth, "growth, accept", "1/s", Ratio(0.95, 0.9),
        "Accepts per second on top of 10,000,000 verifications, a tenth pending, with their messages, attempts and idempotency records; the limit is the same on top of 10,000.";
    GROWTH_CHECK = Growth, "growth, check", "1/s", Ratio(0.95, 0.9),
        "Checks per second there; the limit is the same on top of 10,000.";
    GROWTH_LOG = Growth, "log per verification, grown", "B", AtMost(3072.0, 4096.0),
        "Bytes of Postgres' log from accept to verified on top of the 10,000,000, without page images.";
    PURGE_P99 = Purge, "accept at 500/s beside a purge, p99", "ms", RatioAtMost(1.2, 1.5),
        "The answer to an accept while `otpost purge` removes 1,000,000 expired rows; the limit is the same while the purge is held still, in turn.";
    PURGE_RATE = Purge, "purged", "1/s", Shown(0.0, 0.0),
        "Verifications removed per second, with their messages, attempts and idempotency records.";
    PAIRS_ACCEPT = Pairs, "accept, two api", "1/s", Ratio(0.95, 0.9),
        "Accepts per second of two API processes; the limit is one of them, in turn.";
    PAIRS_DELIVER = Pairs, "deliver, two workers", "1/s", Ratio(0.95, 0.9),
        "Sends per second of two workers, gateway at 20 ms; the limit is one of them, in turn.";
    PAIRS_LOST = Pairs, "pairs, lost or doubled", "", AtMost(0.0, 0.0),
        "Recipients that got no code, and codes that somebody got twice.";
    MEMORY_API = Memory, "memory of api", "MB", AtMost(40.0, 60.0),
        "Highest resident memory after a backlog, a steady and a saturating load, recipients of 64 countries.";
    MEMORY_WORKER = Memory, "memory of worker", "MB", AtMost(60.0, 80.0),
        "The worker's under the same.";
    MEMORY_SERVE = Memory, "memory of serve", "MB", AtMost(60.0, 80.0),
        "The one process of the embedded default under the same.";
    SERVE_ACCEPT = ServeAccept, "serve-accept", "1/s", Ratio(2.0, 1.0),
        "Accepts per second of one `otpost serve` (SQLite, synchronous FULL); the limit is a loop of one-row commits into a table of the same width and indexes.";
    START_SERVE = Startup, "start of serve", "s", AtMost(0.2, 0.5),
        "From process start to the first accepted request, on data that is already there.";
    START_API = Startup, "start of api", "s", AtMost(0.2, 0.5),
        "The same of `otpost api`.";
    LOG = Footprint, "log per verification, to verified", "B", AtMost(3072.0, 4096.0),
        "Bytes of Postgres' log from accept to verified, without page images; --rows fills the tables first.";
    HINT = Footprint, "Redis per waiting hint", "B", AtMost(48.0, 120.0),
        "What the list of hints occupies, per hint.";
    HINTS_LEFT = Footprint, "Redis after the hints ran", "B", AtMost(0.0, 0.0),
        "What is left of it when all are sent.";
    LIMIT_INSERT = Limits, "bare insert, 16 clients", "1/s", Shown(0.0, 0.0),
        "pgbench, one row a commit, as wide and as indexed as a verification.";
    LIMIT_UPDATE = Limits, "bare update, 16 clients", "1/s", Shown(0.0, 0.0),
        "pgbench, one row a commit, found by its key.";
    LIMIT_HTTP = Limits, "bare HTTP, 64 connections", "1/s", Shown(0.0, 0.0),
        "Refusals of the fake gateway: no measured rate can be above what the generator itself does.";
    LIMIT_SLOW = Limits, "bare posts, gateway at 20 ms", "1/s", Shown(0.0, 0.0),
        "A bare loop of the HTTP client, 256 in flight.";
    LIMIT_FAST = Limits, "bare posts, gateway at once", "1/s", Shown(0.0, 0.0),
        "The same with a gateway that answers at once.";
    LIMIT_SQLITE = Limits, "bare SQLite insert", "1/s", Shown(0.0, 0.0),
        "One row a commit, one connection, WAL, synchronous FULL.";
}

/// Prints every row with its sentence and its target.
pub(crate) fn list() {
    let mut last = None;
    for target in ALL {
        if last != Some(target.part) {
            say!("{}bench {}", if last.is_some() { "\n" } else { "" }, target.part.command());
            last = Some(target.part);
        }
        say!("  {}\n      {}\n      {}", target.name, target.what, target.asked());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_floors_are_no_harder_than_goals() {
        for (place, target) in ALL.iter().enumerate() {
            assert!(ALL[..place].iter().all(|other| other.name != target.name));
            let (goal, floor) = target.aim;
            let more_is_better = target.judged == Judged::Ratio;
            assert!(if more_is_better { floor <= goal } else { floor >= goal }, "{target:?}");
        }
    }
}
