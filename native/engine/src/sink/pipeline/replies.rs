//! What becomes of a unit by the replies to it: it is confirmed, put off, goes to the dead letters, or ends the writer.

use redis::Value;

use crate::config::SinkKind;
use crate::connection::reply;
use crate::connection::transaction::{Outcomes, fault_in, unexpected};
use crate::error::{Error, Fault, FaultKind, Result};
use crate::foreign_text::shown;
use crate::sink::encode::{UnitKind, resp};
use crate::sink::pipeline::node_pipe::NodePipe;
use crate::sink::pipeline::shared::{Shared, replicas_wait, too_few_replicas, too_large};

impl NodePipe {
    /// A command has its reply.
    pub(super) fn answered(&mut self, reply: &[u8], shared: &mut Shared) -> Result<()> {
        let Some((unit, kind)) = self.current() else { return Ok(()) };
        let refusal = reply::refusal(reply);
        match (kind, refusal) {
            (UnitKind::Replicas, refusal) => self.on_wait_reply(reply, refusal, shared),
            (UnitKind::Staged, refusal) => self.staged(reply, refusal, shared),
            (_, Some(fault)) if fault.is_passing() => {
                self.defer_current(Some(fault), shared);
                Ok(())
            }
            (UnitKind::Expiry, Some(fault)) => {
                Err(fault.context(format!("key '{}', EXPIRE", shown(self.current_key()))).into())
            }
            // Nothing is there any more that could expire: the record was written, and others have deleted it.
            (UnitKind::Expiry, None) if reply.starts_with(b":") => {
                self.written(0, shared);
                Ok(())
            }
            (UnitKind::Record, refusal) => {
                match refusal.map_or_else(|| written(unit, reply), |fault| Ok(Some(fault)))? {
                    None => {
                        self.confirmed(shared);
                        Ok(())
                    }
                    Some(fault) => {
                        shared.reject(unit, &fault)?;
                        self.detach_current();
                        Ok(())
                    }
                }
            }
            _ => Err(unexpected("a command", reply)),
        }
    }

    /// A transaction has its last reply.
    pub(super) fn on_transaction(&mut self, outcomes: Outcomes, shared: &mut Shared) -> Result<()> {
        match self.current() {
            Some((_, UnitKind::Opening)) => self.opened(outcomes, shared),
            Some((_, UnitKind::Sealing(records))) => self.sealed(outcomes, *records, shared),
            _ => Ok(()),
        }
    }

    /// A write to a key that was in flight behind one that was put off has overtaken it: it is written once more, behind it, so that the last
    /// one stays the last. Appends to a stream are not: that would only repeat them.
    fn confirmed(&mut self, shared: &mut Shared) {
        // In a keyed sink an XADD is a dead letter.
        let is_keyed = shared.settings.kind != SinkKind::Stream
            && self.current().is_some_and(|(unit, _)| resp::name(unit) != b"XADD");
        if is_keyed && self.is_current_held_back() {
            return self.defer_current(None, shared);
        }
        self.written(1, shared);
        if is_keyed && shared.settings.ttl_seconds > 0 {
            self.expire_current(shared);
        }
    }

    fn opened(&mut self, outcomes: Outcomes, shared: &mut Shared) -> Result<()> {
        match outcomes {
            Outcomes::Aborted(fault) if fault.is_passing() => self.defer_current(Some(fault), shared),
            Outcomes::Aborted(fault) => return Err(self.not_staged(fault)),
            Outcomes::Each(results) => {
                // Sent again after its replies were lost, the append is there already.
                let fault = results
                    .iter()
                    .find_map(|result| fault_in(std::slice::from_ref(result)).filter(|fault| !is_there(fault)));
                match (fault, &results[..]) {
                    (Some(fault), _) => return Err(self.not_staged(fault)),
                    (
                        None,
                        [Value::Int(_), Value::Int(_), Value::BulkString(_) | Value::ServerError(_), Value::Int(_)],
                    ) => self.written(1, shared),
                    _ => return Err(Error::protocol("the reply to EXEC can't be read")),
                }
            }
        }
        Ok(())
    }

    fn staged(&mut self, reply: &[u8], refusal: Option<Fault>, shared: &mut Shared) -> Result<()> {
        match refusal {
            // It was sent again, after its reply was lost. Should it not be there after all, the seal tells.
            Some(fault) if is_there(&fault) => self.written(1, shared),
            Some(fault) if fault.is_passing() => self.defer_current(Some(fault), shared),
            Some(fault) => return Err(self.not_staged(fault)),
            None if reply.starts_with(b"$") && !reply.starts_with(b"$-1") => self.written(1, shared),
            None if !reply.starts_with(b"$-1") => return Err(unexpected("XADD", reply)),
            // There is no stream: what makes it was put off, and comes first.
            None if self.is_current_held_back() => self.defer_current(None, shared),
            None => return Err(staging_lost(self.current_key())),
        }
        Ok(())
    }

    fn sealed(&mut self, outcomes: Outcomes, records: u64, shared: &mut Shared) -> Result<()> {
        let results = match outcomes {
            Outcomes::Aborted(fault) if fault.is_passing() => {
                self.defer_current(Some(fault), shared);
                return Ok(());
            }
            Outcomes::Aborted(fault) => return Err(self.not_staged(fault)),
            Outcomes::Each(results) => results,
        };
        match (fault_in(&results), results.last()) {
            (Some(fault), _) => return Err(self.not_staged(fault)),
            (None, Some(Value::Int(there))) if there.unsigned_abs() == records => self.written(0, shared),
            // Some of them are still to be written.
            (None, Some(Value::Int(_))) if self.is_current_held_back() => self.defer_current(None, shared),
            (None, Some(Value::Int(_))) => return Err(staging_incomplete(self.current_key(), records)),
            _ => return Err(Error::protocol("the reply to EXEC can't be read")),
        }
        Ok(())
    }

    fn is_current_held_back(&self) -> bool {
        self.current().is_some_and(|(unit, _)| self.is_held_back(resp::key(unit)))
    }

    /// Each entry of a staging stream has its number, so none may go to the dead letters.
    fn not_staged(&self, fault: Fault) -> Error {
        let bytes = self.current().map_or(0, |(unit, _)| unit.len());
        let fault = if fault.is_too_large() { too_large(&fault, bytes) } else { fault };
        fault.context(format!("staging stream '{}'", shown(self.current_key()))).into()
    }

    /// The reply to `WAIT` (<https://redis.io/docs/latest/commands/wait/>): how many replicas have it all.
    fn on_wait_reply(&mut self, reply: &[u8], refusal: Option<Fault>, shared: &mut Shared) -> Result<()> {
        match refusal {
            Some(fault) if fault.kind == FaultKind::Permission => return Err(fault.context("WAIT").into()),
            // A server that has become a replica has none.
            Some(fault) => return Err(Fault::new(FaultKind::Connection, format!("WAIT: {fault}")).into()),
            None => {}
        }
        let there = std::str::from_utf8(reply).ok().and_then(|text| text.strip_prefix(':')?.trim_end().parse().ok());
        match there {
            None => return Err(Error::protocol("the reply to WAIT can't be read")),
            Some(there) if there >= shared.min_replicas() => self.wait_satisfied = true,
            Some(there) => {
                let fault = too_few_replicas(there, shared.min_replicas(), replicas_wait(&shared.settings));
                // The WAIT itself was the wait.
                if let Err(error) = shared.outage.failed(fault.into()) {
                    shared.fail(error);
                }
            }
        }
        Ok(())
    }
}

/// Whether a command has written its record, by the reply that it gives when it has. `Some`: it has not, and why.
fn written(command: &[u8], reply: &[u8]) -> Result<Option<Fault>> {
    let name = resp::name(command);
    match (name, reply) {
        (b"XADD", [b'$', b'0'..=b'9', ..]) | (b"HSET", [b':', ..]) | (b"JSON.SET", b"+OK\r\n") => Ok(None),
        (b"JSON.SET", b"$-1\r\n") => {
            let words = resp::arguments(command);
            let word = |at: usize| words.get(at).map_or_else(String::new, shown);
            let message = format!("the path '{}' matches nothing in key '{}'", word(2), word(1));
            Ok(Some(Fault::new(FaultKind::Server, message)))
        }
        _ => Err(unexpected(&shown(name), reply)),
    }
}

/// What Redis says of an entry ID that is not above the last one.
fn is_there(fault: &Fault) -> bool {
    fault.server_text().contains("equal or smaller")
}

fn staging_incomplete(key: &[u8], records: u64) -> Error {
    let message = format!(
        "staging stream '{}' does not hold all {records} records of its epoch: the server has put some off and taken later ones, or has lost \
         some in a failover; the job has to go back to its last checkpoint, nothing is lost",
        shown(key)
    );
    Fault::new(FaultKind::StagingLost, message).into()
}

fn staging_lost(key: &[u8]) -> Error {
    let message = format!(
        "staging stream '{}' is gone while its epoch is being written: it was deleted or evicted, it expired, or this writer was replaced",
        shown(key)
    );
    Fault::new(FaultKind::StagingLost, message).into()
}
