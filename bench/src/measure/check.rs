//! Checks per second, right and wrong codes mixed, against the bare update rate.

use std::{collections::HashMap, time::Duration};

use super::{
    Effort, Report,
    accept::{accept, warm_up},
    bare::BarePostgres,
    first_of, production,
    row::Row,
    station::Station,
    targets,
    watch::Watch,
};
use crate::{
    error::{Error, Result},
    harness::{Home, Otpost},
    load::{Tally, closed},
    numbers::Numbers,
    product::{self, Chain},
};

/// A verification whose code is known.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) session_token: String,
    pub(crate) code: String,
}

pub(crate) async fn run(otpost: &Otpost, effort: Effort, report: &mut Report) -> Result<()> {
    let station = Station::start().await?;
    let mut home = production(otpost, Chain::Twilio(station.address())).await?;
    let pool = home.pool().await?;
    warm_up(&home, effort).await?;
    let bare = BarePostgres::prepare(&home, &pool).await?;
    let (mut runs, mut watch) = (Vec::new(), Watch::default());
    for round in 0..effort.rounds {
        let known = deliver_known(&mut home, &station, effort, round).await?;
        sqlx::query("CHECKPOINT").execute(&pool).await?;
        let limit = watch.during(bare.updates(effort.time())).await?;
        sqlx::query("CHECKPOINT").execute(&pool).await?;
        let ours = watch.during(checks(&home, effort, &known)).await?;
        note!("check round {}: {ours:.0}/s, bare {limit:.0}/s", round + 1);
        runs.push((ours, limit));
    }
    report.add(Row::against(&targets::CHECK, &runs, &watch));
    report.used("check", home.usages());
    pool.close().await;
    Ok(())
}

/// Checks per second as fast as it goes, a wrong and the right code for each.
pub(crate) async fn checks(home: &Home, effort: Effort, known: &[Known]) -> Result<f64> {
    let client = home.client(0);
    let address = client.address;
    let requests: Vec<Vec<u8>> = mixed(known)
        .into_iter()
        .map(|(token, code)| client.post(product::CHECK, None, &product::check_body(&token, &code)))
        .collect();
    let make = move |number| requests.get(usize::try_from(number).ok()?).cloned();
    let time = Duration::from_mins(10);
    let loaded = closed(address, effort.connections, time, make, |(): &mut (), _, _| {});
    let (tally, ()) = loaded.await?;
    half_and_half(&tally, known.len())?;
    Ok(tally.rate(&[200, 422]))
}

/// Each of so many verifications was guessed wrongly once and rightly once.
pub(crate) fn half_and_half(tally: &Tally, known: usize) -> Result<()> {
    tally.only(&[200, 422])?;
    let (right, wrong) = (tally.of(200), tally.of(422));
    if (right, wrong) == (known as u64, known as u64) {
        return Ok(());
    }
    Err(format!("{right} right and {wrong} wrong guesses of {known} each took effect").into())
}

/// Accepts the effort's count, has a worker deliver it, and reads the codes from the gateway.
pub(crate) async fn deliver_known(
    home: &mut Home,
    station: &Station,
    effort: Effort,
    round: usize,
) -> Result<Vec<Known>> {
    // What an earlier part left waiting goes out first, and does not count.
    station.clear().await?;
    let (tally, tokens) = accept(home, effort, first_of(round), Some(effort.count)).await?;
    tally.only(&[202])?;
    home.start_worker().await?;
    let known = codes_of(station, effort, tokens, Duration::from_mins(5)).await?;
    home.end_workers()?;
    Ok(known)
}

/// Waits until each of these has reached the gateway.
pub(crate) async fn codes_of(
    station: &Station,
    effort: Effort,
    tokens: Vec<(u64, String)>,
    within: Duration,
) -> Result<Vec<Known>> {
    let numbers = Numbers::new(effort.seed);
    let wanted = tokens.len();
    let mut known = Vec::with_capacity(wanted);
    let all = async {
        loop {
            station.wait_for(wanted as u64, within).await?;
            let received = station.received().await?;
            let codes: HashMap<&str, &str> = received
                .iter()
                .filter_map(|seen| Some((seen.to.as_str(), product::code_in(&seen.text)?)))
                .collect();
            known.clear();
            known.extend(tokens.iter().filter_map(|(number, token)| {
                let code = codes.get(numbers.american(*number).as_str())?;
                Some(Known { session_token: token.clone(), code: (*code).to_owned() })
            }));
            if known.len() == wanted {
                return Ok::<_, Error>(());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let late = |_| format!("not all {wanted} codes reached the gateway within {within:?}");
    tokio::time::timeout(within, all).await.map_err(late)??;
    Ok(known)
}

/// Each verification gets a wrong guess and, some thousand requests later, the right one.
pub(crate) fn mixed(known: &[Known]) -> Vec<(String, String)> {
    let apart = 1_000.min(known.len());
    let mut guesses = Vec::with_capacity(known.len() * 2);
    for place in 0..known.len() + apart {
        if let Some(one) = known.get(place) {
            guesses.push((one.session_token.clone(), wrong(&one.code)));
        }
        if let Some(one) = place.checked_sub(apart).and_then(|place| known.get(place)) {
            guesses.push((one.session_token.clone(), one.code.clone()));
        }
    }
    guesses
}

/// The code with its last digit changed.
fn wrong(code: &str) -> String {
    let (rest, last) = code.split_at(code.len() - 1);
    format!("{rest}{}", if last == "0" { "1" } else { "0" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_guess_comes_before_the_right_one() {
        let known: Vec<Known> = (0..3)
            .map(|n| Known { session_token: n.to_string(), code: format!("00000{n}") })
            .collect();
        let guesses = mixed(&known);
        assert_eq!(guesses.len(), 6);
        let place = |code: &str| guesses.iter().position(|(token, it)| token == "0" && it == code);
        assert!(place("000001") < place("000000"));
    }
}
