//! What providers tell later of what an attempt took and costs.

use crate::{
    db::{DbError, Tx, on_tx},
    price::{Charge, Currency, Price},
    report::Report,
};

/// The attempt that a report is about, which is $1 to $3; 0 is `Reference::LATEST`.
macro_rules! is_meant {
    () => {
        "message_id = $1 AND provider = $3
         AND number = COALESCE(NULLIF($2, 0), (SELECT max(l.number) FROM attempts l
             WHERE l.message_id = $1 AND l.provider = $3))"
    };
}

/// What a report says that all of it costs: $5, of one segment where $7 is 1.
macro_rules! all {
    () => {
        "($5 * (CASE WHEN $7 = 1 THEN COALESCE($4, segments, 1) ELSE 1 END))"
    };
}

/// The price of a report goes before the one that stands there.
macro_rules! counts {
    () => {
        concat!("(price_told IS NULL OR (price_currency = $6 AND price_micros <= ", all!(), "))")
    };
}

/// Puts what a report tells in place of what stood there; what it does not tell stays. A price that was
/// told already, in the answer or before, only grows: a report may be about a part alone. An estimate is
/// that of the segments.
macro_rules! told {
    () => {
        concat!(
            "segments = CASE WHEN $6 IS NULL OR ",
            counts!(),
            " THEN COALESCE($4, segments) ELSE COALESCE(segments, $4) END,
             price_micros = CASE WHEN $6 IS NOT NULL AND ",
            counts!(),
            " THEN ",
            all!(),
            " WHEN price_told IS NULL AND segments > 0
                 THEN price_micros / segments * COALESCE($4, segments)
                 ELSE price_micros END,
             price_currency = CASE WHEN $6 IS NOT NULL AND ",
            counts!(),
            " THEN $6 ELSE price_currency END,
             price_told = CASE WHEN $6 IS NULL THEN price_told ELSE COALESCE(price_told, 0) + 1 END"
        )
    };
}

pub(super) use {all, counts, is_meant, told};

/// The columns of the price.
#[derive(Clone, Debug, Default, sqlx::FromRow)]
pub(crate) struct Priced {
    #[sqlx(rename = "price_micros")]
    micros: Option<i64>,
    #[sqlx(rename = "price_told")]
    told: Option<i32>,
    #[sqlx(rename = "price_currency")]
    currency: Option<String>,
}

impl Priced {
    pub(crate) fn charge(&self) -> Option<Charge> {
        let currency = Currency::parse(self.currency.as_deref()?)?;
        let price = Price { micros: self.micros?, currency };
        Some(Charge { price, is_estimated: self.told.is_none() })
    }

    /// After this report was written down: the price, if it was the first to tell one.
    pub(crate) fn told_first(&self, by: &Report) -> Option<Charge> {
        self.charge().filter(|_| by.cost.price.is_some() && self.told == Some(1))
    }
}

/// Writes down what a report tells of segments and price that says nothing new otherwise. Reports overtake
/// each other, and prices only grow; none if this one tells no more than was known.
pub(crate) async fn mark_told(
    tx: &mut Tx,
    provider: &str,
    report: &Report,
) -> Result<Option<Priced>, DbError> {
    const SQL: &str = concat!(
        "UPDATE attempts SET ",
        told!(),
        " WHERE ",
        is_meant!(),
        " AND CASE WHEN $6 IS NULL THEN COALESCE(segments, 0) <> $4
             ELSE price_told IS NULL OR (price_currency = $6 AND price_micros < ",
        all!(),
        ") END
         RETURNING price_micros, price_told, price_currency"
    );
    let (segments, price) = (report.cost.segments, report.cost.price);
    if segments.is_none() && price.is_none() {
        return Ok(None);
    }
    let rows = on_tx!(tx, c => {
        sqlx::query_as::<D, Priced>(SQL)
            .bind(report.of.message_id)
            .bind(report.of.number)
            .bind(provider)
            .bind(segments.map(i32::from))
            .bind(price.map(|price| price.micros))
            .bind(price.as_ref().map(|price| price.currency.as_str()))
            .bind(i32::from(report.cost.is_per_segment))
            .fetch_all(c)
            .await?
    });
    Ok(rows.into_iter().next())
}
