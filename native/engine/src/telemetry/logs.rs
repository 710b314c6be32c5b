//! Log events, in a bounded ring that Java drains into SLF4J.
//!
//! Never pushed: a thread of ours that called into the JVM would hang under custom class loaders and keep the JVM alive.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::atomic::{AtomicU8, Ordering};

use once_cell::sync::Lazy;
use parking_lot::Mutex;
use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry;

const KEPT: usize = 1024;

/// 0 off, 1 error, 2 warn, 3 info, 4 debug, 5 trace.
static LEVEL: AtomicU8 = AtomicU8::new(3);
static RING: Lazy<Mutex<Drained>> = Lazy::new(Mutex::default);

#[derive(Debug, Serialize)]
pub struct LogEvent {
    /// 1 error to 5 trace.
    pub level: u8,
    pub target: String,
    pub message: String,
}

#[derive(Debug, Default, Serialize)]
pub struct Drained {
    /// How many events were lost since the last time because nobody drained.
    pub dropped: u64,
    pub events: VecDeque<LogEvent>,
}

/// Collects events from now on. A second call, or an application's own subscriber, changes nothing.
pub fn install() {
    let subscriber = registry().with(Ring);
    // Fails only where one is installed already.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

pub fn set_level(level: u8) {
    LEVEL.store(level, Ordering::Relaxed);
    tracing::callsite::rebuild_interest_cache();
}

/// Everything since the last call; `None` when there is nothing.
pub fn drain() -> Option<Drained> {
    let mut ring = RING.lock();
    match ring.events.is_empty() && ring.dropped == 0 {
        true => None,
        false => Some(std::mem::take(&mut *ring)),
    }
}

struct Ring;

impl<S: Subscriber> Layer<S> for Ring {
    fn enabled(&self, about: &Metadata<'_>, _: Context<'_, S>) -> bool {
        rank(*about.level()) <= LEVEL.load(Ordering::Relaxed) && about.target().starts_with("flink_redis")
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        let about = event.metadata();
        let event = LogEvent { level: rank(*about.level()), target: about.target().to_owned(), message: message.0 };
        let mut ring = RING.lock();
        if ring.events.len() == KEPT {
            ring.events.pop_front();
            ring.dropped += 1;
        }
        ring.events.push_back(event);
    }
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

/// An event as one line: its message, then its other fields.
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a String does not fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest_and_says_what_was_lost() {
        install();
        set_level(3);
        tracing::debug!("not asked for");
        for n in 0..KEPT + 3 {
            tracing::info!(n, "event");
        }
        let drained = drain().unwrap();
        assert!(drained.dropped >= 3);
        assert_eq!(drained.events.len(), KEPT);
        assert_eq!(drained.events.back().unwrap().message, format!("event n={}", KEPT + 2));
        set_level(4);
        tracing::debug!("asked for");
        assert!(drain().unwrap().events.iter().any(|event| event.level == 4 && event.message == "asked for"));
        assert!(drain().is_none());
    }
}
