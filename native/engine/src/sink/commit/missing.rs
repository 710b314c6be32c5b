//! Tells which records a staging stream lacks.

use crate::client::Connection;
use crate::error::{Context, Result};
use crate::sink::commit::pace::Pace;
use crate::sink::commit::staged::entries;
use crate::sink::committable::Committable;

/// The number of ranges that are listed; further ones are only counted.
const NAMED: usize = 5;

/// Returns which records of an epoch are not there, of those behind the moved ones: `7-3 to 7-5, 7-9`, by what the IDs
/// of their entries would be.
pub(super) async fn missing(
    connection: &mut Connection,
    committable: &Committable,
    moved: u64,
    pace: &mut Pace,
) -> Result<String> {
    let Committable { key, records, epoch, .. } = committable;
    let mut ranges: Vec<String> = Vec::new();
    let mut expected = moved + 1;
    let mut gap = |until: u64, expected: u64| match until.checked_sub(expected + 1) {
        None => {}
        Some(0) => ranges.push(format!("{epoch}-{expected}")),
        Some(_) => ranges.push(format!("{epoch}-{expected} to {epoch}-{}", until - 1)),
    };
    loop {
        let mut range = redis::cmd("XRANGE");
        range.arg(key).arg(format!("{epoch}-{expected}")).arg("+").arg("COUNT").arg(pace.count());
        connection.queue(&range);
        connection.flush().await?;
        let reply = connection.raw().await?;
        let staged = entries(&reply).context(|| "XRANGE")?;
        let Some(largest) = staged.iter().map(|entry| entry.strings.len()).max() else { break };
        pace.read(largest);
        for entry in staged {
            // What is none of the epoch's entries holds none of its records.
            let held = entry.records(committable).map_or(0, |records| records.len() as u64);
            gap((entry.id.seq + 1).saturating_sub(held), expected);
            expected = entry.id.seq + 1;
        }
    }
    gap(records + 1, expected);
    Ok(match ranges.len() {
        0..=NAMED => ranges.join(", "),
        more => format!("{}, and {} more ranges", ranges[..NAMED].join(", "), more - NAMED),
    })
}
