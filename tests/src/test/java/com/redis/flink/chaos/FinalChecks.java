package com.redis.flink.chaos;

import com.redis.flink.testing.Await;
import com.redis.flink.testing.RedisServer;

import redis.clients.jedis.Jedis;

import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.Consumer;

/** Compares what the jobs have counted and copied with what was produced, when a run ends. */
final class FinalChecks {

    private static final Duration LIMIT = Duration.ofSeconds(90);

    /** How long what is not zero yet may take to become so. */
    private static final Duration ZERO_LIMIT = Duration.ofSeconds(15);

    /**
     * After these a writer that was given up, or what a connection has kept of it, may stage more
     * when its successor has cleaned up. That expires.
     */
    private static final Set<Fault> LEAVES_ZOMBIES =
            Set.of(Fault.PAUSE_TASK_MANAGER, Fault.CUT_OFF_TASK_MANAGER, Fault.BLACK_HOLE);

    private final ChaosJobs jobs;
    private final Reports reports;
    private final Producer producer;
    private final RedisServer redis;

    /** By strategy; empty: the jobs do not copy. */
    private final Map<String, CopyCheck> copies;

    private final Consumer<String> log;

    FinalChecks(
            ChaosJobs jobs,
            Reports reports,
            Producer producer,
            RedisServer redis,
            Map<String, CopyCheck> copies,
            Consumer<String> log) {
        this.jobs = jobs;
        this.reports = reports;
        this.producer = producer;
        this.redis = redis;
        this.copies = copies;
        this.log = log;
    }

    /** Lets the jobs catch up with the producer, which has ended, and checks their state. */
    Outcome check(Map<Fault, Integer> injected) throws Exception {
        Outcome outcome = new Outcome(producer.written(), producer.bad(), injected);
        boolean zombies = LEAVES_ZOMBIES.stream().anyMatch(injected::containsKey);
        long deadline = System.nanoTime() + LIMIT.toNanos();
        for (String strategy : jobs.strategies()) {
            Duration left = Duration.ofNanos(Math.max(1, deadline - System.nanoTime()));
            Reports.Counted state = drained(strategy, left);
            outcome.add(line(strategy, state, zombies));
        }
        return outcome;
    }

    /**
     * Returns the state when it has everything, or has not for so long that it will not; with two
     * more checkpoints, so that what comes twice late is seen too.
     */
    private Reports.Counted drained(String strategy, Duration limit) throws IOException {
        try {
            Await.until(
                    strategy + " has counted everything",
                    limit,
                    () ->
                            reports.newest(strategy)
                                    .filter(c -> c.lost(producer.numbers()) == 0)
                                    .isPresent());
            jobs.settle();
        } catch (AssertionError e) {
            log.accept(ChaosJobs.firstLine(e));
        }
        return reports.newest(strategy).orElseThrow();
    }

    private Outcome.Line line(String strategy, Reports.Counted state, boolean zombies)
            throws Exception {
        Outcome.Line line = new Outcome.Line(strategy);
        line.counted = state.total();
        line.lost = state.lost(producer.numbers());
        line.duplicated = state.duplicated();
        line.restarts = jobs.restarts(strategy);
        line.runs = jobs.runs(strategy);
        line.problems = state.problems(producer.numbers());
        try (Jedis jedis = redis.jedis()) {
            line.pending =
                    awaitZero(
                            () ->
                                    Streams.pending(
                                            jedis, ChaosRun.TOPIC, ChaosRun.PARTITIONS, strategy));
            line.lag =
                    awaitZero(
                            () ->
                                    Streams.lag(
                                            jedis, ChaosRun.TOPIC, ChaosRun.PARTITIONS, strategy));
            line.readDeadLetters(
                    Streams.values(jedis, "bad-" + strategy, "number"), producer.bad());
            if (copies.containsKey(strategy)) {
                line.copied = copied(copies.get(strategy), jedis, zombies);
            }
        }
        return line;
    }

    private Outcome.Copied copied(CopyCheck copy, Jedis jedis, boolean zombies) throws Exception {
        awaitZero(
                () -> copy.lost(producer.numbers())); // what was committed last is still to be read
        copy.stop();
        Outcome.Copied copied = new Outcome.Copied();
        copied.read = copy.read();
        copied.lost = copy.lost(producer.numbers());
        copied.duplicated = copy.duplicated();
        copied.misordered = copy.misordered();
        copied.early = copy.early();
        copied.unchecked = copy.checks() == 0;
        copied.problems = copy.problems();
        for (String key : Streams.staged(jedis, copy.topic())) {
            copied.staged++;
            if (!zombies || jedis.ttl(key) == -1) {
                copied.problems += "    left behind: " + key + ", TTL " + jedis.ttl(key) + '\n';
            }
        }
        return copied;
    }

    /** Waits until a number is zero, as it may become with the next checkpoints; returns it. */
    private long awaitZero(Callable<Long> number) throws Exception {
        try {
            return Await.value("zero", ZERO_LIMIT, number, n -> n == 0);
        } catch (AssertionError e) {
            return number.call();
        }
    }
}
