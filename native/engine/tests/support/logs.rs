//! What the engine has logged in this process, so far.

use std::sync::Mutex;

use flink_redis_engine::telemetry::logs;

static LOGGED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// To be called before anything is logged.
pub fn collect() {
    logs::install();
}

/// The messages that hold all of these texts.
pub fn with(texts: &[&str]) -> Vec<String> {
    let mut logged = LOGGED.lock().unwrap();
    while let Some(drained) = logs::drain() {
        logged.extend(drained.events.into_iter().map(|event| event.message));
    }
    logged.iter().filter(|message| texts.iter().all(|text| message.contains(text))).cloned().collect()
}
