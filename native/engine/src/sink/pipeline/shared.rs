//! What the pipes of a pipeline share. All of them run on one task, so each has it in turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tracing::warn;

use crate::config::SinkSettings;
use crate::connection::{Outage, Servers};
use crate::error::{Error, Fault, Result};
use crate::foreign_text::shown;
use crate::sink::encode::Commands;
use crate::sink::encode::resp::arguments;
use crate::sink::encode::{Unit, UnitKind};
use crate::sink::queue::Queue;
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

    pub(super) fn min_replicas(&self) -> u64 {
        self.settings.min_replicas_to_ack
    }

    /// Records are where they shall be.
    pub(super) fn confirmed(&mut self, records: u64) {
        self.outage.over();
        self.counters.confirmed.fetch_add(records, Ordering::Relaxed);
    }

    /// Sends a record to the dead letters; without them it fails the writer.
    pub(super) fn reject(&mut self, command: &[u8], fault: &Fault) -> Result<()> {
        let words = arguments(command);
        let word = |at: usize| words.get(at).copied().unwrap_or_default();
        let (name, target) = (shown(word(0)), shown(word(1)));
        if let Some(contents) = self.settings.trace {
            trace::rejected(contents, &words, fault);
        }
        let is_too_large = fault.is_too_large();
        let letters = dead_letter::stream(&self.settings).filter(|_| fault.is_of_record());
        // A dead letter that is rejected makes no other one.
        let letters = letters.filter(|stream| (word(0), word(1)) != (b"XADD", stream.as_bytes()));
        let Some(stream) = letters else {
            let what = if name == "XADD" { "stream" } else { "key" };
            return Err(match is_too_large {
                true => too_large(fault, command.len()).context(format!("{what} '{target}', {name}")),
                false => fault.clone().context(format!("{what} '{target}', {name}")),
            }
            .into());
        };
        if self.counters.dead_letters.fetch_add(1, Ordering::Relaxed) == 0 {
            warn!(
                "{}: Redis rejects a record for '{target}' ({fault}); it goes to '{stream}', as will others",
                self.outage.what()
            );
        }
        // By the queue: its stream may be on another node.
        let bytes = dead_letter::of_rejected(stream, &words, fault, is_too_large);
        self.queue.push(Commands { units: vec![Unit { end: bytes.len(), kind: UnitKind::Record }], bytes });
        Ok(())
    }
}

/// The same fault, with how large it is and what to do.
pub(super) fn too_large(fault: &Fault, bytes: usize) -> Fault {
    let remedy = format!(
        "; the record of {bytes} bytes has a value that is larger than the server takes (its proto-max-bulk-len), or too many of them: raise \
         the limit, or keep such records from the sink"
    );
    fault.clone().into_final(&remedy)
}

/// How long one `WAIT` may take: it is answered before the connection is given up.
pub(in crate::sink) fn replicas_wait(settings: &SinkSettings) -> Duration {
    (settings.connection.command_timeout() / 2).max(Duration::from_millis(1))
}

/// As a server says it that has `min-replicas-to-write`.
pub(in crate::sink) fn too_few_replicas(there: u64, wanted: u64, waited: Duration) -> Fault {
    let waited = waited.as_millis();
    Fault::from_server(&format!(
        "NOREPLICAS after {waited} ms {there} of {wanted} replicas have all records; see to the replicas, or lower minReplicasToAck"
    ))
}
