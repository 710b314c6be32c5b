//! What a piece of work costs this process and the server.

use std::time::Instant;

use crate::support::RedisServer;

/// What a piece of work has cost.
#[derive(Clone, Copy)]
pub struct Cost {
    pub seconds: f64,
    /// Seconds of this process's CPU, all threads: in its own code, and in the kernel.
    pub user: f64,
    pub system: f64,
    /// Pages that the kernel has given to this process.
    pub faults: f64,
    /// Seconds of the server's CPU.
    pub server: f64,
}

/// Does the work, and says what it cost.
pub fn cost_of(server: &RedisServer, work: impl FnOnce()) -> Cost {
    let (begin, before, server_before) = (Instant::now(), used(), server_seconds(server));
    work();
    let (seconds, after) = (begin.elapsed().as_secs_f64(), used());
    Cost {
        seconds,
        user: after[0] - before[0],
        system: after[1] - before[1],
        faults: after[2] - before[2],
        server: server_seconds(server) - server_before,
    }
}

/// User and system time of this process, all threads, in seconds.
pub fn cpu_seconds() -> f64 {
    let [user, system, _] = used();
    user + system
}

/// User time, system time, and minor faults of this process so far (proc(5), `stat`).
fn used() -> [f64; 3] {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let number = |at: usize| fields[at].parse::<f64>().unwrap();
    [number(11) / 100.0, number(12) / 100.0, number(7)]
}

/// User and system time of the server, in seconds.
pub fn server_seconds(server: &RedisServer) -> f64 {
    let info = server.text("INFO cpu");
    let used = |name: &str| {
        info.lines().find_map(|line| line.strip_prefix(name)).map_or(0.0, |value| value.trim().parse().unwrap())
    };
    used("used_cpu_user:") + used("used_cpu_sys:")
}
