//! The statements: what a step does to a row is the same text for both databases.

/// The columns of [`Leaving`].
macro_rules! step {
    () => {
        "step (id, epoch, state, not_before, crashes, class, failure, now, number, outcome, \
         provider_message_id, error_code, detail, retry_at, segments, price_micros, price_told, \
         price_currency)"
    };
}

macro_rules! leave {
    () => {
        concat!(
            "UPDATE messages AS m
             SET state = s.state, lease_until = NULL,
                 finished_at = CASE WHEN s.state = 'queued' THEN NULL ELSE s.now END,
                 not_before = COALESCE(s.not_before, m.not_before), crashes = s.crashes,
                 failure_class = ",
            unless_called_off!("s.class"),
            ", failure = ",
            unless_called_off!("s.failure"),
            " FROM step s
             WHERE m.id = s.id AND m.epoch = s.epoch AND m.state || '' = 'sending'"
        )
    };
}

/// A code that may not go on was called off with its verification, which needs no words; or that is
/// pending still, and it is the recipient who is not to be sent to.
macro_rules! unless_called_off {
    ($words:literal) => {
        concat!(
            "CASE WHEN s.state = 'canceled' AND NOT EXISTS (
                 SELECT 1 FROM verifications v
                 WHERE v.id = m.verification_id AND v.status || '' = 'pending'
                   AND v.generation = m.generation) THEN NULL ELSE ",
            $words,
            " END"
        )
    };
}

/// An attempt that the sweep has already called unknown stays unknown, but its provider's id is
/// still worth having. Segments that a report has told meanwhile stay, and an estimate is that of them.
macro_rules! end {
    ($after:literal) => {
        concat!(
            "UPDATE attempts AS a
             SET finished_at = COALESCE(a.finished_at, s.now),
                 outcome = COALESCE(a.outcome, s.outcome),
                 provider_message_id = s.provider_message_id, error_code = s.error_code,
                 detail = s.detail, retry_at = s.retry_at,
                 segments = CASE WHEN ",
            outbids!(),
            " THEN COALESCE(s.segments, a.segments) ELSE COALESCE(a.segments, s.segments) END,
                 price_micros = CASE
                     WHEN a.price_told IS NULL AND s.price_told IS NULL AND s.segments > 0
                     THEN s.price_micros / s.segments * COALESCE(a.segments, s.segments)
                     WHEN a.price_told IS NULL OR ",
            outbids!(),
            " THEN s.price_micros ELSE a.price_micros END,
                 price_currency = CASE WHEN a.price_told IS NULL OR ",
            outbids!(),
            " THEN s.price_currency ELSE a.price_currency END,
                 price_told = COALESCE(a.price_told, s.price_told)
             FROM step s ",
            $after,
            " WHERE a.message_id = s.id AND a.number = s.number AND a.epoch = s.epoch"
        )
    };
}

/// The price that the answer tells goes before the one that a report has told meanwhile, when it is
/// written for the first time: a report may be about a part alone. As in reports, the larger counts.
macro_rules! outbids {
    () => {
        "(a.price_told IS NOT NULL AND s.price_told = 1 AND a.outcome IS NULL
             AND (a.price_currency <> s.price_currency OR a.price_micros < s.price_micros))"
    };
}

/// Renews the lease of what may still be sent. The answer to HELP may although its recipient wrote STOP, by
/// the same rule by which it is written down.
macro_rules! renew {
    () => {
        "UPDATE messages AS m SET lease_until = s.lease_until
         FROM step s
         WHERE m.id = s.message_id AND m.epoch = s.epoch AND m.state || '' = 'sending'
           AND m.deadline > s.now
           AND NOT EXISTS (
               SELECT 1 FROM suppressions x
               WHERE x.recipient_hash = s.suppression_hash
                 AND (x.for_everyone = 1 OR x.tenant_id = m.tenant_id)
                 AND (x.scope = 'all' OR m.verification_id IS NULL)
                 AND (m.keyword IS NULL OR m.keyword <> 'help' OR x.reason <> 'stop'))
           AND (m.verification_id IS NULL OR EXISTS (
               SELECT 1 FROM verifications v
               WHERE v.id = m.verification_id AND v.status || '' = 'pending'
                 AND v.generation = m.generation))"
    };
}

pub(super) use {end, leave, outbids, renew, step, unless_called_off};
