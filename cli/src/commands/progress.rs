//! How far it has come: a bar on a terminal, a line every few seconds elsewhere, nothing beside JSON.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// Between two lines where there is no terminal.
const PAUSE: Duration = Duration::from_secs(5);

pub struct Progress {
    what: &'static str,
    total: u64,
    at: u64,
    started: Instant,
    shown: Shown,
}

enum Shown {
    Bar(ProgressBar),
    Lines { next: Instant },
    Nothing,
}

impl Progress {
    pub fn new(what: &'static str, total: u64, quiet: bool) -> Self {
        let started = Instant::now();
        let shown = if quiet {
            Shown::Nothing
        } else if std::io::stderr().is_terminal() {
            let template = "{msg:16} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}";
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::new(total).with_style(style).with_message(what);
            bar.enable_steady_tick(Duration::from_millis(200));
            Shown::Bar(bar)
        } else {
            Shown::Lines { next: started + PAUSE }
        };
        Self { what, total, at: 0, started, shown }
    }

    /// So many are done by now.
    pub fn set(&mut self, at: u64) {
        self.at = at;
        let now = Instant::now();
        match &mut self.shown {
            Shown::Bar(bar) => bar.set_position(at),
            Shown::Lines { next } if now >= *next => {
                *next = now + PAUSE;
                eprintln!("{}", self.line(now));
            }
            Shown::Lines { .. } | Shown::Nothing => {}
        }
    }

    fn line(&self, now: Instant) -> String {
        let secs = (now - self.started).as_secs().max(1);
        let rate = self.at / secs;
        let left = self.total.saturating_sub(self.at).checked_div(rate);
        let left = left.map_or_else(String::new, |left| format!(", {left} s left"));
        format!("{}: {} of {}, {rate}/s{left}", self.what, self.at, self.total)
    }

    /// Says something above the bar.
    pub fn say(&self, sentence: &str) {
        match &self.shown {
            Shown::Bar(bar) => bar.println(sentence),
            Shown::Lines { .. } => eprintln!("{sentence}"),
            Shown::Nothing => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}
