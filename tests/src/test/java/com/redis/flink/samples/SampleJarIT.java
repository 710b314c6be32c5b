package com.redis.flink.samples;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.testing.Await;
import com.redis.flink.testing.RedisServer;
import com.redis.flink.testing.SessionCluster;

import org.junit.jupiter.api.Test;

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
 * The fat jar of the sample on a Flink of separate processes: submitted, working, cancelled, and
 * nothing of it left.
 */
class SampleJarIT {

    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final int PARTITIONS = 4;
    private static final int MESSAGES = 1000;

    @Test
    void copiesTheTopicAndLeavesNothingBehind() throws Exception {
        Path jar = Path.of(System.getProperty("sample.jar"));
        // An argument of its own, so that the server is: the sample's topics have fixed names.
        try (RedisServer redis = RedisServer.start("--databases", "1");
                Jedis jedis = redis.jedis();
                SessionCluster flink = SessionCluster.start(1, PARTITIONS)) {
            String port = Integer.toString(redis.port());
            String job = flink.run(jar, "--host", redis.host(), "--port", port);
            flink.awaitRunning(job, LIMIT);
            Await.until("the groups exist", LIMIT, () -> groups(jedis) == PARTITIONS);

            List<Map<String, String>> produced = produce(jedis);
            Await.value("all is written", LIMIT, () -> written(jedis), n -> n >= MESSAGES);
            assertThat(output(jedis)).containsExactlyInAnyOrderElementsOf(produced);
            Await.value("a checkpoint acknowledges all", LIMIT, () -> pending(jedis), n -> n == 0);

            long taskManager = flink.taskManagers().get(0).pid();
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
            assertThat(flink.taskManagers().get(0).isAlive()).isTrue();
            assertThat(written(jedis)).isEqualTo(MESSAGES);
        }
    }

    private static List<Map<String, String>> produce(Jedis jedis) {
        List<Map<String, String>> produced = new ArrayList<>();
        for (int i = 0; i < MESSAGES; i++) {
            String key = "key-" + i % 50;
            long partition = Math.abs((long) key.hashCode()) % PARTITIONS;
            Map<String, String> fields = Map.of("key", key, "data", "value " + i);
            jedis.xadd("test:" + partition, StreamEntryID.NEW_ENTRY, fields);
            produced.add(fields);
        }
        return produced;
    }

    private static int groups(Jedis jedis) {
        int groups = 0;
        for (int partition = 0; partition < PARTITIONS; partition++) {
            if (jedis.exists("test:" + partition)) {
                groups += jedis.xinfoGroups("test:" + partition).size();
            }
        }
        return groups;
    }

    private static long pending(Jedis jedis) {
        long pending = 0;
        for (int partition = 0; partition < PARTITIONS; partition++) {
            pending += jedis.xpending("test:" + partition, "test-group").getTotal();
        }
        return pending;
    }

    private static long written(Jedis jedis) {
        long written = 0;
        for (int partition = 0; partition < PARTITIONS; partition++) {
            written += jedis.xlen("output:" + partition);
        }
        return written;
    }

    private static List<Map<String, String>> output(Jedis jedis) {
        List<Map<String, String>> output = new ArrayList<>();
        for (int partition = 0; partition < PARTITIONS; partition++) {
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
    private static List<String> threads(long pid) throws IOException {
        List<String> names = new ArrayList<>();
        try (Stream<Path> tasks = Files.list(Path.of("/proc/" + pid + "/task"))) {
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
