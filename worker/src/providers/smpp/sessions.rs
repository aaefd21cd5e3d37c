//! All sessions of a section: kept up, and shared out to those who submit.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use otpost_shared::outcome::ErrorClass;
use rand::RngExt;
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    config::Settings,
    desk::Desk,
    session::{End, Live, Refusal, Session},
};

/// How long a submit waits for a session that is being bound, and for a place in one.
const PATIENCE_TO_BIND: Duration = Duration::from_secs(2);
const PATIENCE_FOR_PLACE: Duration = Duration::from_millis(2_500);
/// Meanwhile another session may have become free, if there are several.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// Between two tries to bind: at first, at most, and at most after a refusal of our credentials.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
const LONGEST_PAUSE_REFUSED: Duration = Duration::from_secs(30);
/// A session that is lost before was not worth the bind.
const SHORT_LIFE: Duration = Duration::from_secs(5);

/// What is known of one session.
#[derive(Clone)]
enum State {
    /// Its first bind is under way, or the first after it was lost.
    Binding,
    Up(Arc<Live>),
    Down(Refusal),
}

pub(super) struct Sessions {
    settings: Settings,
    states: watch::Sender<Vec<State>>,
}

/// The right to one submit; gives its place back when dropped.
pub(super) struct Place {
    pub(super) live: Arc<Live>,
    _permit: OwnedSemaphorePermit,
}

impl Sessions {
    pub(super) fn new(settings: Settings) -> Self {
        let states = watch::Sender::new(vec![State::Binding; settings.sessions]);
        Self { settings, states }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Keeps all of them up until `stop` is cancelled.
    pub(super) async fn keep(&self, desk: &Arc<Desk>, stop: &CancellationToken) {
        join_all((0..self.settings.sessions).map(|number| self.keep_one(number, desk, stop))).await;
    }

    async fn keep_one(&self, number: usize, desk: &Arc<Desk>, stop: &CancellationToken) {
        let mut pause = FIRST_PAUSE;
        loop {
            let bound = stop.run_until_cancelled(Session::bind(&self.settings)).await;
            let Some(bound) = bound else { return };
            let begun = Instant::now();
            let refusal = match bound {
                Ok(session) => match self.keep_up(number, session, desk, stop).await {
                    End::Stopped => return,
                    End::Lost(words) if begun.elapsed() < SHORT_LIFE => Refusal::transient(words),
                    _ => {
                        pause = FIRST_PAUSE;
                        continue;
                    }
                },
                Err(refusal) => refusal,
            };
            pause = self.note_refusal(number, refusal, pause);
            let jitter = rand::rng().random_range(0.5..1.0);
            if stop.run_until_cancelled(sleep(pause.mul_f64(jitter))).await.is_none() {
                return;
            }
        }
    }

    /// From its bind to its end.
    async fn keep_up(
        &self,
        number: usize,
        mut session: Session,
        desk: &Arc<Desk>,
        stop: &CancellationToken,
    ) -> End {
        let provider = self.settings.name.as_str();
        tracing::info!(provider, session = number, smsc = session.smsc, "bound");
        self.set(number, State::Up(Arc::clone(&session.live)));
        let end = session.serve(desk, stop).await;
        self.set(number, State::Binding);
        match &end {
            End::Stopped => {}
            End::Worn => tracing::info!(provider, session = number, "its numbers are used up"),
            End::Unbound => tracing::info!(provider, session = number, "unbound by the SMSC"),
            End::Lost(why) => tracing::warn!(provider, session = number, why, "a session was lost"),
        }
        session.leave(&end).await;
        end
    }

    /// How long to wait before the next try.
    fn note_refusal(&self, number: usize, refusal: Refusal, pause: Duration) -> Duration {
        let (provider, why) = (self.settings.name.as_str(), refusal.words.as_str());
        let is_known =
            matches!(&self.states.borrow()[number], State::Down(last) if *last == refusal);
        if is_known {
            tracing::debug!(provider, session = number, why, "still not bound");
        } else {
            tracing::warn!(provider, session = number, why, "not bound; tried again and again");
        }
        let longest = match refusal.class {
            ErrorClass::Account => LONGEST_PAUSE_REFUSED,
            _ => LONGEST_PAUSE,
        };
        self.set(number, State::Down(refusal));
        (pause * 2).min(longest)
    }

    fn set(&self, number: usize, state: State) {
        self.states.send_modify(|states| states[number] = state);
        let up = self.states.borrow().iter().filter(|state| matches!(state, State::Up(_))).count();
        #[expect(clippy::cast_precision_loss, reason = "a handful of sessions")]
        metrics::gauge!("otpost_smpp_sessions", "provider" => self.settings.name.clone())
            .set(up as f64);
    }

    /// A place in the session that has the most.
    ///
    /// # Errors
    /// There is none in time; nothing was sent.
    pub(super) async fn place(&self) -> Result<Place, Refusal> {
        let begun = Instant::now();
        let mut news = self.states.subscribe();
        loop {
            let up = match self.most_free() {
                Ok(live) => live,
                Err(refusal) => {
                    let bind_by = begun + PATIENCE_TO_BIND;
                    // Only while a bind is under way there is something to wait for.
                    let is_binding = refusal.is_none();
                    if is_binding && timeout_at(bind_by, news.changed()).await.is_ok() {
                        continue;
                    }
                    return Err(refusal.unwrap_or_else(not_bound_in_time));
                }
            };
            let by = begun + PATIENCE_FOR_PLACE;
            let look_again =
                if self.settings.sessions > 1 { Instant::now() + LOOK_AGAIN } else { by };
            if let Some(place) = up.place(by.min(look_again)).await {
                return Ok(place);
            }
            if Instant::now() >= by {
                return Err(full());
            }
        }
    }

    /// Without one that is up: why, or none while one is being bound.
    fn most_free(&self) -> Result<Arc<Live>, Option<Refusal>> {
        let states = self.states.borrow();
        let up = states.iter().filter_map(|state| match state {
            State::Up(live) if !live.is_leaving() => Some(live),
            _ => None,
        });
        if let Some(live) = up.max_by_key(|live| live.window.available_permits()) {
            return Ok(Arc::clone(live));
        }
        let down = states.iter().map(|state| match state {
            State::Down(refusal) => Some(refusal.clone()),
            State::Binding | State::Up(_) => None,
        });
        Err(down.collect::<Option<Vec<_>>>().and_then(|refusals| refusals.into_iter().next()))
    }
}

impl Live {
    /// A place in this session, if there is one by then and the session is not about to end.
    pub(super) async fn place(self: &Arc<Self>, by: Instant) -> Option<Place> {
        let acquiring = Arc::clone(&self.window).acquire_owned();
        let permit = timeout_at(by, acquiring).await.ok()?.ok()?;
        (!self.is_leaving()).then(|| Place { live: Arc::clone(self), _permit: permit })
    }
}

fn not_bound_in_time() -> Refusal {
    Refusal::transient("not bound within 2 s")
}

/// Waiting helps, and nothing is wrong with the SMSC.
fn full() -> Refusal {
    let words = "no place in the window became free within 2.5 s".to_owned();
    Refusal { class: ErrorClass::Throttled, code: None, words }
}
