//! Processor time and memory of processes, and how busy the rest of the machine was; all read
//! from `/proc`.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::Path,
    process,
    time::Instant,
};

use serde::Serialize;

/// Clock ticks per second: fixed at 100 for what Linux shows to user space.
const TICKS: f64 = 100.0;

/// What one process, with all its descendants, has used.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Usage {
    pub(crate) name: String,
    pub(crate) cpu_seconds: f64,
    /// The highest resident memory since the start, in megabytes; 0 for a whole family.
    pub(crate) peak_mb: f64,
    pub(crate) now_mb: f64,
}

impl Usage {
    pub(crate) fn of(name: &str, id: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let field = |wanted: &str| {
            let line = status.lines().find(|line| line.starts_with(wanted));
            let value = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
            value.unwrap_or(0.0) / 1024.0
        };
        let family = family_ticks(id, &every_process());
        // Our own children are shown by themselves; Postgres's are Postgres.
        let ticks = if id == process::id() { own_ticks(id) } else { family };
        Self {
            name: name.to_owned(),
            cpu_seconds: ticks / TICKS,
            peak_mb: field("VmHWM:"),
            now_mb: field("VmRSS:"),
        }
    }
}

/// Ticks that a reading may be off, since only whole ones are counted: of a start that takes twenty
/// milliseconds, one more or less would be half.
const UNCERTAIN_TICKS: f64 = 2.0;

/// How much of the machine others used while something was measured.
#[derive(Debug)]
pub(crate) struct Busy {
    others: f64,
    began: Instant,
}

impl Busy {
    pub(crate) fn begin() -> Self {
        Self { others: others_ticks(), began: Instant::now() }
    }

    /// Processor seconds that neither we nor our children used, but somebody did; and how many
    /// seconds have passed.
    pub(crate) fn others(&self) -> (f64, f64) {
        let others = others_ticks() - self.others - UNCERTAIN_TICKS;
        ((others / TICKS).max(0.0), self.began.elapsed().as_secs_f64())
    }
}

/// What all processes together have used, but for ours and the kernel's own threads: on a machine at
/// rest these write what we have written, and who else keeps them at work shows by itself. Summed up
/// process by process, because the sum for the whole machine is a sample of ticks, and at fixed rates
/// we and the ticks keep the same time.
fn others_ticks() -> f64 {
    let all = every_process();
    let mut ours = family(process::id(), &all);
    if fs::read_to_string("/proc/2/comm").is_ok_and(|name| name.trim() == "kthreadd") {
        ours.extend(family(2, &all));
    }
    let others = all.iter().filter(|(id, _)| !ours.contains(*id));
    others.map(|(_, stat)| stat.ticks).sum::<f64>() + stolen_ticks()
}

#[derive(Clone, Copy)]
struct Stat {
    parent: u32,
    own: f64,
    /// Own time and that of children that have ended.
    ticks: f64,
}

fn every_process() -> HashMap<u32, Stat> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return HashMap::new();
    };
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter_map(|id| Some((id, stat(id)?))).collect()
}

/// Fields of `/proc/<id>/stat` after the name, which may itself hold spaces and brackets.
fn stat(id: u32) -> Option<Stat> {
    let text = fs::read_to_string(Path::new("/proc").join(id.to_string()).join("stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let sum = |places: std::ops::Range<usize>| -> f64 {
        places.filter_map(|place| fields.get(place)?.parse::<f64>().ok()).sum()
    };
    Some(Stat { parent: fields.get(1)?.parse().ok()?, own: sum(11..13), ticks: sum(11..15) })
}

/// Without what children have used, even those that have ended.
fn own_ticks(id: u32) -> f64 {
    stat(id).map_or(0.0, |stat| stat.own)
}

fn family_ticks(id: u32, all: &HashMap<u32, Stat>) -> f64 {
    family(id, all).iter().filter_map(|member| all.get(member)).map(|stat| stat.ticks).sum()
}

/// A process and all its descendants.
fn family(id: u32, all: &HashMap<u32, Stat>) -> HashSet<u32> {
    let children = all.iter().filter(|(_, stat)| stat.parent == id);
    children.flat_map(|(child, _)| family(*child, all)).chain([id]).collect()
}

pub(crate) fn children_of(id: u32) -> Vec<u32> {
    let all = every_process();
    let children = all.iter().filter(|(_, stat)| stat.parent == id);
    children.map(|(child, _)| *child).collect()
}

/// Time that other guests of the host took: it is somebody's.
fn stolen_ticks() -> f64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let first = text.lines().next().unwrap_or_default();
    first.split_whitespace().nth(8).and_then(|field| field.parse().ok()).unwrap_or(0.0)
}
