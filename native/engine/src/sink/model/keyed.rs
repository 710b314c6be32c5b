//! The order of a hash sink's writes and what expires of them, while the slot moves and the server is full for a while.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use tokio::runtime::Handle;

use super::job::settings;
use super::server::{self, SimulatedRedis};
use super::{Step, cases, paused};
use crate::client::Servers;
use crate::config::{SinkKind, SinkSettings};
use crate::random;
use crate::sink::record_batch::tests::batch;
use crate::sink::writer::Writer;

/// Without failures of the job, and of connections: what was in flight on a lost one may be carried out late.
fn keyed_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1u8..12).prop_map(|records| Step::Write { records, at_once: 1 }),
        3 => (1u16..900).prop_map(|millis| Step::Wait { millis }),
        4 => (1u8..40).prop_map(|times| Step::Yield { times }),
        1 => any::<bool>().prop_map(|full| Step::Full { full }),
        2 => Just(Step::Migrate),
        2 => (1u8..4).prop_map(|keys| Step::MoveKeys { keys }),
        2 => Just(Step::Migrated),
    ]
}

/// A hash sink writes rising numbers to a few keys, so long that not all of them are on the wire at once. In the end
/// each has its last one, and its time to live. One key is of another type: its records are dead letters, and it gets
/// no time to live.
fn run_keyed(seed: u64, cluster: bool, ttl_seconds: u64, steps: &[Step]) -> Result<(), String> {
    random::seed(seed);
    paused().block_on(async {
        let redis = SimulatedRedis::new(seed);
        let dead_letter_stream = server::LETTERS.to_owned();
        let settings = SinkSettings { kind: SinkKind::Hash, ttl_seconds, dead_letter_stream, ..settings(cluster) };
        let servers = Servers::over(settings.connection.clone(), redis.network());
        let writer = Writer::on(Handle::current(), None, settings, servers);
        let (mut next, mut last, mut rejected) = (0, BTreeMap::new(), BTreeSet::new());
        for step in steps {
            match step {
                Step::Write { records, .. } => {
                    for number in next..next + u64::from(*records) {
                        let key = format!("{{t:0}}k{}", number % 6);
                        writer
                            .write(&batch(&[(0, &[(&key, ""), ("n", &format!("{number:0>3000}"))])]), Duration::ZERO)
                            .unwrap();
                        if key == server::FOREIGN {
                            rejected.insert(number);
                        } else {
                            last.insert(key, number);
                        }
                    }
                    next += u64::from(*records);
                }
                Step::Wait { millis } => tokio::time::sleep(Duration::from_millis(u64::from(*millis))).await,
                Step::Yield { times } => {
                    for _ in 0..*times {
                        tokio::task::yield_now().await;
                    }
                }
                Step::Full { full } => redis.state.lock().full = *full,
                Step::Migrate if cluster => redis.begin_migration(),
                Step::MoveKeys { keys } => redis.move_keys(usize::from(*keys)),
                Step::Migrated => redis.end_migration(),
                _ => {}
            }
        }
        redis.state.lock().full = false;
        redis.end_migration();
        for _ in 0..600 {
            if writer.flush(Duration::ZERO).map_err(|error| error.to_string())? {
                writer.crash();
                let state = redis.state.lock();
                let (there, letters) = (&state.hashes, &state.letters);
                let expiring: BTreeSet<String> =
                    state.expiring.keys().filter(|key| key.starts_with("{t:0}k")).cloned().collect();
                let to_expire: BTreeSet<String> = last.keys().filter(|_| ttl_seconds > 0).cloned().collect();
                return match () {
                    () if *there != last => Err(format!("{there:?} are there, and not {last:?}")),
                    () if expiring != to_expire => Err(format!("{expiring:?} are to expire, and not {to_expire:?}")),
                    () if *letters != rejected => Err(format!("{letters:?} are dead letters, and not {rejected:?}")),
                    () => Ok(()),
                };
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(format!("not confirmed: {:?}", writer.stats()))
    })
}

/// Not only behind all that waits: that may be a while.
#[test]
fn what_is_written_expires_before_the_rest_of_the_queue_is_sent() {
    const RECORDS: usize = 300;
    random::seed(1);
    paused().block_on(async {
        let redis = SimulatedRedis::new(1);
        let settings = SinkSettings { kind: SinkKind::Hash, ttl_seconds: 1, ..settings(false) };
        let servers = Servers::over(settings.connection.clone(), redis.network());
        let writer = Writer::on(Handle::current(), None, settings, servers);
        for number in 0..RECORDS {
            let record = batch(&[(0, &[(&format!("{{t:0}}k-{number}"), ""), ("n", &format!("{number:0>3000}"))])]);
            assert!(writer.write(&record, Duration::ZERO).unwrap());
        }
        // How many are written when the first of them is to expire.
        let written = || {
            let state = redis.state.lock();
            let expires = state.expiring.keys().any(|key| key.starts_with("{t:0}k-"));
            expires.then_some(state.hashes.len())
        };
        for _ in 0..100_000 {
            if written().is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
        writer.crash();
        let written = written().unwrap();
        assert!((1..RECORDS).contains(&written), "{written}");
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_key_holds_what_was_written_last(
        seed in any::<u64>(),
        cluster in any::<bool>(),
        ttl in 0u64..2,
        steps in prop::collection::vec(keyed_step(), 1..50)
    ) {
        run_keyed(seed, cluster, ttl, &steps).map_err(TestCaseError::fail)?;
    }
}
