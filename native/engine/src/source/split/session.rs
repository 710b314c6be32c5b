//! A connection that reads one split. It is asked, and returns what it learnt; it knows no position, and moves none.

use std::sync::Arc;
use std::time::Duration;

use crate::client::Connection;
use crate::commands::{self, Progress};
use crate::config::AckStrategy;
use crate::error::{Context, Error, Fault, FaultKind, Result};
use crate::source::decode::batch::{BatchBuilder, Filter, ScannedReply};
use crate::source::decode::scanner::{Reply, Shape};
use crate::source::decode::{self, receive_first_id};
use crate::source::split::context::SplitContext;
use crate::source::split::pace::Allowance;
use crate::stream::{EntryId, Run};

/// Reads one split over one connection, as one consumer of the group. After an error it is of no more use.
pub(super) struct Session {
    context: Arc<SplitContext>,
    connection: Connection,
    /// Empty where entries are read by position, without the group.
    consumer: String,
    builder: BatchBuilder,
    /// Whether a read has been answered. The first one does not wait for entries: so it is known at once that reading
    /// works, and not only connecting.
    is_answered: bool,
    broken_read: Option<BrokenRead>,
}

/// A reply with entries that did not arrive whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct BrokenRead {
    /// How many entries were asked for.
    pub(super) count: u64,
    pub(super) why: Broken,
}

/// Why a reply did not come whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// It measured more than is allowed, and was given up. The largest entry in it had so many bytes.
    GivenUp { largest: u64 },
    /// The connection ended.
    CutOff,
    /// The server fell silent, or sent something else.
    Other,
}

impl Session {
    pub(super) fn new(context: Arc<SplitContext>, connection: Connection, consumer: String) -> Self {
        let builder = BatchBuilder::new(context.partition, context.batch_bytes).reusing(context.shared.buffer.spares());
        Self { context, connection, consumer, builder, is_answered: false, broken_read: None }
    }

    /// Returns the name of the consumer that reads.
    pub(super) fn consumer(&self) -> &str {
        &self.consumer
    }

    /// Returns whether a read has been answered.
    pub(super) fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Returns the read that has ended this session, if one has.
    pub(super) fn broken_read(&self) -> Option<BrokenRead> {
        self.broken_read
    }

    /// Sends what was queued.
    pub(super) async fn flush(&mut self) -> Result<()> {
        self.connection.flush().await
    }

    /// Queues `XREADGROUP` for up to `count` entries that nobody of the group was given yet.
    pub(super) fn queue_read(&mut self, count: u64) {
        let settings = self.context.settings();
        let no_ack = settings.ack_strategy == AckStrategy::NoAck;
        let (stream, millis) = (&self.context.stream, self.block_millis());
        let read = commands::read_group(stream, &settings.group, &self.consumer, count, millis, no_ack);
        self.connection.queue(&read);
    }

    /// Receives the reply to [`queue_read`](Self::queue_read). Nothing is in it where the read ran out of time.
    pub(super) async fn receive_read(&mut self, filter: Filter, allowed: Allowance) -> Result<ScannedReply> {
        self.receive(Shape::Streams, filter, allowed).await.context(|| "XREADGROUP")?;
        self.is_answered = true;
        Ok(self.builder.take())
    }

    /// Queues an `XRANGE` for the first entry behind `received`, whoever was given it. It goes out behind a read, and
    /// finds the entry that this brings, unless there is one before that.
    pub(super) fn queue_gap_check(&mut self, received: EntryId) {
        self.connection.queue(&commands::range_after(&self.context.stream, received, None, 1));
    }

    /// Receives the reply to [`queue_gap_check`](Self::queue_gap_check).
    pub(super) async fn receive_gap_check(&mut self) -> Result<Option<EntryId>> {
        receive_first_id(&mut self.connection).await.context(|| "XRANGE")
    }

    /// Returns the first entry behind `received`.
    pub(super) async fn first_behind(&mut self, received: EntryId) -> Result<Option<EntryId>> {
        self.queue_gap_check(received);
        self.flush().await?;
        self.receive_gap_check().await
    }

    /// Returns the first entry between `received` and the first new one of a read: there is none, unless something was
    /// missed. It costs a round trip, but brings no large entry a second time.
    pub(super) async fn first_missed(&mut self, received: EntryId, read: &ScannedReply) -> Result<Option<EntryId>> {
        let before = read.first_new().map(|first| format!("({first}"));
        self.connection.queue(&commands::range_after(&self.context.stream, received, before, 1));
        self.flush().await?;
        self.receive_gap_check().await
    }

    /// Sends `XREAD` for up to `count` entries behind `received`, and behind it what
    /// [`receive_group_check`](Self::receive_group_check) waits for, if `is_checked`.
    pub(super) async fn send_read_after(&mut self, received: EntryId, count: u64, is_checked: bool) -> Result<()> {
        let millis = self.block_millis();
        self.connection.queue(&commands::read_after(&self.context.stream, received, count, millis));
        if is_checked {
            self.connection.queue(&commands::groups_of(&self.context.stream));
        }
        self.flush().await
    }

    /// Receives the reply to [`send_read_after`](Self::send_read_after). `None`: the read ran out of time.
    pub(super) async fn receive_read_after(
        &mut self,
        filter: Filter,
        allowed: Allowance,
    ) -> Result<Option<ScannedReply>> {
        let reply = self.receive(Shape::Streams, filter, allowed).await.context(|| "XREAD")?;
        self.is_answered = true;
        let read = self.builder.take();
        Ok((!matches!(reply, Reply::Nothing)).then_some(read))
    }

    /// Reads up to `allowed.count` entries by position: those behind `after`, up to `to`.
    pub(super) async fn read_range(&mut self, after: EntryId, to: EntryId, allowed: Allowance) -> Result<ScannedReply> {
        self.make_sure_it_is_there().await?;
        let range = commands::range_after(&self.context.stream, after, Some(to.to_string()), allowed.count);
        self.connection.queue(&range);
        self.flush().await?;
        self.receive(Shape::Entries, Filter::between(after, None), allowed).await.context(|| "XRANGE")?;
        Ok(self.builder.take())
    }

    /// Reads these pending entries, which lie below the split's `position`. Those whose data is gone are not in the
    /// reply.
    pub(super) async fn read_pending(
        &mut self,
        window: &[Run],
        position: EntryId,
        allowed: Allowance,
    ) -> Result<ScannedReply> {
        self.make_sure_it_is_there().await?;
        for run in window {
            self.connection.queue(&commands::range(&self.context.stream, run.first, run.last()));
        }
        let read = async {
            self.flush().await?;
            for _ in window {
                self.receive(Shape::Entries, Filter::pending(position), allowed).await?;
            }
            Ok::<_, Error>(self.builder.take())
        };
        read.await.context(|| "XRANGE of pending entries")
    }

    /// Returns how far the stream and the group have come.
    pub(super) async fn progress(&mut self) -> Result<Progress> {
        let (stream, group) = (&self.context.stream, self.context.group());
        commands::progress(&mut self.connection, stream, group).await.context(|| "XINFO")
    }

    /// Fails where the stream or the group is gone.
    pub(super) async fn check_group(&mut self) -> Result<()> {
        let (stream, group) = (&self.context.stream, self.context.group());
        commands::check_group(&mut self.connection, stream, group).await.context(|| "XINFO GROUPS")
    }

    /// Receives the reply to what went out behind a read; fails where the stream or the group is gone.
    pub(super) async fn receive_group_check(&mut self) -> Result<()> {
        let group = self.context.group();
        commands::receive_group_check(&mut self.connection, group).await.context(|| "XINFO GROUPS")
    }

    /// Gives entries back to the group, which goes to `position`: whoever reads next is given them.
    pub(super) async fn give_back(&mut self, position: EntryId, ids: &[EntryId]) -> Result<()> {
        let (stream, group) = (&self.context.stream, self.context.group());
        let given_back = commands::give_back(&mut self.connection, stream, group, position, ids).await;
        given_back.context(|| "XGROUP SETID, XACK")
    }

    /// Fails where the stream is on another node: an `XRANGE` does not tell such a one from a stream without entries.
    /// Since the last one Java may have taken its time, and the slot may have gone away, and be about to come again.
    async fn make_sure_it_is_there(&mut self) -> Result<()> {
        if self.connection.is_asking() {
            self.check_group().await?;
        }
        Ok(())
    }

    /// Receives one reply with entries. Notes why, where it does not come whole.
    async fn receive(&mut self, shape: Shape, filter: Filter, allowed: Allowance) -> Result<Reply> {
        let block = match shape {
            Shape::Streams => Duration::from_millis(self.context.settings().block_millis),
            Shape::Entries => Duration::ZERO,
        };
        let (connection, builder) = (&mut self.connection, &mut self.builder);
        let received = decode::receive(connection, shape, block, filter, builder, allowed.most_bytes).await;
        if let Err(Error::Redis(fault)) = &received {
            self.broken_read = self.why(fault, allowed).map(|why| BrokenRead { count: allowed.count, why });
        }
        received
    }

    fn why(&self, fault: &Fault, allowed: Allowance) -> Option<Broken> {
        match fault.kind {
            FaultKind::Connection if self.builder.exceeds(allowed.most_bytes) => {
                Some(Broken::GivenUp { largest: self.builder.measured().1 })
            }
            FaultKind::Connection => Some(Broken::CutOff),
            FaultKind::Timeout | FaultKind::Protocol => Some(Broken::Other),
            _ => None,
        }
    }

    /// Returns how long the next read asks the server to wait for entries.
    fn block_millis(&self) -> u64 {
        if self.is_answered { self.context.settings().block_millis } else { 1 }
    }
}
