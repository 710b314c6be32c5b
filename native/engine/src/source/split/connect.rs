//! Connecting: the one path for start, restore, lost connection and failover.
//!
//! What a reader relies on afterwards is only its position; see `docs/delivery.md` for why each step is there.

use std::sync::Arc;

use crate::commands::{self, Progress};
use crate::error::{Context, Result};
use crate::source::split::lost_writes::{self, LostWrites};
use crate::source::split::recreated::StreamMarks;
use crate::source::split::session::Session;
use crate::source::split::state::SplitState;
use crate::source::split::take_over::ReaderIdentity;

/// Holds a session, and what was learnt while it was begun.
pub(super) struct Connected {
    pub(super) session: Session,
    pub(super) progress: Progress,
    pub(super) stream: StreamIs,
}

/// What a reader has in front of it.
pub(super) enum StreamIs {
    /// The stream that was read so far, with all that was read of it.
    AsBefore,
    /// The stream that was read so far, without some of what was read.
    SetBack(LostWrites),
    /// Another stream of the same name.
    Recreated,
}

/// Connects to where the stream is, and makes this reader the one that reads: the owner of the slot says where the
/// stream is, if it has gone ahead of that.
pub(super) async fn connect(
    state: &SplitState,
    identity: &mut ReaderIdentity,
    marks: &mut StreamMarks,
) -> Result<Connected> {
    let (servers, key) = (&state.context().shared.servers, state.context().stream.as_bytes());
    servers.ask_owner(key);
    match connect_once(state, identity, marks).await {
        Err(error) if servers.is_redirected(key, &error) => connect_once(state, identity, marks).await,
        connected => connected,
    }
}

async fn connect_once(state: &SplitState, identity: &mut ReaderIdentity, marks: &mut StreamMarks) -> Result<Connected> {
    let context = state.context();
    let stream = &context.stream;
    let mut connection = context.shared.servers.connect(&identity.client_name(), stream.as_bytes()).await?;
    let last_is_kept = lost_writes::last_is_kept(&mut connection, state).await?;
    let is_new_group = marks.ensure_group(&mut connection, state, last_is_kept).await?;
    // Who reads by position can't be cut short by another reader, and needs no consumer.
    let consumer =
        if context.is_by_position() { String::new() } else { identity.take_over(&mut connection, context).await? };
    let progress = commands::progress(&mut connection, stream, context.group()).await.context(|| "XINFO")?;
    let is_set_back = is_new_group || state.is_set_back(progress, last_is_kept);
    let stream = if marks.is_recreated(&mut connection, state, is_set_back).await? {
        StreamIs::Recreated
    } else {
        let lost = lost_writes::find(&mut connection, state, progress, is_set_back).await?;
        lost.map_or(StreamIs::AsBefore, StreamIs::SetBack)
    };
    marks.note_first_entry(progress);
    Ok(Connected { session: Session::new(Arc::clone(context), connection, consumer), progress, stream })
}
