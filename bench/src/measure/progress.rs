//! How far a long part has got, on standard error.

use std::{
    io::{IsTerminal, stderr},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// How often a line is written where no bar can be drawn.
const LINES: Duration = Duration::from_secs(15);

/// A bar on a terminal, a line now and then elsewhere.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    what: String,
    told: Instant,
}

impl Progress {
    pub(crate) fn new(what: &str, total: u64) -> Self {
        let bar = if stderr().is_terminal() {
            let style =
                ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {eta}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(total).with_style(style).with_message(what.to_owned())
        } else {
            ProgressBar::with_draw_target(Some(total), indicatif::ProgressDrawTarget::hidden())
        };
        Self { bar, what: what.to_owned(), told: Instant::now() }
    }

    pub(crate) fn at(&mut self, done: u64) {
        self.bar.set_position(done);
        if !stderr().is_terminal() && self.told.elapsed() > LINES {
            self.told = Instant::now();
            let total = self.bar.length().unwrap_or(0);
            note!("{}: {done} of {total}", self.what);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
