package com.redis.flink.samples;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.testing.Await;
import com.redis.flink.testing.RedisServer;
import com.redis.flink.testing.SessionCluster;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.resps.StreamEntry;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The fat jars of the samples on a Flink of separate processes: submitted, working, cancelled, and
 * nothing of them left.
 */
class SampleJarIT {

    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final int MESSAGES = 1000;

    private static SessionCluster flink;

    @BeforeAll
    static void startFlink() throws IOException {
        flink = SessionCluster.start(1, 4);
    }

    @AfterAll
    static void stopFlink() {
        flink.close();
    }

    @ParameterizedTest
    @CsvSource({"partitioned-stream, 4", "stream-source-stream-sink, 1"})
    void copiesAndLeavesNothingBehind(String sample, int partitions) throws Exception {
        Path jar = Path.of(System.getProperty("sample." + sample));
        // An argument of its own, so that the server is: the samples' topics have fixed names.
        try (RedisServer redis = RedisServer.start("--databases", "1");
                Jedis jedis = redis.jedis()) {
            String port = Integer.toString(redis.port());
            String job = flink.run(jar, "--host", redis.host(), "--port", port);
            flink.awaitRunning(job, LIMIT);
            Await.value("the groups", LIMIT, () -> groups(jedis, partitions), n -> n == partitions);

            List<Map<String, String>> produced = produce(jedis, partitions, MESSAGES);
            Await.value("the output", LIMIT, () -> written(jedis, partitions), n -> n >= MESSAGES);
            assertThat(output(jedis, partitions)).containsExactlyInAnyOrderElementsOf(produced);
            Await.value(
                    "a checkpoint acknowledges all",
                    LIMIT,
                    () -> pending(jedis, partitions),
                    n -> n == 0);

            Process taskManager = flink.taskManagers().get(0);
            assertThat(threads(taskManager)).anyMatch(SampleJarIT::ours);
            assertThat(clients(jedis)).isNotEmpty();

            flink.cancel(job);
            flink.awaitState(job, "CANCELED", LIMIT);
            Await.value(
                    "no connection of the job is left", LIMIT, () -> clients(jedis), List::isEmpty);
            Await.value(
                    "no thread of the job is left",
                    LIMIT,
                    () -> threads(taskManager),
                    names -> names.stream().noneMatch(SampleJarIT::ours));
            assertThat(taskManager.isAlive()).isTrue();
            assertThat(written(jedis, partitions)).isEqualTo(MESSAGES);
        }
    }

    /** The job fails with every 250th record of a subtask, and checkpoints every 500 ms. */
    @Test
    void aJobThatFailsNowAndThenWritesEachMessageOnce() throws Exception {
        Path jar = Path.of(System.getProperty("sample.intermittent-failure"));
        int partitions = 4;
        int messages = 2 * MESSAGES;
        try (RedisServer redis = RedisServer.start("--databases", "1");
                Jedis jedis = redis.jedis()) {
            String port = Integer.toString(redis.port());
            String job = flink.run(jar, "--host", redis.host(), "--port", port);
            flink.awaitRunning(job, LIMIT);
            Await.value("the groups", LIMIT, () -> groups(jedis, partitions), n -> n == partitions);

            List<Map<String, String>> produced = produce(jedis, partitions, messages);
            Await.value("the output", LIMIT, () -> written(jedis, partitions), n -> n >= messages);
            // What a failed attempt had written would be there by now, a second time.
            Await.value(
                    "a checkpoint acknowledges all",
                    LIMIT,
                    () -> pending(jedis, partitions),
                    n -> n == 0);
            assertThat(output(jedis, partitions)).containsExactlyInAnyOrderElementsOf(produced);
            assertThat(
                            flink.rest("/jobs/" + job + "/checkpoints")
                                    .path("counts")
                                    .path("restored")
                                    .asInt())
                    .isPositive();
            flink.cancel(job);
            flink.awaitState(job, "CANCELED", LIMIT);
        }
    }

    /**
     * JobManager and TaskManager are two processes: what a split has pending goes over the wire.
     */
    @Test
    void aJobStartsOnAGroupWithVeryManyPendingEntries() throws Exception {
        Path jar = Path.of(System.getProperty("sample.stream-source-stream-sink"));
        int entries = 600_000;
        try (RedisServer redis = RedisServer.start("--databases", "1");
                Jedis jedis = redis.jedis()) {
            jedis.xgroupCreate("test:0", "test-group", new StreamEntryID(0, 0), true);
            int chunk = 20_000;
            for (int from = 1; from <= entries; from += chunk) {
                jedis.eval(
                        "for i = ARGV[1], ARGV[2] do redis.call('XADD', 'test:0', i .. '-1', 'n',"
                                + " i) end redis.call('XREADGROUP', 'GROUP', 'test-group',"
                                + " 'flink-test-group-1-00000000000000aa-1', 'COUNT', 1000000,"
                                + " 'STREAMS', 'test:0', '>')",
                        List.of(),
                        List.of(Integer.toString(from), Integer.toString(from + chunk - 1)));
            }
            String port = Integer.toString(redis.port());
            String job = flink.run(jar, "--host", redis.host(), "--port", port);
            Await.value("the output", LIMIT, () -> written(jedis, 1), n -> n >= entries);
            Await.value("all is acknowledged", LIMIT, () -> pending(jedis, 1), n -> n == 0);
            assertThat(written(jedis, 1)).isEqualTo(entries);
            flink.cancel(job);
            flink.awaitState(job, "CANCELED", LIMIT);
        }
    }

    private static List<Map<String, String>> produce(Jedis jedis, int partitions, int messages) {
        List<Map<String, String>> produced = new ArrayList<>();
        for (int i = 0; i < messages; i++) {
            String key = "key-" + i % 50;
            long partition = Math.abs((long) key.hashCode()) % partitions;
            Map<String, String> fields = Map.of("key", key, "data", "value " + i);
            jedis.xadd("test:" + partition, StreamEntryID.NEW_ENTRY, fields);
            produced.add(fields);
        }
        return produced;
    }

    private static int groups(Jedis jedis, int partitions) {
        int groups = 0;
        for (int partition = 0; partition < partitions; partition++) {
            if (jedis.exists("test:" + partition)) {
                groups += jedis.xinfoGroups("test:" + partition).size();
            }
        }
        return groups;
    }

    private static long pending(Jedis jedis, int partitions) {
        long pending = 0;
        for (int partition = 0; partition < partitions; partition++) {
            pending += jedis.xpending("test:" + partition, "test-group").getTotal();
        }
        return pending;
    }

    private static long written(Jedis jedis, int partitions) {
        long written = 0;
        for (int partition = 0; partition < partitions; partition++) {
            written += jedis.xlen("output:" + partition);
        }
        return written;
    }

    private static List<Map<String, String>> output(Jedis jedis, int partitions) {
        List<Map<String, String>> output = new ArrayList<>();
        for (int partition = 0; partition < partitions; partition++) {
            for (StreamEntry entry :
                    jedis.xrange("output:" + partition, (StreamEntryID) null, null)) {
                output.add(entry.getFields());
            }
        }
        return output;
    }

    /** Connections of the job: they carry the name that the connector gives them. */
    private static List<String> clients(Jedis jedis) {
        return Stream.of(jedis.clientList().split("\n"))
                .filter(line -> line.contains(" name=flink-"))
                .collect(Collectors.toList());
    }

    /** The kernel's names of a process's threads: they include those that Java knows nothing of. */
    private static List<String> threads(Process process) throws IOException {
        List<String> names = new ArrayList<>();
        try (Stream<Path> tasks = Files.list(Path.of("/proc/" + process.pid() + "/task"))) {
            for (Path task : tasks.collect(Collectors.toList())) {
                names.add(name(task));
            }
        }
        return names;
    }

    private static String name(Path task) {
        try {
            return Files.readString(task.resolve("comm")).trim();
        } catch (IOException ended) {
            return "";
        }
    }

    private static boolean ours(String thread) {
        return thread.startsWith("flink-redis");
    }
}
