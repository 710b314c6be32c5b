//! Pending entries of consumers that are not ours: another client's, or the documented connector's before a move to
//! this one.
//!
//! A job without state takes them over, once they have been idle for `claimMinIdleMillis`: until then their owner may
//! be at work on them. It waits for that at its start, so that what it takes over is a part of its state from the
//! beginning, and emitted once.

use std::time::Duration;

use tokio::time::sleep;
use tracing::info;

use crate::client::Connection;
use crate::commands::{self, ConsumerName, NO_CLIENT_ID, PAGE, Pending, client_id};
use crate::config::SourceSettings;
use crate::error::{Context, Result};
use crate::random;
use crate::stream::{EntryId, Runs};

/// The time between two scans of the pending entries list while foreign entries are waited for.
const SCAN_INTERVAL: Duration = Duration::from_secs(1);

/// Returns all that is pending up to `to`, when none of it belongs to another client's consumer any more.
pub(super) async fn take_over(
    connection: &mut Connection,
    settings: &SourceSettings,
    stream: &str,
    to: EntryId,
) -> Result<Runs> {
    let mut is_logged = false;
    loop {
        let found = scan(connection, settings, stream, to).await.context(|| "XPENDING")?;
        match found.wait_millis {
            None => return Ok(found.all),
            Some(0) => {
                info!("stream '{stream}': taking {} pending entries of other consumers over", found.foreign.len());
                claim(connection, settings, stream, &found.foreign).await?;
            }
            Some(millis) => {
                if !is_logged {
                    info!(
                        "stream '{stream}': group '{}' has pending entries of other consumers; they are taken over in \
                         {millis} ms at the latest, when they have been idle for {} ms (claimMinIdleMillis)",
                        settings.group, settings.claim_min_idle_millis
                    );
                    is_logged = true;
                }
                sleep(SCAN_INTERVAL.min(Duration::from_millis(millis))).await;
            }
        }
    }
}

/// The result of a scan of the pending entries list.
#[derive(Default)]
struct Found {
    all: Runs,
    /// The pending entries of other clients' consumers.
    foreign: Runs,
    /// Until all of these may be taken over; `None`: there are none.
    wait_millis: Option<u64>,
}

/// Scans the pending entries list page by page, of which nothing is kept but the IDs.
async fn scan(connection: &mut Connection, settings: &SourceSettings, stream: &str, to: EntryId) -> Result<Found> {
    let mut found = Found::default();
    let mut from = Some(EntryId::ZERO);
    while let Some(first) = from {
        let page = commands::pending_page(connection, stream, &settings.group, first, to).await?;
        for Pending { id, consumer, idle_millis } in &page {
            found.all.push(*id);
            if ConsumerName::parse(&settings.connection.client_name, consumer).is_none() {
                found.foreign.push(*id);
                let wait = settings.claim_min_idle_millis.saturating_sub(*idle_millis);
                found.wait_millis = found.wait_millis.max(Some(wait));
            }
        }
        from = commands::next_page(&page, to);
    }
    Ok(found)
}

/// Takes entries over. One that its owner has acknowledged or read again meanwhile stays with it; the next scan shows.
async fn claim(connection: &mut Connection, settings: &SourceSettings, stream: &str, ids: &Runs) -> Result<()> {
    let client_id = client_id(connection).await?.unwrap_or(NO_CLIENT_ID);
    let own = ConsumerName { epoch: 0, tag: random::tag(), client_id };
    let consumer = own.of(&settings.connection.client_name);
    let ids: Vec<EntryId> = ids.runs().flat_map(|run| run.ids()).collect();
    for chunk in ids.chunks(PAGE) {
        let claim = commands::claim(stream, &settings.group, &consumer, settings.claim_min_idle_millis, chunk);
        connection.call(&claim).await.context(|| "XCLAIM")?;
    }
    Ok(())
}
