//! The sink against a real server.

#![allow(clippy::unwrap_used, reason = "tests")]

mod keyed;
mod rejected;
mod replicas;
mod staging;
mod stream;
#[path = "../support/mod.rs"]
mod support;

use flink_redis_engine::sink::Writer;
use support::RedisServer;
use support::writing::settings;

/// A writer that stages for a lane, of the topic of two partitions.
fn staging_writer(server: &RedisServer, lane: &str, incarnation: &str) -> Writer {
    Writer::new(settings(server.port, &format!(r#""staging":{{"lane":"{lane}","incarnation":"{incarnation}"}},"#)))
        .unwrap()
}
