//! A test process of its own, since it counts threads.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::thread::available_parallelism;

use flink_redis_engine::runtime::{EngineRuntime, set_workers};

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
    drop(again);

    // As many as the machine has cores, but 2 to 4; or as many as are asked for.
    let default = available_parallelism().unwrap().get().clamp(2, 4);
    for (asked, there) in [(0, default), (1, 1), (7, 7), (1000, 64), (0, default)] {
        set_workers(asked);
        let runtime = EngineRuntime::shared().unwrap();
        // It keeps its own.
        set_workers(5);
        assert!(std::sync::Arc::ptr_eq(&runtime, &EngineRuntime::shared().unwrap()));
        support::await_that("its threads are there", || threads_of_ours() == there);
        drop(runtime);
        support::await_that("its threads are gone", || threads_of_ours() == 0);
    }
}
