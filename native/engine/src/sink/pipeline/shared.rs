//! What the pipes of a pipeline share. All of them run on one task, so each has it in turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::warn;

use crate::config::SinkSettings;
use crate::connection::{Outage, Servers};
use crate::error::{Error, Fault, Result};
use crate::foreign_text::shown;
use crate::sink::pipeline::replies::too_large;
use crate::sink::queue::Queue;
use crate::sink::unit::{EncodedUnit, UnitKind};
use crate::sink::{dead_letter, trace};

/// What is counted, for metrics.
#[derive(Default)]
pub(in crate::sink) struct Counters {
    pub(in crate::sink) confirmed: AtomicU64,
    pub(in crate::sink) dead_letters: AtomicU64,
    pub(in crate::sink) reconnects: AtomicU64,
}

pub(super) struct Shared {
    pub(super) settings: SinkSettings,
    /// The settings' time to live, as commands have it.
    pub(super) ttl_seconds: String,
    pub(super) servers: Servers,
    pub(super) queue: Arc<Queue>,
    pub(super) counters: Arc<Counters>,
    pub(super) outage: Outage,
    /// Why this round ends. While it is set nothing new is sent.
    round_end: Option<RoundEnd>,
}

/// What ends a round.
pub(super) enum RoundEnd {
    /// Another one may bring more.
    Passing(Error),
    Final(Error),
}

impl Shared {
    pub(super) fn new(settings: SinkSettings, servers: Servers, queue: Arc<Queue>, counters: Arc<Counters>) -> Self {
        let what = format!("sink topic '{}' ({})", settings.topic, settings.connection.endpoint());
        let outage = Outage::new(what, &settings.connection);
        let ttl_seconds = settings.ttl_seconds.to_string();
        Self { settings, ttl_seconds, servers, queue, counters, outage, round_end: None }
    }

    pub(super) fn is_ending(&self) -> bool {
        self.round_end.is_some()
    }

    pub(super) fn is_failing(&self) -> bool {
        matches!(self.round_end, Some(RoundEnd::Final(_)))
    }

    /// To be called when the round is ending.
    pub(super) fn take_round_end(&mut self) -> RoundEnd {
        self.round_end
            .take()
            .unwrap_or_else(|| RoundEnd::Final(Error::Internal("a round ends without a reason".to_owned())))
    }

    /// The round ends by this error of work on `key`. The first one is told, unless a later one is final.
    pub(super) fn end(&mut self, key: &[u8], error: Error) {
        let error = self.servers.learn(key, error);
        if error.is_passing() {
            self.round_end.get_or_insert(RoundEnd::Passing(error));
        } else if let Err(error) = self.outage.failed(error) {
            self.fail(error);
        }
    }

    /// The writer ends by this error, which says what is affected.
    pub(super) fn fail(&mut self, error: Error) {
        if !self.is_failing() {
            self.round_end = Some(RoundEnd::Final(error));
        }
    }

    /// A connection is lost, or could not be made.
    pub(super) fn count_reconnect(&self) {
        self.counters.reconnects.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts records as written: they are where the settings want them.
    pub(super) fn confirmed(&mut self, records: u64) {
        self.outage.over();
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
