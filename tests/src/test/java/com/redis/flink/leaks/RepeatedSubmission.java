package com.redis.flink.leaks;

import com.redis.flink.testing.Await;
import com.redis.flink.testing.RedisServer;
import com.redis.flink.testing.SessionCluster;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.StreamEntryID;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.function.Consumer;

/**
 * The same jar again and again on one session cluster: each job copies a topic, is cancelled, and
 * should leave nothing. {@code ./dev leaks} does it 50 times.
 */
public final class RepeatedSubmission implements AutoCloseable {

    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final int PARTITIONS = 4;
    private static final int MESSAGES = 200;

    /** What may differ between half of the runs and all of them: none of it grows by the run. */
    private static final int MORE_THREADS = 5;

    private static final int MORE_CLASSES = 150;
    private static final int MORE_MIB = 20;

    /** The class loader of a job that has just ended may be held for a while by Flink's threads. */
    private static final Duration LINGERING = Duration.ofSeconds(20);

    /** So much for one that lingers on: itself, its classes, its memory. */
    private static final int ONE = 1;

    private static final int ITS_CLASSES = 1000;
    private static final int ITS_MIB = 20;

    private final RedisServer redis = RedisServer.start("--databases", "1");
    private final Jedis jedis = redis.jedis();
    private final SessionCluster flink =
            SessionCluster.start(1, PARTITIONS, Map.of("web.refresh-interval", "200"));
    private final String jar =
            flink.upload(Path.of(System.getProperty("sample.partitioned-stream")));

    RepeatedSubmission() throws IOException, InterruptedException {}

    public static void main(String[] args) throws Exception {
        int runs = args.length == 2 && args[0].equals("--runs") ? Integer.parseInt(args[1]) : 50;
        System.out.println("leaks on Flink " + System.getProperty("flink.version"));
        try (RepeatedSubmission submissions = new RepeatedSubmission()) {
            String leaks = submissions.leaks(runs, System.out::println);
            System.out.println(leaks.isEmpty() ? "nothing leaks" : "LEAKS:\n" + leaks);
            System.exit(leaks.isEmpty() ? 0 : 1);
        }
    }

    /** What has grown from half of the runs to all of them; empty: nothing. */
    String leaks(int runs, Consumer<String> log) throws Exception {
        Footprint[] half = null;
        for (int i = 1; i <= runs; i++) {
            runOnce(i == 1);
            if (i == 1 || i == runs / 2) {
                half = footprints(i, log);
            }
        }
        Footprint[] all = footprints(runs, log);
        return grown("JobManager", half[0], all[0]) + grown("TaskManager", half[1], all[1]);
    }

    private Footprint[] footprints(int run, Consumer<String> log) throws Exception {
        Footprint[] footprints = {
            settled(flink.jobManager()), settled(flink.taskManagers().get(0))
        };
        log.accept(String.format("after %2d runs: JobManager  %s", run, footprints[0]));
        log.accept(String.format("               TaskManager %s", footprints[1]));
        return footprints;
    }

    private static Footprint settled(Process process) throws Exception {
        long deadline = System.nanoTime() + LINGERING.toNanos();
        Footprint footprint = Footprint.of(process);
        while (footprint.jobClassLoaders > 0 && System.nanoTime() < deadline) {
            footprint = Footprint.of(process);
        }
        return footprint;
    }

    private void runOnce(boolean first) throws Exception {
        String port = Integer.toString(redis.port());
        String job = flink.runUploaded(jar, "--host", redis.host(), "--port", port);
        flink.awaitRunning(job, LIMIT);
        Await.value("the groups", LIMIT, this::groups, groups -> groups == PARTITIONS);
        for (int i = 0; i < MESSAGES; i++) {
            Map<String, String> fields = Map.of("key", "key" + i, "number", Integer.toString(i));
            jedis.xadd("test:" + i % PARTITIONS, StreamEntryID.NEW_ENTRY, fields);
        }
        Await.value("the output", LIMIT, this::written, written -> written == MESSAGES);
        if (first) {
            proveMeasure();
        }
        flink.cancelByRest(job);
        flink.awaitState(job, "CANCELED", LIMIT);
        Await.value("no connection is left", LIMIT, this::connections, left -> left == 0);
        jedis.flushAll();
    }

    /** While a job runs there is something to be seen: else what is measured afterwards is void. */
    private void proveMeasure() throws Exception {
        Footprint running = Footprint.of(flink.taskManagers().get(0));
        if (running.ourThreads == 0 || running.jobClassLoaders == 0 || running.libraries == 0) {
            throw new AssertionError("a running job is not seen: " + running);
        }
    }

    private int groups() {
        int groups = 0;
        for (int partition = 0; partition < PARTITIONS; partition++) {
            if (jedis.exists("test:" + partition)) {
                groups += jedis.xinfoGroups("test:" + partition).size();
            }
        }
        return groups;
    }

    private long written() {
        long written = 0;
        for (int partition = 0; partition < PARTITIONS; partition++) {
            written += jedis.xlen("output:" + partition);
        }
        return written;
    }

    private long connections() {
        return jedis.clientList().lines().filter(line -> line.contains(" name=flink-")).count();
    }

    private static String grown(String process, Footprint half, Footprint all) {
        long lingering = Math.min(ONE, all.jobClassLoaders);
        return grown(process, "threads", half.threads, all.threads, MORE_THREADS)
                + grown(process, "threads of ours", 0, all.ourThreads, 0)
                + grown(process, "class loaders of jobs", 0, all.jobClassLoaders, ONE)
                + grown(
                        process,
                        "classes",
                        half.classes,
                        all.classes,
                        MORE_CLASSES + lingering * ITS_CLASSES)
                + grown(process, "native libraries", 0, all.libraries, ONE)
                + grown(process, "MiB", half.rssMib, all.rssMib, MORE_MIB + lingering * ITS_MIB);
    }

    private static String grown(String process, String what, long from, long to, long tolerance) {
        return to - from <= tolerance
                ? ""
                : String.format("%s: %d %s after %d%n", process, to, what, from);
    }

    @Override
    public void close() {
        flink.close();
        jedis.close();
        redis.close();
    }
}
