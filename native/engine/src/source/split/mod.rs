//! Reads one split: connects, replays, reads on, and begins again after every fault.
//!
//! * [`connect`] makes this reader the one that reads ([`take_over`]), and finds out whether the stream is the one that
//!   was read so far ([`recreated`], [`lost_writes`])
//! * [`replay`] fetches by position what was delivered and not emitted; then [`gap`] reads on, or [`bounded`] up to an
//!   end, or [`by_position`] without the group
//! * all of them ask a [`session`], and give what it returns to the split's [`state`], which alone moves the position.
//!   Each read asks for as many entries as the [`pace`] allows
//! * [`context`] names the stream, and gives access to what the reader's tasks share

mod bounded;
mod by_position;
mod connect;
mod context;
mod gap;
mod lost_writes;
mod pace;
mod recreated;
mod replay;
mod session;
mod state;
mod take_over;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tracing::debug;

use crate::commands::Progress;
use crate::config::Split;
use crate::error::{Error, Result};
use crate::runtime::caught;
use crate::source::ack::PendingAcks;
use crate::source::shared::Shared;
use connect::{Connected, StreamIs};
use context::SplitContext;
use recreated::StreamMarks;
use session::{Broken, Session};
use state::SplitState;
use take_over::ReaderIdentity;

/// Reads one split, on a task of its own. Its connection is its own, too, so a read that blocks on an idle stream holds
/// nobody up.
pub(super) struct SplitReader {
    context: Arc<SplitContext>,
    state: SplitState,
    identity: ReaderIdentity,
    marks: StreamMarks,
}

/// Why a connection is given up.
enum Interruption {
    Fault(Error),
    /// A reply measured too much. Nothing is wrong: what it brought is read again, in smaller parts.
    TooLarge(Error),
}

impl From<Error> for Interruption {
    fn from(error: Error) -> Self {
        Self::Fault(error)
    }
}

impl SplitReader {
    pub(super) fn new(shared: Arc<Shared>, split: Split, acks: Arc<PendingAcks>) -> Self {
        let identity = ReaderIdentity::new(&shared.settings.connection.client_name);
        let context = Arc::new(SplitContext::new(shared, split.partition));
        let state = SplitState::new(Arc::clone(&context), split, acks);
        Self { context, state, identity, marks: StreamMarks::default() }
    }

    /// Runs until the split is finished, the reader is closed, or a fault is final; that one, or a panic, fails the
    /// reader.
    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.context.shared);
        let ended = tokio::select! {
            biased;
            () = shared.closed.cancelled() => return,
            ended = caught(self.read()) => ended,
        };
        shared.splits.fetch_sub(1, Ordering::Relaxed);
        if let Err(error) = ended.and_then(|ended| ended) {
            shared.buffer.fail(error);
        }
    }

    async fn read(&mut self) -> Result<()> {
        loop {
            let interruption = match self.read_over_one_connection().await {
                Ok(()) => return Ok(()),
                Err(interruption) => interruption,
            };
            self.context.count_reconnect();
            match interruption {
                Interruption::TooLarge(error) => debug!("{}: {error}", self.context.what),
                Interruption::Fault(error) => {
                    let error = self.context.shared.servers.note_error(self.context.stream.as_bytes(), error);
                    let wait = self.state.note_failure(error)?;
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Returns `Ok` when the split is finished.
    async fn read_over_one_connection(&mut self) -> Result<(), Interruption> {
        let connected = connect::connect(&self.state, &mut self.identity, &mut self.marks).await?;
        let Connected { mut session, progress, stream } = connected;
        self.begin(session.consumer(), progress, stream).await;
        let Err(error) = self.read_on(&mut session, progress).await else { return Ok(()) };
        let Some(read) = session.broken_read() else { return Err(error.into()) };
        let error = self.state.note_broken_read(read, error);
        Err(if matches!(read.why, Broken::GivenUp { .. }) {
            Interruption::TooLarge(error)
        } else {
            Interruption::Fault(error)
        })
    }

    /// Takes what was learnt while the session was begun.
    async fn begin(&mut self, consumer: &str, progress: Progress, stream: StreamIs) {
        match stream {
            StreamIs::AsBefore => {}
            StreamIs::SetBack(lost) => lost.apply_to(&mut self.state),
            StreamIs::Recreated => recreated::begin_again(&mut self.state, progress).await,
        }
        let acks = self.state.acks();
        // What lies beyond the end is no matter of this job.
        let covered = self.state.stopping_id().map_or(progress.delivered, |stop| stop.min(progress.delivered));
        acks.connected(consumer, covered, self.identity.may_kill());
        if self.context.is_by_position() {
            acks.connected_by_position(progress, self.state.received());
        }
    }

    async fn read_on(&mut self, session: &mut Session, progress: Progress) -> Result<()> {
        let state = &mut self.state;
        replay::replay_pending(state, session).await?;
        if self.context.is_by_position() {
            return by_position::read_by_position(state, session).await;
        }
        let mut delivered = progress.delivered;
        loop {
            replay::replay(state, session, delivered).await?;
            if let Some(stop) = state.stopping_id() {
                return bounded::read_to_the_end(state, session, stop).await;
            }
            // It comes back when something was missed, which the replay fetches.
            gap::read_until_missed(state, session).await?;
            delivered = session.progress().await?.delivered;
        }
    }
}
