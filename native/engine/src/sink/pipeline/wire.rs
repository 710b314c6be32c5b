//! The wire of a node pipe: its connection, and what has come over it that is no whole reply yet.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWrite};

use crate::client::{ended, lost};
use crate::error::Result;
use crate::net::dial::Stream;
use crate::sink::chunk::Chunk;

const READ_CHUNK: usize = 64 * 1024;
/// So many parts go out with one call, at most.
const MOST_PARTS: usize = 8;

pub(super) struct Wire {
    stream: Box<dyn Stream>,
    inbox: BytesMut,
    unflushed: bool,
    /// A call to send has failed. What came before that may still be received.
    is_closing: bool,
}

impl Wire {
    pub(super) fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, inbox: BytesMut::new(), unflushed: false, is_closing: false }
    }

    /// Receives some of what the server has sent. Returns it behind what was kept.
    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<BytesMut>> {
        self.inbox.reserve(READ_CHUNK);
        Poll::Ready(match ready!(pin!(self.stream.read_buf(&mut self.inbox)).poll(cx)) {
            Ok(0) => Err(ended()),
            Ok(_) => Ok(std::mem::take(&mut self.inbox)),
            Err(error) => Err(lost(error)),
        })
    }

    /// Keeps what is no whole reply yet.
    pub(super) fn keep(&mut self, inbox: BytesMut) {
        self.inbox = inbox;
    }

    /// Notes that sending has failed: from here on it waits for ever, and the end is received.
    pub(super) fn takes_no_more(&mut self) {
        self.is_closing = true;
    }

    /// Sends some of these parts, in order and with one call: each call costs. Returns how many bytes it took.
    pub(super) fn poll_send<'p>(
        &mut self,
        cx: &mut Context<'_>,
        parts: impl Iterator<Item = &'p [u8]>,
    ) -> Poll<Result<usize>> {
        if self.is_closing {
            return Poll::Pending;
        }
        let mut slices = [IoSlice::new(&[]); MOST_PARTS];
        let mut count = 0;
        for (slice, part) in slices.iter_mut().zip(parts) {
            *slice = IoSlice::new(part);
            count += 1;
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, &slices[..count]));
        self.unflushed = true;
        Poll::Ready(match written {
            Ok(0) => Err(ended()),
            Ok(written) => Ok(written),
            Err(error) => Err(lost(error)),
        })
    }

    /// Flushes what was sent, if that was not done.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if self.unflushed && !self.is_closing {
            ready!(Pin::new(&mut self.stream).poll_flush(cx)).map_err(lost)?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

/// Returns the parts of chunks that are still to be sent, in order, and as much of them as there is `room` for. The
/// first `sent` chunks are on the wire, and so many bytes of the next one's units that are not answered.
pub(super) fn unsent(
    chunks: &VecDeque<Chunk>,
    sent: usize,
    sent_bytes: usize,
    room: usize,
) -> impl Iterator<Item = &[u8]> {
    let (mut from, mut left) = (sent_bytes, room);
    chunks.range(sent..).map_while(move |chunk| {
        let bytes = &chunk.bytes()[chunk.start() + std::mem::take(&mut from)..];
        let part = &bytes[..bytes.len().min(left)];
        left -= part.len();
        (!part.is_empty()).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;
    use crate::sink::unit::UnitKind;

    fn chunk_of(keys: &[&str]) -> Chunk {
        let mut chunk = Chunk::empty(false);
        for key in keys {
            let mut unit = chunk.begin();
            unit.header(2).argument(b"TOUCH").key(key.as_bytes());
            unit.end(UnitKind::Expiry);
        }
        chunk
    }

    #[test]
    fn what_is_to_be_sent_ends_where_the_room_ends() {
        let mut chunks: VecDeque<Chunk> = [&["a", "b"][..], &["c", "d"], &["e"]].map(chunk_of).into();
        let all: Vec<Vec<u8>> = chunks.iter().map(|chunk| chunk.bytes().to_vec()).collect();
        let is = |chunks: &VecDeque<Chunk>, sent, sent_bytes, room, parts: &[&[u8]]| {
            assert_eq!(unsent(chunks, sent, sent_bytes, room).collect::<Vec<_>>(), parts);
        };
        is(&chunks, 0, 0, usize::MAX, &[&all[0], &all[1], &all[2]]);
        is(&chunks, 1, 3, usize::MAX, &[&all[1][3..], &all[2]]);
        is(&chunks, 1, 3, all[1].len() - 1, &[&all[1][3..], &all[2][..2]]);
        is(&chunks, 1, 3, all[1].len() - 3, &[&all[1][3..]]);
        is(&chunks, 3, 0, usize::MAX, &[]);
        // Counted from the first unit that has no reply.
        let unit = chunks[0].step();
        is(&chunks, 0, 3, 10, &[&all[0][unit + 3..unit + 13]]);
    }

    #[tokio::test]
    async fn all_parts_arrive_in_order() {
        let (near, mut far) = duplex(8);
        let mut wire = Wire::new(Box::new(near));
        let (all, mut sent, mut arrived) = (b"0123456789abcdefghij", 0, Vec::new());
        while sent < all.len() {
            let written = poll_fn(|cx| wire.poll_send(cx, [&all[sent..=sent], &all[sent + 1..]].into_iter())).await;
            sent += written.unwrap();
            poll_fn(|cx| wire.poll_flush(cx)).await.unwrap();
            while arrived.len() < sent {
                far.read_buf(&mut arrived).await.unwrap();
            }
        }
        assert_eq!(arrived, all);
    }
    #[tokio::test]
    async fn one_that_takes_no_more_is_received_to_its_end() {
        let (near, mut far) = duplex(8);
        let mut wire = Wire::new(Box::new(near));
        poll_fn(|cx| wire.poll_send(cx, [&b"a"[..]].into_iter())).await.unwrap();
        wire.takes_no_more();
        poll_fn(|cx| {
            assert!(wire.poll_send(cx, [&b"b"[..]].into_iter()).is_pending());
            wire.poll_flush(cx)
        })
        .await
        .unwrap();
        far.write_all(b"-ERR").await.unwrap();
        assert_eq!(poll_fn(|cx| wire.poll_receive(cx)).await.unwrap(), &b"-ERR"[..]);
        drop(far);
        assert!(poll_fn(|cx| wire.poll_receive(cx)).await.is_err());
    }
}
