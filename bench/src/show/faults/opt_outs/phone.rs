//! STOP and START from a phone, while the text to that phone waits, is about to be tried elsewhere,
//! or is offered once more.

use std::time::{Duration, Instant};

use super::{Campaign, OptOut, call};
use crate::{
    error::{Result, while_doing},
    gateway::{Answer, Phones, Rule, now_ms},
    product,
    show::{
        faults::{row::Span, scene::Scene, trouble::FIRST},
        invariants::Evidence,
    },
};

const PAUSE: Duration = Duration::from_millis(50);
const SECOND: Duration = Duration::from_secs(1);
/// How many people's first provider refuses slowly, and how long it takes for that.
const SLOW: Span = Span(16, 6);
const SLOW_MS: u64 = 1_800;
/// It cannot send from this sender, and says nothing about the recipient: others may.
const NO_ROUTE: u32 = 21_612;
/// Of so many who stop, one starts again, after so long.
const RETURNING: usize = 4;
const AWAY_MS: i64 = 2_000;

/// What texts that were offered to people who had just stopped were answered with.
#[derive(Default)]
struct Offered {
    refused: usize,
    otherwise: usize,
    /// From the answer to STOP to that of the offer.
    slowest: Duration,
    /// Offers to those who had started again, and how many of them were taken.
    again: usize,
    taken: usize,
}

/// A campaign, and those who stop it.
struct Stops {
    phones: Phones,
    campaign: Campaign,
    offered: Offered,
}

pub(super) async fn stop(scene: &mut Scene) -> Result<()> {
    let phones = Phones::new(address(scene)?, &scene.gateway.state.twilio.auth_token);
    let mut campaign = Campaign::new(scene);
    let slow = usize::try_from(scene.options.pick(SLOW))?;
    let step = (campaign.recipients.len() / slow).max(1);
    campaign.slow = campaign.recipients.iter().step_by(step).take(slow).cloned().collect();
    let refuse = |to: &String| {
        let answer = Answer::Error { code: NO_ROUTE, status: None };
        Rule::new(FIRST, answer).only(to).delay_ms(SLOW_MS)
    };
    scene.answer(campaign.slow.iter().map(refuse).collect());
    campaign.send(scene).await?;
    let mut stops = Stops { phones, campaign, offered: Offered::default() };
    stops.forged(scene).await?;
    scene.begin_phase("stops");
    while scene.elapsed() + 2 * SECOND < scene.time {
        stops.who_waits(scene).await?;
        stops.who_is_refused(scene).await?;
        stops.who_returns(scene).await?;
        tokio::time::sleep(PAUSE).await;
    }
    scene.end_phase();
    stops.offered.check(scene);
    scene.campaign = stops.campaign;
    scene.healed();
    Ok(())
}

/// As an operator learns it, to enter it in the provider's console.
fn address(scene: &Scene) -> Result<String> {
    let mut doctor = scene.home.command_of_api("doctor")?;
    let told = doctor.args(["--json", "--show-addresses"]).output()?;
    let told = serde_json::from_slice(&told.stdout)
        .map_err(while_doing("reading what `otpost doctor --json` printed"))?;
    let found = product::reply_address(&told, "twilio");
    Ok(found.ok_or_else(|| format!("doctor names no address for replies to twilio: {told}"))?)
}

impl Stops {
    /// Somebody else's signature, for one who then gets the text as the others do.
    async fn forged(&mut self, scene: &mut Scene) -> Result<()> {
        let to = self.campaign.recipients.last().ok_or("nobody is in the campaign")?;
        let status = self.phones.forge(to, "STOP").await?;
        let page = scene.home.client(1);
        let request = page.get(&product::suppressions_path(to));
        let listed = page.call(&request, super::PATIENCE).await?.json();
        let none = listed["suppressions"].as_array().is_some_and(Vec::is_empty);
        let seen = format!("{status}, then listed: {}", listed["suppressions"]);
        scene.checks.add("a forged STOP changes nothing", status == 401 && none, seen);
        Ok(())
    }

    /// Anybody, whose text may be waiting.
    async fn who_waits(&mut self, scene: &mut Scene) -> Result<()> {
        let Some(to) = self.campaign.draw(scene) else { return Ok(()) };
        let spoken_for = self.campaign.slow.contains(&to)
            || self.campaign.recipients.last().is_some_and(|last| *last == to);
        if spoken_for { Ok(()) } else { self.stop(scene, &to).await }
    }

    /// Every second one whose first provider is about to refuse.
    async fn who_is_refused(&mut self, scene: &mut Scene) -> Result<()> {
        let log = std::sync::Arc::clone(&scene.gateway.state);
        let asked = |to: &&String| log.log.of(to).len() == 1;
        let every_second = self.campaign.slow.iter().step_by(2);
        let open = every_second.filter(|to| !self.campaign.is_out(to));
        let now: Vec<String> = open.filter(asked).cloned().collect();
        for to in now {
            self.stop(scene, &to).await?;
        }
        Ok(())
    }

    /// STOP, and at once another text by another process.
    async fn stop(&mut self, scene: &mut Scene, to: &str) -> Result<()> {
        self.write(to, "STOP").await?;
        let answered = Instant::now();
        self.campaign.opt_outs.push(OptOut::of(scene, to));
        let offer = call(scene, 1, product::MESSAGES, &product::message_body(to)).await?;
        let is_refused = offer.status == 403 && product::refusal(&offer) == product::SUPPRESSED;
        self.offered.refused += usize::from(is_refused);
        self.offered.otherwise += usize::from(!is_refused);
        self.offered.slowest = self.offered.slowest.max(answered.elapsed());
        Ok(())
    }

    /// START, and a text that is welcome again.
    async fn who_returns(&mut self, scene: &mut Scene) -> Result<()> {
        let now = now_ms();
        let every = self.campaign.opt_outs.iter().enumerate().step_by(RETURNING);
        let mut due = every.filter(|(_, out)| out.until.is_none() && out.at + AWAY_MS < now);
        let Some((place, to)) = due.next().map(|(place, out)| (place, out.to.clone())) else {
            return Ok(());
        };
        self.campaign.opt_outs[place].until = Some(now);
        self.write(&to, "Start").await?;
        let offer = call(scene, 1, product::MESSAGES, &product::message_body(&to)).await?;
        self.offered.again += 1;
        self.offered.taken += usize::from(offer.status == 202);
        Ok(())
    }

    async fn write(&self, from: &str, text: &str) -> Result<()> {
        match self.phones.write(from, text).await? {
            200 => Ok(()),
            status => Err(format!("{text} from a phone was answered with {status}").into()),
        }
    }
}

impl Offered {
    fn check(&self, scene: &mut Scene) {
        let Self { refused, otherwise, slowest, again, taken } = self;
        let seen = format!(
            "{refused} refused, {otherwise} otherwise, {slowest:.1?} after the STOP at the most"
        );
        let in_time = *slowest <= SECOND;
        scene.checks.add("the next text is refused", *refused > 0 && *otherwise == 0, seen.clone());
        scene.add_timed("within a second of the STOP", in_time, seen);
        let seen = format!("{taken} of {again} texts accepted");
        scene.checks.add("after START a text is accepted", *again > 0 && taken == again, seen);
    }
}

pub(super) fn judge(scene: &mut Scene, evidence: &Evidence) {
    super::judge(scene, evidence);
    waiting(scene);
    under_way(scene);
    back_again(scene);
}

/// Of those whose text waited when they stopped, nobody got anything later.
fn waiting(scene: &mut Scene) {
    let log = &scene.gateway.state.log;
    let waited = scene.campaign.opt_outs.iter().filter(|out| out.before == 0);
    let (mut waiting, mut sent) = (0, 0);
    for out in waited {
        waiting += 1;
        sent += log.of(&out.to).iter().filter(|seen| out.forbids(seen)).count();
    }
    let seen = format!("{waiting} texts waited when their STOP came, {sent} of them sent after");
    scene.checks.add("what waited is not sent", waiting > 0 && sent == 0, seen);
}

/// Those whose first provider was about to refuse: the second is asked for the others only.
fn under_way(scene: &mut Scene) {
    let (log, campaign) = (&scene.gateway.state.log, &scene.campaign);
    let (mut stopped, mut went_on, mut others, mut had) = (0, 0, 0, 0);
    for to in &campaign.slow {
        let by_second = log.of(to).iter().filter(|seen| seen.provider == "vonage").count();
        match campaign.opt_outs.iter().find(|out| out.to == *to) {
            // Whoever started again may be sent the campaign all the same.
            Some(out) if out.until.is_some() => {}
            Some(_) => (stopped, went_on) = (stopped + 1, went_on + by_second),
            None => (others, had) = (others + 1, had + by_second),
        }
    }
    let seen = format!(
        "{stopped} stopped, {went_on} of them asked of the second provider; {had} of {others} others"
    );
    let good = stopped > 0 && went_on == 0 && others > 0 && had == others;
    scene.checks.add("a fallback under way does not go on", good, seen);
}

/// What was accepted after START was sent.
fn back_again(scene: &mut Scene) {
    let log = &scene.gateway.state.log;
    let returned = scene.campaign.opt_outs.iter().filter(|out| out.until.is_some());
    let (mut returned_all, mut had) = (0, 0);
    for out in returned {
        returned_all += 1;
        let offers = log.of(&out.to);
        let offers = offers.iter().filter(|seen| seen.accepted && seen.text == product::OFFER);
        had += usize::from(offers.count() == 1);
    }
    let seen = format!("{returned_all} started again, {had} of them got the next text once");
    scene.checks.add("START undoes it", returned_all > 0 && had == returned_all, seen);
}
