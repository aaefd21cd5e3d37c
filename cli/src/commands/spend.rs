//! `otpost spend`: what was spent, summed by the days on which messages ended.

use std::{collections::BTreeMap, ops::AddAssign, path::Path, process::ExitCode};

use otpost_shared::{
    Home,
    db::{DbError, patiently},
    price::{Currency, Price},
    spend::{self, Place, Spent},
    tenant,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::PATIENCE;
use crate::{
    args::{SpendBy, SpendOptions},
    output::{Done, moment, print_json, say},
};

/// Messages read at once.
const PAGE: i64 = 1_000;

const DAY_MS: i64 = 86_400_000;

pub async fn run(config: Option<&Path>, options: SpendOptions) -> Done {
    let home = super::open_ready(config).await?;
    let until = home.clock.now() + 1;
    let since = until - options.since_ms;
    let sums = Sums::read(&home, options.by, since, until).await?;
    if options.print.json {
        let rows = sums.rows.iter().map(|(key, sum)| key.view(options.by, sum));
        let totals = sums.totals().into_iter().map(|(currency, sum)| sum.view(currency));
        print_json(&json!({
            "since": moment(since),
            "until": moment(until),
            "rows": rows.collect::<Vec<_>>(),
            "totals": totals.collect::<Vec<_>>(),
        }));
    } else if sums.rows.is_empty() {
        say!("In that time no message ended for which a provider was asked at a cost.");
    } else {
        say!("day         {:16}  attempts  segments  cost", options.by.name());
        for (Key { day, group, currency }, sum) in &sums.rows {
            let (day, cost) = (date(*day), sum.cost(*currency));
            say!("{day}  {group:16}  {:8}  {:8}  {cost}", sum.attempts, sum.segments);
        }
        for (currency, sum) in sums.totals() {
            let (label, cost) = ("together", sum.cost(currency));
            say!("{label:28}  {:8}  {:8}  {cost}", sum.attempts, sum.segments);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// As `2026-11-29`.
fn date(day: i64) -> String {
    let mut text = moment(day * DAY_MS);
    text.truncate("2026-11-29".len());
    text
}

/// What is told apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// Since 1970.
    day: i64,
    group: String,
    /// None for attempts that have no price.
    currency: Option<Currency>,
}

impl Key {
    fn view(&self, by: SpendBy, sum: &Sum) -> Map<String, Value> {
        let mut view = sum.view(self.currency);
        view.insert("day".to_owned(), date(self.day).into());
        view.insert(by.name().to_owned(), self.group.clone().into());
        view
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    attempts: u64,
    /// As far as they are known.
    segments: u64,
    micros: i64,
    /// The part of it that comes from the configured prices.
    estimated_micros: i64,
}

impl Sum {
    fn of(one: &Spent) -> Self {
        let micros = one.charge.map_or(0, |charge| charge.price.micros);
        let is_estimated = one.charge.is_some_and(|charge| charge.is_estimated);
        Self {
            attempts: 1,
            segments: one.segments.and_then(|count| u64::try_from(count).ok()).unwrap_or_default(),
            micros,
            estimated_micros: if is_estimated { micros } else { 0 },
        }
    }

    /// `0.4662 EUR, of which 0.08 is estimated`
    fn cost(&self, currency: Option<Currency>) -> String {
        let Some(currency) = currency else { return "no price is known".to_owned() };
        let all = Price { micros: self.micros, currency };
        if self.estimated_micros == 0 {
            return all.to_string();
        }
        let estimated = Price { micros: self.estimated_micros, currency };
        format!("{all}, of which {} is estimated", estimated.amount())
    }

    fn view(&self, currency: Option<Currency>) -> Map<String, Value> {
        let amount = |micros| currency.map(|currency| Price { micros, currency }.amount());
        let fields = [
            ("attempts", json!(self.attempts)),
            ("segments", json!(self.segments)),
            ("currency", json!(currency.map(|currency| currency.to_string()))),
            ("amount", json!(amount(self.micros))),
            ("estimated_amount", json!(amount(self.estimated_micros))),
        ];
        fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
    }
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.attempts += other.attempts;
        self.segments += other.segments;
        self.micros = self.micros.saturating_add(other.micros);
        self.estimated_micros = self.estimated_micros.saturating_add(other.estimated_micros);
    }
}

#[derive(Debug, Default)]
struct Sums {
    rows: BTreeMap<Key, Sum>,
}

impl Sums {
    async fn read(home: &Home, by: SpendBy, since: i64, until: i64) -> Result<Self, DbError> {
        let (mut sums, tenants) = (Self::default(), tenant::Directory::default());
        let mut place = Some(Place::before(since));
        while let Some(from) = place {
            let page = patiently(PATIENCE, || spend::list(&home.db, from, until, PAGE)).await?;
            place = page.next;
            for one in page.spent {
                let group = match by {
                    SpendBy::Provider => one.provider.clone(),
                    SpendBy::Lane => one.lane.as_str().to_owned(),
                    SpendBy::Tenant => tenant_name(home, &tenants, one.tenant_id).await?,
                };
                sums.add(&one, group);
            }
        }
        Ok(sums)
    }

    fn add(&mut self, one: &Spent, group: String) {
        let day = one.ended_at.div_euclid(DAY_MS);
        let currency = one.charge.map(|charge| charge.price.currency);
        *self.rows.entry(Key { day, group, currency }).or_default() += Sum::of(one);
    }

    fn totals(&self) -> BTreeMap<Option<Currency>, Sum> {
        let mut totals = BTreeMap::<_, Sum>::new();
        for (key, sum) in &self.rows {
            *totals.entry(key.currency).or_default() += *sum;
        }
        totals
    }
}

/// Its id, if it has gone.
async fn tenant_name(
    home: &Home,
    tenants: &tenant::Directory,
    id: Uuid,
) -> Result<String, DbError> {
    let tenant = patiently(PATIENCE, || tenants.of(&home.db, id)).await?;
    Ok(tenant.map_or_else(|| id.to_string(), |tenant| tenant.name.to_string()))
}

#[cfg(test)]
mod tests {
    use otpost_shared::{price::Charge, queue::Lane};

    use super::*;

    fn spent(ended_at: i64, segments: Option<i32>, told: Option<(i64, Currency, bool)>) -> Spent {
        let charge = told.map(|(micros, currency, is_estimated)| Charge {
            price: Price { micros, currency },
            is_estimated,
        });
        let (tenant_id, provider) = (Uuid::nil(), "a".to_owned());
        Spent { ended_at, tenant_id, lane: Lane::Otp, provider, segments, charge }
    }

    #[test]
    fn days_groups_and_currencies_are_told_apart() {
        let mut sums = Sums::default();
        let (eur, usd) = (Currency::EUR, Currency::USD);
        for (one, group) in [
            (spent(DAY_MS - 1, Some(1), Some((33_300, eur, false))), "a"),
            (spent(0, Some(2), Some((80_000, eur, true))), "a"),
            (spent(0, None, Some((7_500, usd, true))), "a"),
            (spent(0, None, None), "a"),
            (spent(0, None, None), "b"),
            (spent(DAY_MS, Some(1), Some((33_300, eur, false))), "a"),
        ] {
            sums.add(&one, group.to_owned());
        }
        let lines: Vec<String> = sums
            .rows
            .iter()
            .map(|(key, sum)| {
                let (day, cost) = (date(key.day), sum.cost(key.currency));
                format!("{day} {} {} {} {cost}", key.group, sum.attempts, sum.segments)
            })
            .collect();
        assert_eq!(
            lines,
            [
                "1970-01-01 a 1 0 no price is known",
                "1970-01-01 a 2 3 0.1133 EUR, of which 0.08 is estimated",
                "1970-01-01 a 1 0 0.0075 USD, of which 0.0075 is estimated",
                "1970-01-01 b 1 0 no price is known",
                "1970-01-02 a 1 1 0.0333 EUR",
            ]
        );
        let totals = sums.totals();
        let attempts: Vec<_> = totals.values().map(|sum| sum.attempts).collect();
        assert_eq!(attempts, [2, 3, 1]);
        let together = totals[&Some(eur)].cost(Some(eur));
        assert_eq!(together, "0.1466 EUR, of which 0.08 is estimated");
    }
}
