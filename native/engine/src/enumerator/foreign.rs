//! Pending entries of consumers that are not ours: another client's, or the documented connector's before a move to this one.
//!
//! A job without state takes them over, once they have been idle for `claimMinIdleMillis`: until then their owner may be at work on them.
//! It waits for that at its start, so that what it takes over is a part of its state from the beginning, and emitted once.

use std::time::Duration;

use tokio::time::sleep;
use tracing::info;

use crate::config::SourceSettings;
use crate::connection::Connection;
use crate::entry_id::{EntryId, Runs};
use crate::error::{Context, Result};
use crate::random;
use crate::source::ConsumerName;
use crate::source::commands::{self, PAGE, Pending};
use crate::source::consumers::{self, NO_CLIENT_ID};

/// Between two looks while entries are waited for.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// All that is pending up to `to`, none of it in another client's hands any more.
pub(super) async fn take_over(
    connection: &mut Connection,
    settings: &SourceSettings,
    stream: &str,
    to: EntryId,
) -> Result<Runs> {
    let mut told = false;
    loop {
        let pending = commands::pending_up_to(connection, stream, &settings.group, to).await.context(|| "XPENDING")?;
        let foreign =
            |pending: &&Pending| ConsumerName::parse(&settings.connection.client_name, &pending.consumer).is_none();
        let wait = pending
            .iter()
            .filter(foreign)
            .map(|entry| settings.claim_min_idle_millis.saturating_sub(entry.idle_millis))
            .max();
        match wait {
            None => return Ok(pending.into_iter().map(|entry| entry.id).collect()),
            Some(0) => {
                let ids: Vec<EntryId> = pending.iter().filter(foreign).map(|entry| entry.id).collect();
                info!("stream '{stream}': taking {} pending entries of other consumers over", ids.len());
                claim(connection, settings, stream, &ids).await?;
            }
            Some(millis) => {
                if !told {
                    info!(
                        "stream '{stream}': group '{}' has pending entries of other consumers; they are taken over in {millis} ms at the \
                         latest, when they have been idle for {} ms (claimMinIdleMillis)",
                        settings.group, settings.claim_min_idle_millis
                    );
                    told = true;
                }
                sleep(LOOK_AGAIN.min(Duration::from_millis(millis))).await;
            }
        }
    }
}

/// One that its owner has acknowledged or read again meanwhile stays with it; the next look shows.
async fn claim(connection: &mut Connection, settings: &SourceSettings, stream: &str, ids: &[EntryId]) -> Result<()> {
    let client_id = consumers::client_id(connection).await?.unwrap_or(NO_CLIENT_ID);
    let own = ConsumerName { epoch: 0, tag: random::tag(), client_id };
    let consumer = own.of(&settings.connection.client_name);
    for chunk in ids.chunks(PAGE) {
        let claim = commands::claim(stream, &settings.group, &consumer, settings.claim_min_idle_millis, chunk);
        connection.call(&claim).await.context(|| "XCLAIM")?;
    }
    Ok(())
}
