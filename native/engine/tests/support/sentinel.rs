//! A master with replicas, and the sentinels that watch it.

use std::path::PathBuf;

use redis::Value;

use super::{RedisServer, await_that, free_port};

/// The master's name.
pub const MASTER: &str = "mymaster";

pub struct Sentinels {
    /// The first master, then its replicas.
    pub servers: Vec<RedisServer>,
    pub sentinels: Vec<RedisServer>,
    folder: PathBuf,
}

impl Sentinels {
    /// One master with so many replicas, watched by three sentinels.
    pub fn start(replicas: usize) -> Self {
        let folder = std::env::temp_dir().join(format!("flink-redis-sentinel-{}-{}", std::process::id(), free_port()));
        std::fs::create_dir(&folder).unwrap();
        let mut deployment = Self { servers: Vec::new(), sentinels: Vec::new(), folder };
        for n in 0..=replicas {
            // Replicas write what they are sent into a file there.
            let data = format!("data-{n}.rdb");
            let mut arguments = vec!["--repl-diskless-sync-delay", "0"];
            arguments.extend(["--dir", deployment.folder.to_str().unwrap(), "--dbfilename", &data]);
            let port = deployment.servers.first().map(|master| master.port.to_string()).unwrap_or_default();
            if n > 0 {
                arguments.extend(["--replicaof", "127.0.0.1", &port]);
            }
            let server = RedisServer::start_with(&arguments);
            deployment.servers.push(server);
        }
        for replica in &deployment.servers[1..] {
            await_that("the replica is in step", || replica.text("INFO replication").contains("master_link_status:up"));
        }
        deployment.sentinels = (0..3).map(|_| deployment.spawn_sentinel()).collect();
        deployment.await_watch();
        deployment
    }

    /// Sentinels write their state into their configuration, so each has a file of its own.
    fn spawn_sentinel(&self) -> RedisServer {
        let file = self.folder.join(format!("sentinel-{}.conf", free_port()));
        let port = self.servers[0].port;
        let configuration = format!(
            "sentinel monitor {MASTER} 127.0.0.1 {port} 2\n\
             sentinel down-after-milliseconds {MASTER} 1000\n\
             sentinel failover-timeout {MASTER} 3000\n"
        );
        std::fs::write(&file, configuration).unwrap();
        RedisServer::start_with(&[file.to_str().unwrap(), "--sentinel"])
    }

    /// Waits until the sentinels know each other and all replicas.
    fn await_watch(&self) {
        let known =
            format!("status=ok,address=127.0.0.1:{},slaves={},sentinels=3", self.master_port(), self.servers.len() - 1);
        await_that("the sentinels watch", || {
            self.sentinels.iter().all(|sentinel| sentinel.text("INFO sentinel").contains(&known))
        });
    }

    fn master_port(&self) -> u16 {
        let reply = self.sentinels[0].run(&format!("SENTINEL GET-MASTER-ADDR-BY-NAME {MASTER}"));
        let Value::Array(parts) = reply else { panic!("{reply:?}") };
        let Value::BulkString(port) = &parts[1] else { panic!("{parts:?}") };
        std::str::from_utf8(port).unwrap().parse().unwrap()
    }

    /// The place in `servers` of the master that the sentinels name.
    pub fn master(&self) -> usize {
        let port = self.master_port();
        self.servers.iter().position(|server| server.port == port).unwrap()
    }

    /// Waits until another one than `old` is the master, and a master. Gives its place in `servers`.
    pub fn await_failover(&self, old: usize) -> usize {
        let mut new = old;
        await_that("another one is the master", || {
            new = self.master();
            new != old && self.servers[new].text("INFO replication").contains("role:master")
        });
        new
    }

    /// The sentinels give the role to another one. Gives its place in `servers`.
    pub fn fail_over(&self) -> usize {
        let old = self.master();
        await_that("a failover begins", || {
            self.sentinels[0].run(&format!("SENTINEL FAILOVER {MASTER}")) == Value::Okay
        });
        self.await_failover(old)
    }

    pub fn connection_json(&self) -> String {
        connection_json(&self.sentinels.iter().map(|sentinel| sentinel.port).collect::<Vec<_>>(), MASTER, NOBODY)
    }
}

/// The fields that say who connects to sentinels without a password.
pub const NOBODY: &str = r#""user":"","password":"","#;

/// Connection settings with sentinels on these ports of loopback; `access` are the user and the password for the
/// sentinels, each ended by a comma.
pub fn connection_json(ports: &[u16], master: &str, access: &str) -> String {
    let sentinels: Vec<String> = ports.iter().map(|port| format!(r#"{{"host":"127.0.0.1","port":{port}}}"#)).collect();
    let sentinel = format!(
        r#""deployment":{{"sentinel":{{{access}"master":"{master}","sentinels":[{}],"tls":false,
        "database":0,"addressMap":{{}}}}}}"#,
        sentinels.join(",")
    );
    super::connection_json(1).replace(&super::single_json(1), &sentinel)
}

impl Drop for Sentinels {
    fn drop(&mut self) {
        self.sentinels.clear();
        self.servers.clear();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
