//! The look-ups of events, endpoints and deliveries have their indexes too.

use otpost_testbed::on_both_homes;

use super::plans::none_reads_a_whole_table;

/// The look-ups, as the store writes them, with literals for parameters.
const LOOKUPS: [(&str, &str); 12] = [
    ("events without a place", "SELECT id FROM events WHERE seq IS NULL ORDER BY at, id LIMIT 9"),
    (
        "events of a tenant",
        "SELECT * FROM events WHERE tenant_id = $ID AND seq > 5 ORDER BY seq LIMIT 9",
    ),
    (
        "the first event of a tenant from a moment on",
        "SELECT seq, at FROM events WHERE tenant_id = $ID AND seq > 5 AND at + 0 >= 5 ORDER BY seq LIMIT 1",
    ),
    ("the last place", "SELECT last FROM event_counter WHERE one = 1"),
    ("old events", "SELECT id FROM events WHERE at < 5 ORDER BY at LIMIT 9"),
    (
        "endpoints of a tenant",
        "SELECT * FROM webhooks WHERE tenant_id = $ID AND id > $ID ORDER BY id",
    ),
    (
        "endpoints that something is due for",
        "SELECT *, (SELECT d.not_before FROM webhook_deliveries d WHERE d.webhook_id = webhooks.id AND d.state = 'queued' ORDER BY d.not_before LIMIT 1) AS since FROM webhooks WHERE state = 'enabled' AND EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.webhook_id = webhooks.id AND d.state = 'queued' AND d.not_before <= 5) ORDER BY id",
    ),
    (
        "due deliveries",
        "SELECT id FROM webhook_deliveries WHERE webhook_id = $ID AND state = 'queued' AND not_before <= 5 ORDER BY not_before LIMIT 9",
    ),
    (
        "deliveries of lost workers",
        "SELECT id FROM webhook_deliveries WHERE state = 'sending' AND lease_until <= 5",
    ),
    (
        "deliveries of an endpoint",
        "SELECT * FROM webhook_deliveries WHERE webhook_id = $ID AND id < $ID AND state || '' = 'failed' ORDER BY id DESC LIMIT 9",
    ),
    (
        "an event's delivery",
        "SELECT id FROM webhook_deliveries WHERE webhook_id = $ID AND event_id = $ID",
    ),
    (
        "old deliveries",
        "SELECT id FROM webhook_deliveries WHERE created_at < 5 ORDER BY created_at LIMIT 9",
    ),
];

on_both_homes! {
    async fn no_look_up_reads_a_whole_table(bed, "") {
        none_reads_a_whole_table(&bed.home.db, &LOOKUPS).await;
    }
}
