//! What becomes of a unit by the replies to it: it is settled, deferred or rejected; or it ends the connection, or the
//! writer, by an error.
//!
//! Functions only: they know a unit and its replies, and change nothing.

use redis::Value;

use crate::client::transaction::{Outcomes, Results, unexpected};
use crate::error::{Error, Fault, FaultKind, Result};
use crate::foreign_text::shown;
use crate::resp::reply;
use crate::sink::unit::{EncodedUnit, UnitKind};

/// What becomes of a unit.
#[derive(Debug)]
pub(super) enum UnitOutcome {
    /// It has done what it should, and written so many records.
    Settled { records: u64 },
    /// It is to be sent again: the server does not take it now, and says why; or something earlier of its key was
    /// deferred, and has to come first.
    Deferred(Option<Fault>),
    /// The server takes it never.
    Rejected(Fault),
}

use UnitOutcome::{Deferred, Rejected, Settled};

/// Returns what becomes of a single command by its reply. It `is_behind` when something earlier of its key was deferred
/// in this round. The `path` is what the sink's `JSON.SET` have.
///
/// # Errors
/// For a reply that is none to this command, and for what ends the writer.
pub(super) fn on_reply(unit: EncodedUnit<'_>, reply: &[u8], is_behind: bool, path: &str) -> Result<UnitOutcome> {
    let refusal = reply::refusal(reply);
    match (unit.kind(), refusal) {
        (UnitKind::Staged(records), refusal) => on_staged(unit, reply, refusal, records, is_behind),
        (_, Some(fault)) if fault.is_temporary() => Ok(Deferred(Some(fault))),
        (UnitKind::Expiry, Some(fault)) => Err(fault.context(format!("key '{}', EXPIRE", shown(unit.key()))).into()),
        // `:0`: nothing is there any more that could expire. The record was written, and others have deleted it.
        (UnitKind::Expiry, None) if reply.starts_with(b":") => Ok(Settled { records: 0 }),
        (UnitKind::Append | UnitKind::DeadLetter | UnitKind::Document | UnitKind::Hash, refusal) => {
            let rejection = refusal.map_or_else(|| rejection_in(unit, reply, path), |fault| Ok(Some(fault)))?;
            Ok(match rejection {
                Some(fault) => Rejected(fault),
                // It was in flight behind one that was deferred, and has overtaken it: it is written once more, behind
                // it, so that the last one stays the last. Appends to a stream are not: that would only repeat them.
                None if unit.kind().is_keyed() && is_behind => Deferred(None),
                None => Settled { records: 1 },
            })
        }
        _ => Err(unexpected("a command", reply)),
    }
}

/// Returns what becomes of a transaction when it has its last reply.
///
/// # Errors
/// As those of [`on_reply`].
pub(super) fn on_transaction(unit: EncodedUnit<'_>, outcomes: Outcomes, is_behind: bool) -> Result<UnitOutcome> {
    let results = match outcomes {
        Outcomes::Aborted(fault) if fault.is_temporary() => return Ok(Deferred(Some(fault))),
        Outcomes::Aborted(fault) => return Err(not_staged(unit, fault)),
        Outcomes::Each(results) => results,
    };
    match unit.kind() {
        UnitKind::Sealing(entries) => on_sealed(unit, &results, entries, is_behind),
        UnitKind::Opening(records) => on_opened(unit, &results, records),
        kind => Err(Error::Internal(format!("{kind:?} is no transaction"))),
    }
}

fn on_opened(unit: EncodedUnit<'_>, results: &Results, records: u64) -> Result<UnitOutcome> {
    // Sent again after its replies were lost, the append is there already.
    let kinds: Vec<u8> = results.iter().map(|result| result[0]).collect();
    match (results.iter().filter_map(reply::refusal).find(|fault| !is_there(fault)), &kinds[..]) {
        (Some(fault), _) => Err(not_staged(unit, fault)),
        (None, b"::$:" | b"::-:") => Ok(Settled { records }),
        _ => Err(Error::protocol("the reply to EXEC can't be read")),
    }
}

fn on_sealed(unit: EncodedUnit<'_>, results: &Results, entries: u64, is_behind: bool) -> Result<UnitOutcome> {
    if let Some(fault) = results.fault() {
        return Err(not_staged(unit, fault));
    }
    match results.iter().last().map(reply::decode).transpose()? {
        Some(Value::Int(there)) if there.unsigned_abs() == entries => Ok(Settled { records: 0 }),
        // Some of them are still to be written.
        Some(Value::Int(_)) if is_behind => Ok(Deferred(None)),
        Some(Value::Int(_)) => Err(staging_incomplete(unit.key(), entries)),
        _ => Err(Error::protocol("the reply to EXEC can't be read")),
    }
}

fn on_staged(
    unit: EncodedUnit<'_>,
    reply: &[u8],
    refusal: Option<Fault>,
    records: u64,
    is_behind: bool,
) -> Result<UnitOutcome> {
    match refusal {
        // It was sent again, after its reply was lost. Should it not be there after all, the seal tells.
        Some(fault) if is_there(&fault) => Ok(Settled { records }),
        Some(fault) if fault.is_temporary() => Ok(Deferred(Some(fault))),
        Some(fault) => Err(not_staged(unit, fault)),
        None if reply.starts_with(b"$") && !reply.starts_with(b"$-1") => Ok(Settled { records }),
        None if !reply.starts_with(b"$-1") => Err(unexpected("XADD", reply)),
        // There is no stream: what makes it was deferred, and comes first.
        None if is_behind => Ok(Deferred(None)),
        None => Err(staging_lost(unit.key())),
    }
}

/// Returns why a command has not written its record, by its reply, or `None` if that is the one to a command that has.
fn rejection_in(unit: EncodedUnit<'_>, reply: &[u8], path: &str) -> Result<Option<Fault>> {
    match (unit.kind(), reply) {
        (UnitKind::Append | UnitKind::DeadLetter, [b'$', b'0'..=b'9', ..])
        | (UnitKind::Hash, [b':', ..])
        | (UnitKind::Document, b"+OK\r\n") => Ok(None),
        (UnitKind::Document, b"$-1\r\n") => {
            let message = format!("the path '{}' matches nothing in key '{}'", shown(path), shown(unit.key()));
            Ok(Some(Fault::new(FaultKind::Server, message)))
        }
        (kind, _) => Err(unexpected(kind.command(), reply)),
    }
}

/// Returns the same fault, with how large the unit is and what to do.
pub(super) fn too_large(fault: &Fault, bytes: usize) -> Fault {
    let remedy = format!(
        "; the record of {bytes} bytes has a value that is larger than the server takes (its proto-max-bulk-len), or \
         too many of them: raise the limit, or keep such records from the sink"
    );
    fault.clone().into_permanent(&remedy)
}

/// Returns the error that ends the writer: each entry of a staging stream has its number, so none may go to the dead
/// letters.
fn not_staged(unit: EncodedUnit<'_>, fault: Fault) -> Error {
    let fault = if fault.is_too_large() { too_large(&fault, unit.bytes().len()) } else { fault };
    fault.context(format!("staging stream '{}'", shown(unit.key()))).into()
}

/// Tells whether it is what Redis says of an entry ID that is not above the last one.
fn is_there(fault: &Fault) -> bool {
    fault.server_text().contains("equal or smaller")
}

fn staging_incomplete(key: &[u8], entries: u64) -> Error {
    let message = format!(
        "staging stream '{}' does not hold all {entries} entries of its epoch: the server has put some off and taken \
         later ones, or has lost some in a failover; the job has to go back to its last checkpoint, nothing is lost",
        shown(key)
    );
    Fault::new(FaultKind::StagingLost, message).into()
}

fn staging_lost(key: &[u8]) -> Error {
    let message = format!(
        "staging stream '{}' is gone while its epoch is being written: it was deleted or evicted, it expired, or this \
         writer was replaced",
        shown(key)
    );
    Fault::new(FaultKind::StagingLost, message).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::dead_letter::tests::unit_of;
    use crate::sink::unit::tests::units;

    /// Describes in a word what becomes of a unit of key `k`, with its records.
    fn outcome(kind: UnitKind, reply: &str, is_behind: bool) -> String {
        let commands = unit_of(kind, b"k", &[], &[b"f", b"v"]);
        let unit = units(&commands)[0];
        let outcome = match kind.commands() {
            None => on_reply(unit, reply.as_bytes(), is_behind, "$.a"),
            Some(commands) => {
                let results = Results::of(reply.as_bytes(), commands);
                let outcomes = results
                    .map_or_else(|| Outcomes::Aborted(reply::refusal(reply.as_bytes()).unwrap()), Outcomes::Each);
                on_transaction(unit, outcomes, is_behind)
            }
        };
        match outcome {
            Ok(Settled { records }) => format!("settled {records}"),
            Ok(Deferred(fault)) => {
                format!("deferred {}", fault.map_or_else(String::new, |fault| fault.code.to_string()))
            }
            Ok(Rejected(fault)) => format!("rejected {fault}"),
            Err(error) => format!("ended {error}"),
        }
    }

    #[test]
    fn a_write_behind_a_deferred_one_of_its_key_is_written_again() {
        for (kind, reply, behind) in [
            (UnitKind::Hash, ":1\r\n", "deferred "),
            (UnitKind::Document, "+OK\r\n", "deferred "),
            (UnitKind::Append, "$3\r\n1-1\r\n", "settled 1"),
            (UnitKind::DeadLetter, "$3\r\n1-1\r\n", "settled 1"),
            (UnitKind::Staged(7), "$3\r\n1-1\r\n", "settled 7"),
            (UnitKind::Staged(7), "$-1\r\n", "deferred "),
            (UnitKind::Sealing(2), "*2\r\n:1\r\n:1\r\n", "deferred "),
            (UnitKind::Sealing(1), "*2\r\n:1\r\n:1\r\n", "settled 0"),
        ] {
            assert_eq!(outcome(kind, reply, true), behind, "{kind:?}");
        }
        assert_eq!(outcome(UnitKind::Hash, ":1\r\n", false), "settled 1");
        assert!(outcome(UnitKind::Staged(7), "$-1\r\n", false).contains("staging stream 'k' is gone"));
        assert!(outcome(UnitKind::Sealing(2), "*2\r\n:1\r\n:1\r\n", false).contains("does not hold all 2 entries"));
    }

    #[test]
    fn what_a_server_refuses_for_a_while_is_deferred() {
        let kinds = [UnitKind::Append, UnitKind::Hash, UnitKind::Staged(7), UnitKind::Expiry, UnitKind::Opening(7)];
        for kind in kinds.into_iter().chain([UnitKind::Sealing(1)]) {
            assert_eq!(outcome(kind, "-OOM no memory\r\n", false), "deferred OOM", "{kind:?}");
        }
    }

    #[test]
    fn what_it_refuses_for_good_is_rejected_or_ends_the_writer() {
        let refusal = "-WRONGTYPE no\r\n";
        assert!(outcome(UnitKind::Hash, refusal, true).starts_with("rejected WRONGTYPE no"));
        assert!(outcome(UnitKind::Document, "$-1\r\n", false).starts_with("rejected the path '$.a' matches nothing"));
        for kind in [UnitKind::Staged(7), UnitKind::Expiry, UnitKind::Opening(7), UnitKind::Sealing(1)] {
            assert!(outcome(kind, refusal, false).starts_with("ended"), "{kind:?}");
        }
        let there = "The ID specified in XADD is equal or smaller than the target stream top item";
        assert_eq!(outcome(UnitKind::Staged(7), &format!("-ERR {there}\r\n"), false), "settled 7");
        let again = format!("*4\r\n:0\r\n:1\r\n-ERR {there}\r\n:1\r\n");
        assert_eq!(outcome(UnitKind::Opening(7), &again, false), "settled 7");
    }
}
