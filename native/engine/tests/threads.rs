//! A test process of its own, since it counts threads.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use flink_redis_engine::runtime::EngineRuntime;

fn threads_of_ours() -> usize {
    let names = std::fs::read_dir("/proc/self/task").unwrap();
    names
        .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok())
        .filter(|name| name.starts_with("flink-redis"))
        .count()
}

#[test]
fn the_first_user_builds_the_runtime_and_the_last_one_ends_it() {
    let first = EngineRuntime::shared().unwrap();
    let second = EngineRuntime::shared().unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &second));
    // A name that is resolved runs on a thread of the blocking pool, which must go, too.
    first.handle().unwrap().block_on(async { tokio::net::lookup_host("localhost:1").await.map(|_| ()).unwrap() });
    assert!(threads_of_ours() >= 2);
    drop(first);
    assert!(threads_of_ours() >= 2);
    drop(second);
    // The kernel may list a thread that was joined for a moment longer.
    support::await_that("its threads are gone", || threads_of_ours() == 0);
    let again = EngineRuntime::shared().unwrap();
    assert_eq!(again.handle().unwrap().block_on(async { 7 }), 7);
}
