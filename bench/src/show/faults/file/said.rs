//! What the command said: its summary against the database, its refused file against the lines that
//! were wrong, and what it had sent against the names of the list.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;

use super::list::List;
use crate::{
    error::{Result, while_doing},
    harness::Child,
    product,
    show::faults::scene::Scene,
};

/// The summary that `--json` prints.
#[derive(Debug, Deserialize)]
struct Summary {
    batch: String,
    rows: usize,
    done: bool,
    accepted: usize,
    repeated: usize,
    refused: usize,
    refused_by_code: BTreeMap<String, usize>,
    states: Option<BTreeMap<String, usize>>,
    failures: Option<String>,
    error: Option<String>,
}

pub(super) struct Said {
    summary: Summary,
    /// Of the refused file, without its header.
    refused: Vec<String>,
}

impl Said {
    pub(super) fn read(child: &Child, file: &Path) -> Result<Self> {
        let words = child.all_words();
        let begins = words.find("{\n").ok_or_else(|| format!("no summary was printed: {words}"))?;
        let summary: Summary = serde_json::from_str(&words[begins..])
            .map_err(while_doing("reading the summary of `otpost send --json`"))?;
        let path = file.with_extension("refused.csv");
        let named = summary.failures.as_deref();
        if named != path.to_str() {
            return Err(format!("the summary names {named:?} as the refused file").into());
        }
        let refused = std::fs::read_to_string(&path).map_err(while_doing("the refused file"))?;
        let refused = refused.lines().skip(1).map(str::to_owned).collect();
        Ok(Self { summary, refused })
    }

    pub(super) fn batch(&self) -> &str {
        &self.summary.batch
    }

    pub(super) async fn check(&self, scene: &mut Scene, list: &List) -> Result<()> {
        self.counts(scene, list);
        self.states(scene).await?;
        self.refused(scene, list);
        names(scene, list);
        Ok(())
    }

    fn counts(&self, scene: &mut Scene, list: &List) {
        let it = &self.summary;
        let mut codes: BTreeMap<String, usize> = BTreeMap::new();
        for wrong in &list.wrong {
            *codes.entry(wrong.code().to_owned()).or_default() += 1;
        }
        let right = (it.rows, it.accepted) == (list.rows, list.people.len())
            && (it.refused, it.repeated) == (list.wrong.len(), 0)
            && it.refused_by_code == codes;
        let seen = format!(
            "{} of {} lines accepted, {} refused: {:?}{}",
            it.accepted,
            it.rows,
            it.refused,
            it.refused_by_code,
            it.error.as_ref().map_or(String::new(), |error| format!("; {error}"))
        );
        let right = right && it.done && it.error.is_none();
        scene.checks.add("wrong lines are refused, and stop nobody else", right, seen);
    }

    /// Nothing moves any more when the command has ended, so both speak of the same moment.
    async fn states(&self, scene: &mut Scene) -> Result<()> {
        let mut states: BTreeMap<String, usize> = BTreeMap::new();
        for row in scene.ledger.bulk().await? {
            *states.entry(row.state).or_default() += 1;
        }
        let said = self.summary.states.as_ref();
        let seen = format!(
            "said {}, so is {states:?}",
            said.map_or("nothing".to_owned(), |it| format!("{it:?}"))
        );
        scene.checks.add("the summary agrees with the database", said == Some(&states), seen);
        Ok(())
    }

    fn refused(&self, scene: &mut Scene, list: &List) {
        let mended: Vec<_> = list.wrong.iter().filter(|wrong| wrong.is_to_be_mended()).collect();
        let pairs = mended.iter().zip(&self.refused);
        let right = pairs.filter(|(wrong, told)| wrong.is_told_by(told)).count();
        let seen = format!(
            "{} lines to be mended, {} in the refused file, {right} of them with their place and reason",
            mended.len(),
            self.refused.len()
        );
        let exactly = right == mended.len() && right == self.refused.len() && right > 0;
        scene.checks.add("the refused file has exactly the lines to be mended", exactly, seen);
    }
}

/// Whoever was sent to was called by the own name.
fn names(scene: &mut Scene, list: &List) {
    let (mut sent, mut strange) = (0, 0);
    for person in &list.people {
        let text = product::TEXT.replace("{name}", &person.name);
        let log = scene.gateway.state.log.of(&person.to);
        sent += usize::from(!log.is_empty());
        strange += log.iter().filter(|seen| seen.text != text).count();
    }
    let seen = format!("{sent} people, {strange} texts that are not theirs");
    scene.checks.add("everybody's text has the own name", strange == 0 && sent > 0, seen);
}
