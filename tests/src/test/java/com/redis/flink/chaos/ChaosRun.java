package com.redis.flink.chaos;

import com.redis.flink.testing.Directories;
import com.redis.flink.testing.RedisServer;
import com.redis.flink.testing.SessionCluster;
import com.redis.flink.testing.TcpProxy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;

/**
 * A producer, a Redis that fsyncs every write, a Flink of separate processes, and one job for each
 * ack strategy, all on the same topic under the same faults. Each job also copies the topic,
 * exactly once, and a reader follows the copies.
 */
final class ChaosRun implements AutoCloseable {

    static final String TOPIC = "chaos";
    static final int PARTITIONS = 4;

    private static final int TASK_MANAGERS = 2;
    private static final String PASSWORD = "secret";

    /** What users of a managed Redis may not do, as a rule. */
    private static final String FORBIDDEN = "-client|kill -client|list -@scripting";

    private final Consumer<String> log;
    private final long began = System.nanoTime();
    private final Path folder;
    private final RedisServer redis;
    private final TcpProxy proxy;
    private final SessionCluster flink;
    private final Producer producer;
    private final ChaosJobs jobs;
    private final FaultInjector faults;
    private final FinalChecks checks;

    /** By strategy; empty: the jobs do not copy, since their user may not run scripts. */
    private final Map<String, CopyCheck> copies = new LinkedHashMap<>();

    /**
     * @param seed of the faults and of what is produced
     * @param limited the jobs' user may not kill or list connections, nor run scripts
     * @param log is told what happens
     */
    ChaosRun(long seed, Collection<String> strategies, boolean limited, Consumer<String> log)
            throws IOException {
        this.log = log;
        List<String> all = List.copyOf(strategies);
        folder = Files.createTempDirectory("chaos");
        Reports reports = new Reports(folder);
        redis = RedisServer.start(redisArguments(limited).toArray(new String[0]));
        proxy = new TcpProxy(redis.port());
        // Any one TaskManager has room for everything: then the jobs go on when the other is lost.
        flink =
                SessionCluster.startBreakable(
                        TASK_MANAGERS,
                        all.size() * ChaosJobs.MAX_PARALLELISM,
                        Map.of(
                                "taskmanager.load-balance.mode",
                                "SLOTS",
                                "web.refresh-interval",
                                "200",
                                "web.checkpoints.history",
                                "100"));
        producer = new Producer(redis, TOPIC, PARTITIONS, seed);
        for (String strategy : limited ? List.<String>of() : all) {
            copies.put(
                    strategy,
                    new CopyCheck(strategy, PARTITIONS, redis, flink, reports, this::say));
        }
        jobs = new ChaosJobs(flink, reports, all, jobArguments(reports), this::say);
        faults =
                new FaultInjector(
                        new Random(seed), flink, TASK_MANAGERS, redis, proxy, jobs, this::say);
        checks = new FinalChecks(jobs, reports, producer, redis, copies, this::say);
    }

    private static List<String> redisArguments(boolean limited) {
        List<String> arguments = new ArrayList<>();
        arguments.addAll(List.of("--appendonly", "yes", "--appendfsync", "always"));
        arguments.addAll(List.of("--user", "chaos", "on", ">" + PASSWORD, "~*", "&*", "+@all"));
        arguments.addAll(limited ? List.of(FORBIDDEN.split(" ")) : List.of());
        return arguments;
    }

    private List<String> jobArguments(Reports reports) {
        List<String> arguments = new ArrayList<>();
        arguments.addAll(List.of("--host", redis.host()));
        arguments.addAll(List.of("--port", Integer.toString(proxy.port())));
        arguments.addAll(List.of("--user", "chaos", "--password", PASSWORD));
        arguments.addAll(List.of("--reports", reports.folder().toString()));
        arguments.addAll(List.of("--copy", Boolean.toString(!copies.isEmpty())));
        return arguments;
    }

    /** Begins to produce, submits the jobs and follows their copies. */
    void start() throws IOException {
        producer.start();
        jobs.start();
        copies.values().forEach(CopyCheck::start);
        jobs.settle();
        say("jobs run: " + jobs.strategies());
    }

    /** Makes a fault happen, and returns when the fault itself is over. */
    void inject(Fault fault) throws Exception {
        faults.inject(fault);
    }

    /** Waits until every job has completed a checkpoint that it began after now. */
    void settle() {
        jobs.settle();
    }

    /** Ends production, lets the jobs catch up, and checks their state. */
    Outcome finish() throws Exception {
        producer.stop();
        say("production has ended");
        Outcome outcome = checks.check(faults.injected());
        outcome.crashed(faults.crashed());
        return outcome;
    }

    private void say(String what) {
        log.accept(String.format("[%6.1f s] %s", (System.nanoTime() - began) / 1e9, what));
    }

    /** Copies the logs of Flink and Redis to a folder. */
    void copyLogs(Path target) throws IOException {
        flink.copyLogs(target);
        Files.writeString(target.resolve("redis.log"), redis.log());
    }

    @Override
    public void close() {
        producer.close();
        copies.values().forEach(CopyCheck::close);
        flink.close();
        proxy.close();
        redis.close();
        Directories.delete(folder);
    }
}
