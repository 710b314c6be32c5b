//! Log events, in a bounded ring that Java drains into SLF4J.
//!
//! Never pushed: a thread of ours that called into the JVM would hang under custom class loaders and keep the JVM
//! alive.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry;

const KEPT: usize = 1024;
/// The number of bytes of all events that are kept, and so of what Java gets at once.
const KEPT_BYTES: usize = 1 << 20;
/// The number of bytes of one event: a server or a record may say as much as it likes.
const LONGEST: usize = 16 << 10;

/// The least important level that is collected: 0 off, 1 error, 2 warn, 3 info, 4 debug, 5 trace.
static LEVEL: AtomicU8 = AtomicU8::new(3);
static RING: Mutex<Events> = Mutex::new(Events { drained: Drained { dropped: 0, events: VecDeque::new() }, bytes: 0 });

/// One event of the engine, for Java's log.
#[derive(Debug, Serialize)]
pub struct LogEvent {
    /// When it happened, in milliseconds since 1970.
    pub time: u64,
    /// 1 error to 5 trace.
    pub level: u8,
    /// The module that has logged it, as its Rust path.
    pub target: String,
    /// One line: the message, and the event's other fields.
    pub message: String,
}

/// What [`drain`] returns.
#[derive(Debug, Default, Serialize)]
pub struct Drained {
    /// How many events were lost since the last time because nobody drained.
    pub dropped: u64,
    /// The events, the oldest first.
    pub events: VecDeque<LogEvent>,
}

/// The events that wait for Java; the oldest is dropped first.
#[derive(Default)]
struct Events {
    drained: Drained,
    bytes: usize,
}

impl Events {
    fn add(&mut self, event: LogEvent) {
        self.bytes += event.message.len();
        self.drained.events.push_back(event);
        while self.drained.events.len() > KEPT || self.bytes > KEPT_BYTES {
            let Some(lost) = self.drained.events.pop_front() else { return };
            self.bytes -= lost.message.len();
            self.drained.dropped += 1;
        }
    }
}

/// Collects events from now on. A second call, or an application's own subscriber, changes nothing.
pub fn install() {
    let subscriber = registry().with(Ring);
    // Fails only where one is installed already.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Sets the least important level that is collected: 0 nothing, 1 errors, to 5 everything.
pub fn set_level(level: u8) {
    LEVEL.store(level, Ordering::Relaxed);
    tracing::callsite::rebuild_interest_cache();
}

/// Returns whether there is something to [`drain`].
pub fn are_waiting() -> bool {
    let ring = RING.lock();
    !ring.drained.events.is_empty() || ring.drained.dropped > 0
}

/// Returns everything since the last call; `None` when there is nothing.
pub fn drain() -> Option<Drained> {
    let mut ring = RING.lock();
    if ring.drained.events.is_empty() && ring.drained.dropped == 0 {
        return None;
    }
    Some(std::mem::take(&mut *ring).drained)
}

struct Ring;

impl<S: Subscriber> Layer<S> for Ring {
    fn enabled(&self, about: &Metadata<'_>, _: Context<'_, S>) -> bool {
        rank(*about.level()) <= LEVEL.load(Ordering::Relaxed) && about.target().starts_with("flink_redis")
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message::default();
        event.record(&mut message);
        let about = event.metadata();
        let message = message.into_text();
        let event = LogEvent { time: now(), level: rank(*about.level()), target: about.target().to_owned(), message };
        RING.lock().add(event);
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn rank(level: Level) -> u8 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

/// An event as one line: its message, then its other fields. What is too long is counted and not kept.
#[derive(Default)]
struct Message {
    text: String,
    cut: usize,
}

impl Message {
    fn into_text(mut self) -> String {
        if self.cut > 0 {
            let _ = write!(self.text, "… ({} bytes more)", self.cut);
        }
        self.text
    }
}

impl Write for Message {
    fn write_str(&mut self, part: &str) -> std::fmt::Result {
        let room = if self.cut == 0 { LONGEST - self.text.len() } else { 0 };
        let kept = (0..=room.min(part.len())).rev().find(|&at| part.is_char_boundary(at)).unwrap_or(0);
        self.text.push_str(&part[..kept]);
        self.cut += part.len() - kept;
        Ok(())
    }
}

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to it does not fail.
        let _ = match field.name() {
            "message" => write!(self, "{value:?}"),
            name => write!(self, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(length: usize) -> LogEvent {
        LogEvent { time: 0, level: 3, target: String::new(), message: "x".repeat(length) }
    }

    #[test]
    fn keeps_no_more_bytes_than_it_may() {
        let mut events = Events::default();
        for _ in 0..KEPT {
            events.add(event(LONGEST));
        }
        let kept = events.drained.events.len();
        assert_eq!((kept, events.bytes), (KEPT_BYTES / LONGEST, KEPT_BYTES));
        assert_eq!(events.drained.dropped, (KEPT - kept) as u64);
        events.add(event(1));
        assert_eq!(events.bytes, KEPT_BYTES - LONGEST + 1);
    }

    #[test]
    fn cuts_what_is_too_long() {
        let mut message = Message::default();
        let long = "ü".repeat(LONGEST);
        write!(message, "a{long}b").unwrap();
        let text = message.into_text();
        assert!(
            text.starts_with("aüü") && text.ends_with(&format!("ü… ({} bytes more)", LONGEST + 3)),
            "{}",
            &text[LONGEST - 9..]
        );
        let mut message = Message::default();
        write!(message, "{}", "x".repeat(LONGEST)).unwrap();
        assert_eq!(message.into_text().len(), LONGEST, "what fits is not cut");
    }

    #[test]
    fn keeps_the_newest_and_says_what_was_lost() {
        install();
        set_level(3);
        tracing::debug!("not asked for");
        for n in 0..KEPT + 3 {
            tracing::info!(n, "event");
        }
        assert!(are_waiting());
        let drained = drain().unwrap();
        assert!(now() - drained.events.back().unwrap().time < 60_000);
        assert!(drained.dropped >= 3);
        assert_eq!(drained.events.len(), KEPT);
        assert_eq!(drained.events.back().unwrap().message, format!("event n={}", KEPT + 2));
        set_level(4);
        tracing::debug!("asked for");
        assert!(drain().unwrap().events.iter().any(|event| event.level == 4 && event.message == "asked for"));
        assert!(drain().is_none());
    }
}
