//! The row about people who opt out while a campaign is on its way to them.

use std::time::Duration;

use super::{
    row::{Act, Judge, ROW, Row, Span},
    scene::{OptOut, Scene, Staging},
};
use crate::{
    error::Result,
    gateway::{in_ms, now_ms},
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

pub(super) const ROWS: &[Row] = &[Row {
    name: "opt-outs",
    breaks: "recipients of a campaign opt out while it is being sent, dozens a second",
    expects: "nothing starts later than a second after an opt-out was answered; the others get theirs",
    promises: &[5],
    seconds: Span(30, 10),
    staging: |options| Staging { bulk: 0, ..Staging::usual(options) },
    act: Act::Harm(|scene| Box::pin(opt_out(scene))),
    judge: Judge::Look(judge),
    ..ROW
}];

/// As many as are sent while people come.
fn size(scene: &Scene) -> usize {
    let places = Staging::usual(scene.options).bulk / 10 * scene.staging.workers;
    let rounds = scene.time.as_millis() / u128::from(scene.staging.delay_ms.max(1));
    (places * usize::try_from(rounds).unwrap_or(1)).min(MOST)
}

async fn opt_out(scene: &mut Scene) -> Result<()> {
    let (numbers, client) = (Numbers::new(scene.options.seed), scene.home.client(0));
    let size = size(scene);
    let campaign: Vec<String> =
        (FIRST..).take(size).map(|number| numbers.american(number)).collect();
    let request = client.post(product::BATCH, None, &product::batch_body(&campaign));
    let answer = client.call(&request, PATIENCE).await?;
    if answer.status != 200 {
        return Err(format!("the campaign was answered with {}", answer.status).into());
    }
    scene.begin_phase("opt-outs");
    while scene.elapsed() + Duration::from_secs(2) < scene.time {
        let to = &campaign[usize::try_from(scene.dice.below(size as u64)).unwrap_or(0)];
        if scene.opt_outs.iter().all(|known| known.to != *to) {
            let request = client.post(product::SUPPRESSIONS, None, &product::create_body(to));
            let answer = client.call(&request, PATIENCE).await?;
            if answer.status != 201 {
                return Err(format!("an opt-out was answered with {}", answer.status).into());
            }
            scene.opt_outs.push(OptOut { to: to.clone(), at: now_ms() });
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    scene.end_phase();
    scene.campaign = campaign;
    scene.healed();
    Ok(())
}

fn judge(scene: &mut Scene, _: &Evidence) {
    let log = &scene.gateway.state.log;
    let (mut late, mut spared) = (0, 0);
    for OptOut { to, at } in &scene.opt_outs {
        let seen = log.of(to);
        late += seen.iter().filter(|seen| in_ms(seen.at_us) > at + GRACE_MS).count();
        spared += usize::from(seen.is_empty());
    }
    let is_out = |to: &String| scene.opt_outs.iter().any(|known| known.to == *to);
    let others: Vec<&String> = scene.campaign.iter().filter(|to| !is_out(to)).collect();
    let missing = others.iter().filter(|to| log.of(to).len() != 1).count();
    let seen = format!("{} opted out, {spared} were spared, {late} late", scene.opt_outs.len());
    scene.checks.add("nothing starts a second after an opt-out", late == 0 && spared > 0, seen);
    let seen = format!("{} others, {missing} of them not once", others.len());
    scene.checks.add("the others get theirs", missing == 0, seen);
}
