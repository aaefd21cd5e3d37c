//! Accept and check on top of ten million verifications against the same on top of ten thousand:
//! two databases in one server, each with an API of its own, in turn.

use super::{
    Effort, Report,
    accept::{accepts, warm_up},
    check::{checks, deliver_known},
    first_of, footprint, grown, production,
    row::Row,
    station::Station,
    targets,
    watch::Watch,
};
use crate::{
    error::Result,
    harness::{Home, Otpost},
    product::{self, Chain, Filling},
};

const SMALL: u64 = 10_000;
const BIG: u64 = 10_000_000;

/// Rates of one kind: grown, then small, of each round.
type Pairs = Vec<(f64, f64)>;

pub(crate) async fn run(otpost: &Otpost, effort: Effort, report: &mut Report) -> Result<()> {
    let station = Station::start().await?;
    let mut small = production(otpost, Chain::Twilio(station.address())).await?;
    // Dropped before the home whose Postgres it uses.
    let mut big = small.beside("grown").await?;
    let rows = effort.rows.unwrap_or(BIG);
    for home in [&mut small, &mut big] {
        warm_up(home, effort).await?;
        grown::patterns(home, &station, effort).await?;
    }
    grown::grow(&mut small, Some(&mut big), Filling::grown(rows)).await?;
    let (mut accepted, mut checked) = (Pairs::new(), Pairs::new());
    let (mut accepting, mut checking) = (Watch::default(), Watch::default());
    for round in 0..effort.rounds {
        grown::grow(&mut small, None, Filling::grown(SMALL)).await?;
        let both = [&mut small, &mut big];
        let mut rates = [Rates::default(); 2];
        // The first one has caches to warm: by turns.
        for which in [round % 2, 1 - round % 2] {
            let home = &mut *both[which];
            rates[which] =
                measure(home, &station, effort, round, (&mut accepting, &mut checking)).await?;
        }
        let [few, many] = rates;
        note!(
            "growth round {}: accept {:.0}/s, small {:.0}/s; check {:.0}/s, small {:.0}/s",
            round + 1,
            many.accepted,
            few.accepted,
            many.checked,
            few.checked
        );
        accepted.push((many.accepted, few.accepted));
        checked.push((many.checked, few.checked));
    }
    report.add(Row::against(&targets::GROWTH_ACCEPT, &accepted, &accepting));
    report.add(Row::against(&targets::GROWTH_CHECK, &checked, &checking));
    let pool = big.pool().await?;
    footprint::without_page_images(&pool).await?;
    let mut log = Vec::new();
    for round in 0..effort.rounds {
        let first = first_of(effort.rounds * 2 + round);
        let (bytes, _) = footprint::one(&mut big, &station, &pool, effort, first).await?;
        log.push(bytes);
    }
    report.add(Row::alone(&targets::GROWTH_LOG, &log, &Watch::default()));
    report.used("growth", small.usages());
    report.used("growth, grown", big.usages());
    pool.close().await;
    Ok(())
}

#[derive(Clone, Copy, Default)]
struct Rates {
    accepted: f64,
    checked: f64,
}

async fn measure(
    home: &mut Home,
    station: &Station,
    effort: Effort,
    round: usize,
    (accepting, checking): (&mut Watch, &mut Watch),
) -> Result<Rates> {
    let pool = home.pool().await?;
    let known = deliver_known(home, station, effort, round * 2).await?;
    sqlx::query("CHECKPOINT").execute(&pool).await?;
    let checked = checking.during(checks(home, effort, &known)).await?;
    let accepted = accepting.during(accepts(home, &pool, effort, round * 2 + 1)).await?;
    product::cancel_waiting(&pool).await?;
    pool.close().await;
    Ok(Rates { accepted, checked })
}
