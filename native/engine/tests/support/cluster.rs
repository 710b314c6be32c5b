//! A real cluster, and what its operators do with it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use redis::Value;

use super::{RedisServer, await_that, free_port};

/// How long nodes wait for one that is silent, before they give it up.
pub const NODE_TIMEOUT: Duration = Duration::from_secs(2);

pub struct Cluster {
    /// Masters first, then the replicas of each of them; then what was added.
    pub nodes: Vec<RedisServer>,
    arguments: Vec<String>,
    folder: PathBuf,
}

pub const SLOTS: u16 = 16384;

impl Cluster {
    /// So many masters, each with so many replicas; the slots are spread evenly.
    pub fn start(masters: usize, replicas: usize) -> Self {
        Self::start_with(masters, replicas, &[])
    }

    /// With further arguments for each node.
    pub fn start_with(masters: usize, replicas: usize, arguments: &[&str]) -> Self {
        let folder = std::env::temp_dir().join(format!("flink-redis-cluster-{}-{}", std::process::id(), free_port()));
        std::fs::create_dir(&folder).unwrap();
        let arguments = arguments.iter().map(ToString::to_string).collect();
        let mut cluster = Self { nodes: Vec::new(), arguments, folder };
        cluster.nodes = (0..masters * (1 + replicas)).map(|_| cluster.spawn()).collect();
        for (n, node) in cluster.nodes[..masters].iter().enumerate() {
            let first = |n: usize| n * usize::from(SLOTS) / masters;
            expect_ok(node, &format!("CLUSTER ADDSLOTSRANGE {} {}", first(n), first(n + 1) - 1));
        }
        cluster.await_acquaintance();
        for replica in masters..cluster.nodes.len() {
            cluster.replicate(replica, (replica - masters) / replicas);
        }
        cluster.await_health();
        cluster
    }

    fn spawn(&self) -> RedisServer {
        loop {
            let bus = free_port().to_string();
            let file = self.folder.join(format!("nodes-{bus}.conf"));
            let data = format!("data-{bus}.rdb");
            let timeout = NODE_TIMEOUT.as_millis().to_string();
            let mut arguments =
                vec!["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", &timeout];
            arguments.extend(["--repl-diskless-sync-delay", "0", "--cluster-config-file", file.to_str().unwrap()]);
            // Replicas write what they are sent into a file there.
            arguments.extend(["--dir", self.folder.to_str().unwrap(), "--dbfilename", &data]);
            arguments.extend(self.arguments.iter().map(String::as_str));
            if let Some(node) = RedisServer::try_start(&arguments) {
                return node;
            }
        }
    }

    /// A further master, without slots. Gives its place in `nodes`.
    pub fn add_node(&mut self) -> usize {
        self.nodes.push(self.spawn());
        self.await_acquaintance();
        self.await_health();
        self.nodes.len() - 1
    }

    /// Makes a node without slots a replica.
    pub fn replicate(&self, replica: usize, master: usize) {
        let command = format!("CLUSTER REPLICATE {}", self.id(master));
        await_that("the replica knows its master", || self.nodes[replica].run(&command) == Value::Okay);
        await_that("the replica is in step", || {
            self.nodes[replica].text("INFO replication").contains("master_link_status:up")
        });
    }

    fn await_acquaintance(&self) {
        let running = self.running();
        for one in &running {
            for other in running.iter().filter(|other| other.port != one.port) {
                let bus = other.config("cluster-port");
                expect_ok(one, &format!("CLUSTER MEET 127.0.0.1 {} {bus}", other.port));
            }
        }
        let known = format!("cluster_known_nodes:{}\r", running.len());
        await_that("the nodes know each other", || {
            running.iter().all(|node| {
                node.text("CLUSTER INFO").contains(&known) && !node.text("CLUSTER NODES").contains("handshake")
            })
        });
    }

    /// Waits until every node that runs says that every slot is served, and all say so of the same owners.
    pub fn await_health(&self) {
        await_that("the cluster is well", || {
            let mut owners = self.running().into_iter().map(|node| {
                let well = node.text("CLUSTER INFO").contains("cluster_state:ok");
                owners(node).filter(|_| well)
            });
            match owners.next() {
                Some(Some(first)) => owners.all(|other| other.as_ref() == Some(&first)),
                _ => false,
            }
        });
    }

    fn running(&self) -> Vec<&RedisServer> {
        self.nodes.iter().filter(|node| node.is_running()).collect()
    }

    /// A node's ID in the cluster.
    pub fn id(&self, node: usize) -> String {
        self.nodes[node].text("CLUSTER MYID")
    }

    pub fn slot(&self, key: &str) -> u16 {
        self.running()[0].int(&format!("CLUSTER KEYSLOT {key}")) as u16
    }

    /// The place in `nodes` of the master that has the key.
    pub fn owner(&self, key: &str) -> usize {
        self.owner_of_slot(self.slot(key))
    }

    /// The place in `nodes` of the master that has the slot, as the first node says that answers.
    pub fn owner_of_slot(&self, slot: u16) -> usize {
        let owners = self.running().into_iter().find_map(owners).expect("a node answers");
        let port = owner(&owners, slot).expect("an owner");
        self.nodes.iter().position(|node| node.port == port).expect("a node of ours")
    }

    /// Runs a command that is split at spaces where `key` is, wherever that moves. A node that ends meanwhile may have
    /// carried it out: then it is carried out twice.
    pub fn run(&self, key: &str, command: &str) -> Value {
        self.run_args(key, &command.split(' ').map(str::as_bytes).collect::<Vec<_>>())
    }

    pub fn run_args(&self, key: &str, arguments: &[&[u8]]) -> Value {
        let mut to = (self.owner(key), false);
        let mut result = None;
        await_that(&format!("a node takes {}", String::from_utf8_lossy(arguments[0])), || {
            let (node, asking) = to;
            match self.nodes[node].try_run(arguments, asking) {
                Ok(Value::ServerError(error)) if ["MOVED", "ASK"].contains(&error.code()) => {
                    let port = error.details().unwrap_or_default().rsplit(':').next().unwrap_or_default();
                    let node = self.nodes.iter().position(|node| node.port.to_string() == port);
                    to = (node.expect("a node of ours"), error.code() == "ASK");
                }
                Ok(Value::ServerError(error)) if ["TRYAGAIN", "CLUSTERDOWN"].contains(&error.code()) => {}
                Ok(reply) => result = Some(reply),
                Err(_) => to = (self.owner(key), false),
            }
            result.is_some()
        });
        result.unwrap()
    }

    /// `XADD stream * n <n>` for each number.
    pub fn add(&self, stream: &str, numbers: std::ops::Range<u64>) {
        let script = "for n = ARGV[1], ARGV[2] do redis.call('XADD', KEYS[1], '*', 'n', n) end";
        if !numbers.is_empty() {
            let (first, last) = (numbers.start.to_string(), (numbers.end - 1).to_string());
            let reply = self.run_args(
                stream,
                &[b"EVAL", script.as_bytes(), b"1", stream.as_bytes(), first.as_bytes(), last.as_bytes()],
            );
            assert_eq!(reply, Value::Nil);
        }
    }

    /// How many entries the stream has.
    pub fn entries(&self, stream: &str) -> i64 {
        match self.run(stream, &format!("XLEN {stream}")) {
            Value::Int(entries) => entries,
            other => panic!("{other:?}"),
        }
    }

    /// Moves a slot, one step at a time, as `redis-cli --cluster reshard` does.
    pub fn migrate(&self, slot: u16, to: usize) {
        let migration = self.begin_migration(slot, to);
        self.move_keys(&migration);
        self.end_migration(&migration);
    }

    /// The slot is open: keys that are not there any more are asked for at the new owner.
    pub fn begin_migration(&self, slot: u16, to: usize) -> Migration {
        let from = self.owner_of_slot(slot);
        if from != to {
            expect_ok(&self.nodes[to], &format!("CLUSTER SETSLOT {slot} IMPORTING {}", self.id(from)));
            expect_ok(&self.nodes[from], &format!("CLUSTER SETSLOT {slot} MIGRATING {}", self.id(to)));
        }
        Migration { slot, from, to }
    }

    pub fn move_keys(&self, migration: &Migration) {
        let from = &self.nodes[migration.from];
        let port = self.nodes[migration.to].port.to_string();
        loop {
            let keys = from.run(&format!("CLUSTER GETKEYSINSLOT {} 10", migration.slot));
            let keys = keys.as_sequence().unwrap();
            if keys.is_empty() || migration.from == migration.to {
                return;
            }
            for key in keys {
                let Value::BulkString(key) = key else { panic!("{key:?}") };
                let reply = from.run_args(&[b"MIGRATE", b"127.0.0.1", port.as_bytes(), key, b"0", b"5000"]);
                assert!(matches!(&reply, Value::Okay | Value::SimpleString(_)), "{reply:?}");
            }
        }
    }

    /// The new owner is told first, so that nobody is sent to one that knows nothing of it. It tells the others.
    pub fn end_migration(&self, migration: &Migration) {
        // Its claim outweighs all that it has heard of: it must have heard of all, or two nodes may send clients to
        // each other for ever.
        await_that("all nodes know each other's epochs", || {
            let mut epochs = self.running().into_iter().map(epochs);
            let first = epochs.next();
            epochs.all(|other| Some(other) == first)
        });
        let command = format!("CLUSTER SETSLOT {} NODE {}", migration.slot, self.id(migration.to));
        expect_ok(&self.nodes[migration.to], &command);
        // It may know it already; then, if that was its last slot, it has become the new owner's replica and refuses.
        self.nodes[migration.from].run(&command);
        await_that("all nodes know the new owner", || {
            self.running().into_iter().all(|node| {
                owners(node).and_then(|owners| owner(&owners, migration.slot)) == Some(self.nodes[migration.to].port)
            })
        });
    }

    /// The node ends, and every other one forgets it. It must own nothing.
    pub fn remove(&mut self, node: usize) {
        let id = self.id(node);
        self.nodes[node].kill();
        let command = format!("CLUSTER FORGET {id}");
        for other in self.running() {
            // Since Redis 7.2 nodes tell each other what to forget: this one may have done it already.
            let reply = other.run(&command);
            let gone =
                matches!(&reply, Value::ServerError(e) if e.details().is_some_and(|it| it.starts_with("Unknown node")));
            assert!(gone || reply == Value::Okay, "{command}: {reply:?}");
        }
    }

    /// The replica takes its master's place, with the master's consent: nothing is lost.
    pub fn fail_over_to(&self, replica: usize) {
        expect_ok(&self.nodes[replica], "CLUSTER FAILOVER");
        self.await_promotion(replica);
    }

    pub fn await_promotion(&self, replica: usize) {
        await_that("the replica is a master", || self.nodes[replica].text("INFO replication").contains("role:master"));
        self.await_health();
    }

    /// Connection settings that begin at all nodes.
    pub fn connection_json(&self) -> String {
        connection_json(&self.nodes.iter().map(|node| node.port).collect::<Vec<_>>(), "")
    }
}

/// Connection settings that begin at these nodes of loopback.
pub fn connection_json(ports: &[u16], address_map: &str) -> String {
    let seeds: Vec<String> = ports.iter().map(|port| format!(r#"{{"host":"127.0.0.1","port":{port}}}"#)).collect();
    let cluster =
        format!(r#""deployment":{{"cluster":{{"seeds":[{}],"addressMap":{{{address_map}}}}}}}"#, seeds.join(","));
    super::connection_json(1).replace(&super::single_json(1), &cluster)
}

/// A slot on its way from one node to another.
pub struct Migration {
    pub slot: u16,
    pub from: usize,
    pub to: usize,
}

/// Ranges of slots and the ports of their masters, as a node says; `None`: it does not answer.
fn owners(node: &RedisServer) -> Option<BTreeMap<(u16, u16), u16>> {
    let int = |value: &Value| match value {
        Value::Int(number) => *number as u16,
        other => panic!("{other:?}"),
    };
    let Value::Array(ranges) = node.try_run(&[b"CLUSTER", b"SLOTS"], false).ok()? else { panic!("CLUSTER SLOTS") };
    let read = |range: &Value| {
        let range = range.as_sequence().unwrap();
        ((int(&range[0]), int(&range[1])), int(&range[2].as_sequence().unwrap()[1]))
    };
    Some(ranges.iter().map(read).collect())
}

/// What a node knows of the age of each one's claims, `CLUSTER NODES`: by ID, the seventh column.
fn epochs(node: &RedisServer) -> BTreeMap<String, String> {
    let nodes = node.text("CLUSTER NODES");
    let columns = nodes.lines().map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>());
    columns.map(|columns| (columns[0].clone(), columns[6].clone())).collect()
}

fn owner(owners: &BTreeMap<(u16, u16), u16>, slot: u16) -> Option<u16> {
    owners.iter().find(|((first, last), _)| (*first..=*last).contains(&slot)).map(|(_, port)| *port)
}

fn expect_ok(node: &RedisServer, command: &str) {
    let reply = node.run(command);
    assert_eq!(reply, Value::Okay, "{command}");
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.nodes.clear();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
