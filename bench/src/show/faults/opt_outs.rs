//! Rows about people who opt out while a campaign is on its way to them: by the tenant's own call,
//! and by a STOP from their phone.
//!
//! * [`phone`]: STOP and START, as a provider brings them

mod phone;

use std::time::Duration;

use super::{
    row::{Act, Judge, Options, ROW, Row, Span},
    scene::{Scene, Staging},
};
use crate::{
    error::Result,
    gateway::{Seen, in_ms, now_ms},
    harness::Wiring,
    http::Answer,
    numbers::Numbers,
    product,
    show::invariants::Evidence,
};

/// Nothing starts later after the commit of an opt-out.
const GRACE_MS: i64 = 1_000;
/// Far from the numbers of the people.
const FIRST: u64 = 400_000_000;
const PATIENCE: Duration = Duration::from_secs(20);
/// Recipients of one call.
const MOST: usize = 10_000;

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "opt-outs",
        breaks: "recipients of a campaign opt out while it is being sent, dozens a second",
        expects: "nothing starts later than a second after an opt-out was answered; the others get theirs",
        promises: &[5],
        seconds: Span(30, 10),
        staging: |options| Staging { bulk: 0, ..Staging::usual(options) },
        act: Act::Harm(|scene| Box::pin(opt_out(scene))),
        judge: Judge::Look(judge),
        ..ROW
    },
    Row {
        name: "stop-from-a-phone",
        breaks: "recipients of a campaign write STOP, which Twilio brings in signed calls, and some of \
                 them START; among them people whose first provider refuses slowly",
        expects: "the next text is refused, what waits is not sent, a fallback under way does not go \
                  on; START undoes it; a forged STOP changes nothing",
        promises: &[5],
        seconds: Span(30, 12),
        staging: reachable,
        act: Act::Harm(|scene| Box::pin(phone::stop(scene))),
        judge: Judge::Look(phone::judge),
        ..ROW
    },
];

/// One API is told, and the other one asked.
fn reachable(options: Options) -> Staging {
    let usual = Staging::usual(options);
    Staging { apis: 2, bulk: 0, wiring: Wiring { reports: true, ..usual.wiring }, ..usual }
}

/// A text to many.
#[derive(Debug, Default)]
pub(crate) struct Campaign {
    recipients: Vec<String>,
    opt_outs: Vec<OptOut>,
    /// Those whose first provider refuses slowly.
    slow: Vec<String>,
}

/// Somebody who is not to be sent to since, in Unix milliseconds.
#[derive(Clone, Debug)]
struct OptOut {
    to: String,
    at: i64,
    /// When it was taken back.
    until: Option<i64>,
    /// What the gateway had got for them by then.
    before: usize,
}

impl OptOut {
    fn of(scene: &Scene, to: &str) -> Self {
        let before = scene.gateway.state.log.of(to).len();
        Self { to: to.to_owned(), at: now_ms(), until: None, before }
    }

    /// Whether this began too late.
    fn forbids(&self, seen: &Seen) -> bool {
        (self.at + GRACE_MS..self.until.unwrap_or(i64::MAX)).contains(&in_ms(seen.at_us))
    }
}

impl Campaign {
    /// To as many as are sent to while people come.
    fn new(scene: &Scene) -> Self {
        let places = Staging::usual(scene.options).bulk / 10 * scene.staging.workers;
        let rounds = scene.time.as_millis() / u128::from(scene.staging.delay_ms.max(1));
        let size = (places * usize::try_from(rounds).unwrap_or(1)).min(MOST);
        let numbers = Numbers::new(scene.options.seed);
        let recipients = (FIRST..).take(size).map(|number| numbers.american(number)).collect();
        Self { recipients, ..Self::default() }
    }

    async fn send(&self, scene: &Scene) -> Result<()> {
        let body = product::batch_body(&self.recipients);
        match call(scene, 0, product::BATCH, &body).await?.status {
            200 => Ok(()),
            status => Err(format!("the campaign was answered with {status}").into()),
        }
    }

    /// Anybody of it who has not opted out yet.
    fn draw(&self, scene: &mut Scene) -> Option<String> {
        let place = scene.dice.below(self.recipients.len() as u64);
        let to = self.recipients.get(usize::try_from(place).ok()?)?;
        (!self.is_out(to)).then(|| to.clone())
    }

    fn is_out(&self, to: &str) -> bool {
        self.opt_outs.iter().any(|known| known.to == to)
    }
}

/// A POST to one of the APIs.
async fn call(scene: &Scene, which: usize, path: &str, body: &str) -> Result<Answer> {
    let client = scene.home.client(which);
    client.call(&client.post(path, None, body), PATIENCE).await
}

async fn opt_out(scene: &mut Scene) -> Result<()> {
    let mut campaign = Campaign::new(scene);
    campaign.send(scene).await?;
    scene.begin_phase("opt-outs");
    while scene.elapsed() + Duration::from_secs(2) < scene.time {
        if let Some(to) = campaign.draw(scene) {
            let answer = call(scene, 0, product::SUPPRESSIONS, &product::create_body(&to)).await?;
            if answer.status != 201 {
                return Err(format!("an opt-out was answered with {}", answer.status).into());
            }
            campaign.opt_outs.push(OptOut::of(scene, &to));
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    scene.end_phase();
    scene.campaign = campaign;
    scene.healed();
    Ok(())
}

fn judge(scene: &mut Scene, _: &Evidence) {
    let (log, campaign) = (&scene.gateway.state.log, &scene.campaign);
    let (mut late, mut spared) = (0, 0);
    for out in &campaign.opt_outs {
        let seen = log.of(&out.to);
        late += seen.iter().filter(|seen| out.forbids(seen)).count();
        spared += usize::from(seen.is_empty());
    }
    let others = campaign.recipients.iter().filter(|to| !campaign.is_out(to));
    let copies = |to: &String| log.of(to).iter().filter(|seen| seen.accepted).count();
    let copies: Vec<usize> = others.map(copies).collect();
    let missing = copies.iter().filter(|copies| **copies != 1).count();
    let seen = format!("{} opted out, {spared} were spared, {late} late", campaign.opt_outs.len());
    scene.checks.add("nothing starts a second after an opt-out", late == 0 && spared > 0, seen);
    let seen = format!("{} others, {missing} of them not once", copies.len());
    scene.checks.add("the others get theirs", missing == 0, seen);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opt_out_counts_from_a_second_after_it_until_it_is_taken_back() {
        let at = |ms: u64| Seen {
            number: 1,
            at_us: ms * 1_000,
            provider: "twilio".into(),
            to: String::new(),
            text: String::new(),
            accepted: true,
        };
        let mut out = OptOut { to: String::new(), at: 5_000, until: None, before: 0 };
        assert!(!out.forbids(&at(4_000)) && !out.forbids(&at(5_999)));
        assert!(out.forbids(&at(6_000)) && out.forbids(&at(60_000)));
        out.until = Some(8_000);
        assert!(out.forbids(&at(7_999)) && !out.forbids(&at(8_000)));
    }
}
