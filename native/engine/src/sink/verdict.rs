//! What becomes of a unit by the replies to it: it is confirmed, put off, goes to the dead letters, or ends the writer.

use redis::Value;

use crate::config::SinkKind;
use crate::connection::reply;
use crate::error::{Error, Fault, FaultKind, Result};
use crate::sink::encode::{UnitKind, resp};
use crate::sink::lane::Lane;
use crate::sink::shared::{Shared, replicas_wait, too_few_replicas, transaction_of};
use crate::sink::transaction::{Outcomes, fault_in};

impl Lane {
    /// A command has its reply.
    pub(super) fn answered(&mut self, reply: &[u8], shared: &mut Shared) -> Result<()> {
        let Some((_, kind)) = self.current() else { return Ok(()) };
        match (kind, reply::refusal(reply)) {
            (UnitKind::Replicas, refusal) => self.counted(reply, refusal, shared),
            (UnitKind::Staged, refusal) => self.staged(reply, refusal, shared),
            (_, Some(fault)) if fault.is_passing() => {
                self.put_off_current(Some(fault), shared);
                Ok(())
            }
            (_, Some(fault)) => {
                let unit = self.current().map(|(unit, _)| unit.to_vec()).unwrap_or_default();
                self.let_current_go();
                shared.reject(&unit, &fault)
            }
            (_, None) => {
                self.confirmed(1, shared);
                Ok(())
            }
        }
    }

    /// A transaction has its last reply.
    pub(super) fn carried_out(&mut self, outcomes: Outcomes, shared: &mut Shared) -> Result<()> {
        match self.current().map(|(_, kind)| kind.clone()) {
            Some(UnitKind::Transaction(bounds)) => self.each_for_itself(&bounds, outcomes, shared),
            Some(UnitKind::Opening) => self.opened(outcomes, shared),
            Some(UnitKind::Sealing(records)) => self.sealed(outcomes, records, shared),
            _ => Ok(()),
        }
    }

    /// A write to a key that was in flight behind one that was put off has overtaken it: it is written once more, behind it, so that the last
    /// one stays the last. Appends to a stream are not: that would only repeat them.
    fn confirmed(&mut self, records: u64, shared: &mut Shared) {
        let keyed = shared.settings.kind != SinkKind::Stream;
        if keyed && self.current().is_some_and(|(unit, _)| self.is_held_back(resp::key(unit))) {
            return self.put_off_current(None, shared);
        }
        self.written(records, shared);
    }

    fn opened(&mut self, outcomes: Outcomes, shared: &mut Shared) -> Result<()> {
        match outcomes {
            Outcomes::Aborted(fault) if fault.is_passing() => self.put_off_current(Some(fault), shared),
            Outcomes::Aborted(fault) => return Err(self.not_staged(fault)),
            Outcomes::Each(results) => {
                // Sent again after its replies were lost, the append is there already.
                let new = results.split_first().and_then(|(append, rest)| {
                    fault_in(std::slice::from_ref(append)).filter(|fault| !is_there(fault)).or_else(|| fault_in(rest))
                });
                match new {
                    Some(fault) => return Err(self.not_staged(fault)),
                    None => self.written(1, shared),
                }
            }
        }
        Ok(())
    }

    fn staged(&mut self, reply: &[u8], refusal: Option<Fault>, shared: &mut Shared) -> Result<()> {
        match refusal {
            // It was sent again, after its reply was lost. Should it not be there after all, the seal tells.
            Some(fault) if is_there(&fault) => self.written(1, shared),
            Some(fault) if fault.is_passing() => self.put_off_current(Some(fault), shared),
            Some(fault) => return Err(self.not_staged(fault)),
            None if !reply.starts_with(b"$-1") => self.written(1, shared),
            // There is no stream: what makes it was put off, and comes first.
            None if self.is_current_held_back() => self.put_off_current(None, shared),
            None => return Err(staging_lost(&self.current_key())),
        }
        Ok(())
    }

    fn sealed(&mut self, outcomes: Outcomes, records: u64, shared: &mut Shared) -> Result<()> {
        let results = match outcomes {
            Outcomes::Aborted(fault) if fault.is_passing() => {
                self.put_off_current(Some(fault), shared);
                return Ok(());
            }
            Outcomes::Aborted(fault) => return Err(self.not_staged(fault)),
            Outcomes::Each(results) => results,
        };
        match (fault_in(&results), results.last()) {
            (Some(fault), _) => return Err(self.not_staged(fault)),
            (None, Some(Value::Int(there))) if there.unsigned_abs() == records => self.written(0, shared),
            // Some of them are still to be written.
            _ if self.is_current_held_back() => self.put_off_current(None, shared),
            _ => return Err(staging_incomplete(&self.current_key(), records)),
        }
        Ok(())
    }

    fn is_current_held_back(&self) -> bool {
        self.current().is_some_and(|(unit, _)| self.is_held_back(resp::key(unit)))
    }

    /// Each entry of a staging stream has its number, so none may go to the dead letters.
    fn not_staged(&self, fault: Fault) -> Error {
        fault.context(format!("staging stream '{}'", self.current_key())).into()
    }

    /// Each record of a transaction for itself: one that is bad fails no other.
    fn each_for_itself(&mut self, bounds: &[usize], outcomes: Outcomes, shared: &mut Shared) -> Result<()> {
        let unit = self.current().map(|(unit, _)| unit.to_vec()).unwrap_or_default();
        let records = bounds.windows(2).map(|bound| &unit[bound[0]..bound[1]]);
        let results = match outcomes {
            // Nothing of it was carried out, for a reason that is none of the records' (memory, another node).
            Outcomes::Aborted(fault) if fault.is_passing() => {
                self.put_off_current(Some(fault), shared);
                return Ok(());
            }
            Outcomes::Aborted(fault) => {
                self.let_current_go();
                return records.into_iter().try_for_each(|record| shared.reject(record, &fault));
            }
            Outcomes::Each(results) => results,
        };
        for (record, results) in records.zip(results.chunks(2)) {
            match fault_in(results) {
                None if self.is_held_back(resp::key(record)) => {
                    let (bytes, kind) = transaction_of(record);
                    self.put_off(bytes, kind, None, shared);
                }
                None => self.written(1, shared),
                Some(fault) if fault.is_passing() => {
                    let (bytes, kind) = transaction_of(record);
                    self.put_off(bytes, kind, Some(fault), shared);
                }
                Some(fault) => shared.reject(record, &fault)?,
            }
        }
        Ok(())
    }

    /// The reply to `WAIT` (<https://redis.io/docs/latest/commands/wait/>): how many replicas have it all.
    fn counted(&mut self, reply: &[u8], refusal: Option<Fault>, shared: &mut Shared) -> Result<()> {
        match refusal {
            Some(fault) if fault.kind == FaultKind::Permission => return Err(fault.context("WAIT").into()),
            // A server that has become a replica has none.
            Some(fault) => return Err(Fault::new(FaultKind::Connection, format!("WAIT: {fault}")).into()),
            None => {}
        }
        let there = std::str::from_utf8(reply).ok().and_then(|text| text.strip_prefix(':')?.trim_end().parse().ok());
        match there {
            None => return Err(Error::protocol("the reply to WAIT can't be read")),
            Some(there) if there >= shared.min_replicas() => self.covers = true,
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

/// What Redis says of an entry ID that is not above the last one.
fn is_there(fault: &Fault) -> bool {
    fault.message().contains("equal or smaller")
}

fn staging_incomplete(key: &str, records: u64) -> Error {
    let message = format!(
        "staging stream '{key}' does not hold all {records} records of its epoch: the server has put some off and taken later ones, or has lost \
         some in a failover; the job has to go back to its last checkpoint, nothing is lost"
    );
    Fault::new(FaultKind::StagingLost, message).into()
}

fn staging_lost(key: &str) -> Error {
    let message = format!(
        "staging stream '{key}' is gone while its epoch is being written: it was deleted or evicted, it expired, or this writer was replaced"
    );
    Fault::new(FaultKind::StagingLost, message).into()
}
