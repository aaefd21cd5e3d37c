//! The row of chance: three troubles of different kinds at seeded moments, so that they overlap.

use std::time::Duration;

use super::{
    row::{Act, Answers, ROW, Row, Span},
    scene::Scene,
    trouble::Trouble,
};
use crate::{error::Result, numbers::Dice};

pub(super) const ROWS: &[Row] = &[Row {
    name: "random",
    breaks: "three faults at a time, at moments that the seed decides",
    promises: &[1, 2, 3, 4, 5, 6],
    seconds: Span(36, 20),
    // An API may be among the killed.
    answers: Answers::Cut,
    act: Act::Harm(|scene| Box::pin(three(scene))),
    ..ROW
}];

/// When, in milliseconds, whether it begins or ends, and what.
type Event = (u64, bool, Trouble);

async fn three(scene: &mut Scene) -> Result<()> {
    let longest = scene.options.pick(Span(14_000, 6_000));
    let (chosen, events) = draw(&mut scene.dice, longest);
    let words = chosen.map(|(trouble, from, to)| {
        format!("{trouble:?} from {:.1} to {:.1} s", from as f64 / 1e3, to as f64 / 1e3)
    });
    let seen = format!("seed {}: {}", scene.options.seed, words.join(", "));
    scene.checks.add("three faults were made", true, seen);
    for (moment, begins, trouble) in events {
        scene.until(Duration::from_millis(moment)).await;
        if begins {
            trouble.begin(scene).await?;
        } else {
            trouble.end(scene).await?;
        }
    }
    scene.healed();
    Ok(())
}

/// Three troubles of different kinds, and their beginnings and ends in order.
fn draw(dice: &mut Dice, longest: u64) -> ([(Trouble, u64, u64); 3], Vec<Event>) {
    let mut chosen: Vec<(Trouble, u64, u64)> = Vec::new();
    while chosen.len() < 3 {
        let place = usize::try_from(dice.below(Trouble::ALL.len() as u64)).unwrap_or(0);
        let trouble = Trouble::ALL[place];
        if chosen.iter().all(|(other, ..)| other.kind() != trouble.kind()) {
            let from = 2_000 + dice.below(longest / 2);
            chosen.push((trouble, from, from + 1_000 + dice.below(longest)));
        }
    }
    let mut events: Vec<Event> = chosen
        .iter()
        .flat_map(|(trouble, from, to)| [(*from, true, *trouble), (*to, false, *trouble)])
        .collect();
    events.sort_by_key(|(moment, ..)| *moment);
    ([chosen[0], chosen[1], chosen[2]], events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides_and_every_trouble_ends_after_it_began() {
        for seed in 0..200 {
            let (chosen, events) = draw(&mut Dice::new(seed), 6_000);
            assert_eq!(events, draw(&mut Dice::new(seed), 6_000).1);
            assert_eq!(events.len(), 6);
            let kinds = chosen.map(|(trouble, ..)| trouble.kind());
            assert!(kinds[0] != kinds[1] && kinds[1] != kinds[2] && kinds[0] != kinds[2]);
            for (trouble, ..) in chosen {
                let begins = events.iter().position(|it| it.1 && it.2 == trouble);
                let ends = events.iter().position(|it| !it.1 && it.2 == trouble);
                assert!(begins < ends);
            }
        }
    }
}
