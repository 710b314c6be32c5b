//! What the pipes of a pipeline share. All of them run on one task, so each uses it in turn, without a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::warn;

use crate::client::{Outage, Servers};
use crate::config::SinkSettings;
use crate::error::{Error, Fault, Result};
use crate::foreign_text::shown;
use crate::sink::pipeline::replies::too_large;
use crate::sink::queue::Queue;
use crate::sink::unit::{EncodedUnit, UnitKind};
use crate::sink::{dead_letter, trace};

/// Counters for metrics: the pipeline's task counts, any thread may read.
#[derive(Default)]
pub(in crate::sink) struct Counters {
    /// Records that are written, dead letters included.
    pub(in crate::sink) confirmed: AtomicU64,
    /// Records that Redis rejected, and that went to the dead letters.
    pub(in crate::sink) dead_letters: AtomicU64,
    /// Connections that were lost, given up or could not be made.
    pub(in crate::sink) reconnects: AtomicU64,
}

/// What all pipes of a pipeline use.
pub(super) struct Shared {
    pub(super) settings: SinkSettings,
    pub(super) servers: Servers,
    pub(super) queue: Arc<Queue>,
    pub(super) counters: Arc<Counters>,
    pub(super) outage: Outage,
    /// Why this round ends. While it is set nothing new is sent.
    round_end: Option<RoundEnd>,
}

/// What ends a round.
pub(super) enum RoundEnd {
    /// Another round may get further.
    Passing(Error),
    /// The writer fails.
    Final(Error),
}

impl Shared {
    pub(super) fn new(settings: SinkSettings, servers: Servers, queue: Arc<Queue>, counters: Arc<Counters>) -> Self {
        let what = format!("sink topic '{}' ({})", settings.topic, settings.connection.endpoint());
        let outage = Outage::new(what, &settings.connection);
        Self { settings, servers, queue, counters, outage, round_end: None }
    }

    pub(super) fn is_ending(&self) -> bool {
        self.round_end.is_some()
    }

    pub(super) fn is_failing(&self) -> bool {
        matches!(self.round_end, Some(RoundEnd::Final(_)))
    }

    /// Returns why the round ends. To be called when it is ending.
    pub(super) fn take_round_end(&mut self) -> RoundEnd {
        self.round_end
            .take()
            .unwrap_or_else(|| RoundEnd::Final(Error::Internal("a round ends without a reason".to_owned())))
    }

    /// Ends the round by this error of work on `key`. The first error is kept, unless a later one is final.
    pub(super) fn end(&mut self, key: &[u8], error: Error) {
        let error = self.servers.note_error(key, error);
        if error.is_temporary() {
            self.round_end.get_or_insert(RoundEnd::Passing(error));
        } else if let Err(error) = self.outage.failed(error) {
            self.fail(error);
        }
    }

    /// Ends the writer by this error, which says what is affected.
    pub(super) fn fail(&mut self, error: Error) {
        if !self.is_failing() {
            self.round_end = Some(RoundEnd::Final(error));
        }
    }

    /// Counts a connection that is lost, or could not be made.
    pub(super) fn count_reconnect(&self) {
        self.counters.reconnects.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts records as written: they are where the settings want them.
    pub(super) fn confirmed(&mut self, records: u64) {
        self.outage.recovered();
        self.counters.confirmed.fetch_add(records, Ordering::Relaxed);
    }

    /// Sends a record to the dead letters.
    ///
    /// # Errors
    /// The fault, which ends the writer, if there are no dead letters, or it is not about the record.
    pub(super) fn reject(&mut self, unit: EncodedUnit<'_>, fault: &Fault) -> Result<()> {
        if let Some(contents) = self.settings.trace {
            trace::rejected(contents, unit, fault);
        }
        let is_too_large = fault.is_too_large();
        // A dead letter that is rejected makes no other one.
        let is_wanted = fault.is_of_record() && unit.kind() != UnitKind::DeadLetter;
        let Some(stream) = dead_letter::stream(&self.settings).filter(|_| is_wanted) else {
            let fault = if is_too_large { too_large(fault, unit.bytes().len()) } else { fault.clone() };
            let kind = unit.kind();
            return Err(fault.context(format!("{} '{}', {}", kind.target(), shown(unit.key()), kind.command())).into());
        };
        if self.counters.dead_letters.fetch_add(1, Ordering::Relaxed) == 0 {
            warn!(
                "{}: Redis rejects a record for '{}' ({fault}); it goes to '{stream}', as will others",
                self.outage.what(),
                shown(unit.key())
            );
        }
        // By the queue: its stream may be on another node.
        self.queue.push(dead_letter::of_rejected(stream, unit, fault, is_too_large));
        Ok(())
    }
}
