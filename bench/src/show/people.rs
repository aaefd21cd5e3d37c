//! Simulated people: each asks for a code, reads it from the gateway's log, and types it, most
//! of them rightly, some wrongly, some never. Their programs retry as good clients should:
//! with the same idempotency key, and as late as `Retry-After` asks.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::watch, task::JoinSet};

use crate::{
    error::Result,
    gateway::{State, now_ms, now_us},
    http::{Answer, Client},
    load::{Pace, on_schedule},
    numbers::{Dice, Numbers},
    product::{self, Accepted},
};

/// How long one answer is awaited, and how long a client goes on asking.
const PATIENCE: Duration = Duration::from_secs(6);
const PERSISTENCE: Duration = Duration::from_secs(90);
/// Nobody comes after that, even if never told to stop.
const LONGEST: Duration = Duration::from_hours(12);
/// How long a person looks at the phone.
const READING: Duration = Duration::from_secs(45);

/// One answer to a request; status 0 is none at all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    /// When it was sent, in Unix milliseconds.
    pub(crate) at: i64,
    pub(crate) status: u16,
    pub(crate) has_retry_after: bool,
    pub(crate) took: Duration,
}

impl Told {
    /// Of a request whose answer has just come, or will not come any more.
    pub(crate) fn of(answer: Option<&Answer>, took: Duration) -> Self {
        Self {
            at: now_ms() - i64::try_from(took.as_millis()).unwrap_or(0),
            status: answer.map_or(0, |answer| answer.status),
            has_retry_after: answer.is_some_and(|answer| answer.retry_after.is_some()),
            took,
        }
    }
}

/// What became of one person, as the person saw it.
#[derive(Debug, Default)]
pub(crate) struct Story {
    pub(crate) to: String,
    /// Every different id that was answered to this person's one idempotency key.
    pub(crate) ids: Vec<String>,
    pub(crate) told: Vec<Told>,
    /// When the first `202` came, in microseconds of the Unix clock; 0 if none did.
    pub(crate) accepted_us: u64,
    /// The answers to checks.
    pub(crate) checked: Vec<Told>,
    /// Checks answered with 200 or 422: they took effect.
    pub(crate) effects: i32,
    pub(crate) successes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mind {
    Right,
    WrongThenRight(u64),
    AllWrong,
    /// Presses the button twice.
    Twice,
    Never,
}

impl Mind {
    fn draw(dice: &mut Dice) -> Self {
        match dice.below(100) {
            0..70 => Self::Right,
            70..84 => Self::WrongThenRight(1 + dice.below(3)),
            84..89 => Self::AllWrong,
            89..93 => Self::Twice,
            _ => Self::Never,
        }
    }
}

/// Who comes, how often, and to whom.
#[derive(Clone, Debug)]
pub(crate) struct Crowd {
    pub(crate) clients: Vec<Client>,
    pub(crate) gateway: Arc<State>,
    /// People per second.
    pub(crate) rate: u32,
    pub(crate) seed: u64,
    /// Another purpose than the default one.
    pub(crate) purpose: Option<&'static str>,
}

impl Crowd {
    /// One person after the other, on schedule, until told to stop and all have ended.
    pub(crate) async fn come(self, mut stop: watch::Receiver<bool>) -> Result<Vec<Story>> {
        let (numbers, mut dice) = (Numbers::new(self.seed), Dice::new(self.seed));
        let mut schedule = on_schedule(Pace { rate: self.rate, time: LONGEST });
        let mut running = JoinSet::new();
        let mut stories = Vec::new();
        loop {
            let due = tokio::select! {
                due = schedule.recv() => due,
                _ = stop.wait_for(|stop| *stop) => None,
            };
            let Some((number, _)) = due else { break };
            let person = self.person(number, &mut dice);
            let story = Story { to: numbers.american(number), ..Story::default() };
            running.spawn(person.live(story));
            while let Some(ended) = running.try_join_next() {
                stories.push(ended?);
            }
        }
        while let Some(ended) = running.join_next().await {
            stories.push(ended?);
        }
        Ok(stories)
    }

    fn person(&self, number: u64, dice: &mut Dice) -> Person {
        let which = usize::try_from(number).unwrap_or(0) % self.clients.len();
        Person {
            client: self.clients[which].clone(),
            gateway: Arc::clone(&self.gateway),
            key: format!("person-{}-{number}", self.seed),
            purpose: self.purpose.unwrap_or("default"),
            mind: Mind::draw(dice),
            repeats: dice.below(50) == 0,
        }
    }
}

struct Person {
    client: Client,
    gateway: Arc<State>,
    key: String,
    purpose: &'static str,
    mind: Mind,
    /// Sends the accepted request once more, as a client does whose first answer got lost.
    repeats: bool,
}

impl Person {
    async fn live(self, mut story: Story) -> Story {
        let Some(accepted) = self.ask_for_code(&mut story).await else {
            return story;
        };
        if self.repeats {
            self.ask_for_code(&mut story).await;
        }
        if self.mind == Mind::Never {
            return story;
        }
        if let Some(code) = self.read_code(&story.to).await {
            self.type_code(&mut story, &accepted, &code).await;
        }
        story
    }

    async fn ask_for_code(&self, story: &mut Story) -> Option<Accepted> {
        let body = product::create_body_for(&story.to, self.purpose);
        let request = self.client.post(product::START, Some(&self.key), &body);
        let began = Instant::now();
        while began.elapsed() < PERSISTENCE {
            let sent = Instant::now();
            let answer = self.client.call(&request, PATIENCE).await;
            story.told.push(Told::of(answer.as_ref().ok(), sent.elapsed()));
            if let Some(accepted) = answer.as_ref().ok().and_then(|it| Accepted::read(it).ok()) {
                if story.accepted_us == 0 {
                    story.accepted_us = now_us();
                }
                if !story.ids.contains(&accepted.id) {
                    story.ids.push(accepted.id.clone());
                }
                return Some(accepted);
            }
            tokio::time::sleep(pause(answer.as_ref().ok())).await;
        }
        None
    }

    async fn read_code(&self, to: &str) -> Option<String> {
        let began = Instant::now();
        while began.elapsed() < READING {
            let log = self.gateway.log.of(to);
            let arrived = log.iter().find(|seen| seen.accepted);
            if let Some(code) = arrived.and_then(|seen| product::code_in(&seen.text)) {
                return Some(code.to_owned());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        None
    }

    async fn type_code(&self, story: &mut Story, accepted: &Accepted, code: &str) {
        let wrong = match self.mind {
            Mind::WrongThenRight(times) => times,
            Mind::AllWrong => 7,
            Mind::Right | Mind::Twice | Mind::Never => 0,
        };
        for step in 1..=wrong {
            let typed = other_than(code, step);
            self.guess(story, accepted, &typed).await;
        }
        match self.mind {
            Mind::AllWrong | Mind::Never => {}
            Mind::Right | Mind::WrongThenRight(_) => self.guess(story, accepted, code).await,
            Mind::Twice => {
                let mut second = Story::default();
                tokio::join!(
                    self.guess(story, accepted, code),
                    self.guess(&mut second, accepted, code)
                );
                story.checked.append(&mut second.checked);
                story.effects += second.effects;
                story.successes += second.successes;
            }
        }
    }

    /// One guess, repeated while the server says it cannot look at it.
    async fn guess(&self, story: &mut Story, accepted: &Accepted, code: &str) {
        let body = product::check_body(&accepted.session_token, code);
        let request = self.client.post(product::CHECK, None, &body);
        let began = Instant::now();
        while began.elapsed() < PERSISTENCE {
            let sent = Instant::now();
            let answer = self.client.call(&request, PATIENCE).await;
            story.checked.push(Told::of(answer.as_ref().ok(), sent.elapsed()));
            match answer.as_ref().map(|answer| answer.status) {
                Ok(200) => {
                    story.effects += 1;
                    story.successes += 1;
                    return;
                }
                Ok(422) => {
                    story.effects += 1;
                    return;
                }
                Ok(404 | 409 | 410 | 423) => return,
                _ => tokio::time::sleep(pause(answer.as_ref().ok())).await,
            }
        }
    }
}

/// As long as the server asks, within reason; half a second if it says nothing.
pub(super) fn pause(answer: Option<&Answer>) -> Duration {
    let asked = answer.and_then(|answer| answer.retry_after.as_ref()?.parse().ok());
    asked.map_or(Duration::from_millis(500), |seconds: u64| Duration::from_secs(seconds.min(3)))
}

fn other_than(code: &str, step: u64) -> String {
    let (length, number): (usize, u64) = (code.len(), code.parse().unwrap_or(0));
    let all = 10_u64.pow(u32::try_from(length).unwrap_or(6));
    format!("{:0length$}", (number + step) % all)
}
