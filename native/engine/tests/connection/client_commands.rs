//! Users and servers without the CLIENT commands: everything works, with a warning.

use flink_redis_engine::sink::Writer;

use crate::support::proxy::Proxy;
use crate::support::reading::{self, Job};
use crate::support::writing::{self, batch, batch_of, flush, write};
use crate::support::{RedisServer, await_that, logs};
use crate::with;

#[test]
fn without_the_client_commands() {
    logs::collect();
    let server = RedisServer::start_with(&["--rename-command", "CLIENT", "", "--rename-command", "EVAL", ""]);
    let all = Proxy::to(server.port);
    // Each strategy but COMMIT_POSITION has two readers in turn; one that connects again does not tell it again.
    assert_eq!(go_on_without_client_commands(&server, &all), 6);
    for (word, garbled) in [("SETNAME", "SETNAMX"), ("$2\r\nID\r", "$2\r\nIX\r"), ("LIST", "LISX"), ("KILL", "KILX")] {
        let server = RedisServer::start();
        let proxy = Proxy::to(server.port);
        proxy.garble(word, garbled);
        assert!(go_on_without_client_commands(&server, &proxy) <= 6);
    }
}

/// Acknowledges and writes in each way, over a connection that is lost once; another reader takes the group over.
/// Gives the number of warnings.
fn go_on_without_client_commands(server: &RedisServer, proxy: &Proxy) -> usize {
    let add = |numbers: std::ops::Range<u64>| {
        numbers.for_each(|n| {
            server.run(&format!("XADD t:0 * n {n}"));
        });
    };
    let to = with(proxy.port, &[]);
    for strategy in ["ON_CHECKPOINT", "ON_EMIT", "NOACK", "COMMIT_POSITION"] {
        server.run("FLUSHALL");
        server.run("XGROUP CREATE t:0 g 0 MKSTREAM");
        add(0..5);
        server.run("XREADGROUP GROUP g someone COUNT 5 STREAMS t:0 >");
        let more = format!(r#""ackStrategy":"{strategy}","claimMinIdleMillis":0,"#);
        let settings = reading::settings_over(&to, &more);
        let mut job = Job::fresh(&settings);
        add(5..10);
        job.poll_for(10);
        proxy.reset();
        add(10..20);
        job.poll_for(20);
        assert_eq!(job.emitted[&0], (0..20).collect::<Vec<u64>>(), "{strategy}");
        job.complete_checkpoint();
        await_that("nothing is pending", || server.pending("t:0", "g") == 0);
        let mut successor = Job::start(&settings, job.state());
        add(20..25);
        successor.poll_for(5);
        assert_eq!(successor.emitted[&0], (20..25).collect::<Vec<u64>>(), "{strategy}");
    }
    let warned = logs::with(&[&format!(":{}", proxy.port), "can't all be used here", "nothing is lost by it"]);

    server.run("FLUSHALL");
    let writer = Writer::new(writing::settings_over(&to, "")).unwrap();
    write(&writer, &batch(0, 0..10));
    flush(&writer);
    proxy.reset();
    write(&writer, &batch(0, 10..20));
    flush(&writer);
    assert!(server.int("XLEN t:0") >= 20);
    let hashes = Writer::new(writing::settings_over(&to, r#""kind":"HASH","ttlSeconds":60,"#)).unwrap();
    write(&hashes, &batch_of(&[&[("k1", ""), ("n", "1")]]));
    flush(&hashes);
    assert_eq!(server.int("HLEN k1"), 1);
    warned.len()
}
