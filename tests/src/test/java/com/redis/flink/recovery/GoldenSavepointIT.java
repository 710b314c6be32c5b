package com.redis.flink.recovery;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.it.Flink;
import com.redis.flink.it.Job;
import com.redis.flink.testing.Await;
import com.redis.flink.testing.RedisServer;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.resps.StreamEntry;

import java.io.IOException;
import java.net.URI;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Savepoints of earlier versions, of the connector and of Flink, can be restored, with any
 * parallelism: those in {@code tests/golden/savepoint-flink-*}, each with what was in Redis then.
 *
 * <p>In such a savepoint the numbers of the first checkpoint are copied, those of the second one
 * are staged and their committables are in the savepoint; those after the savepoint are staged,
 * too, and no checkpoint knows of them.
 *
 * <p>Golden savepoints are kept as they are. When the form of any state changes, add one that the
 * version before the change has written, by its own tests:
 *
 * <pre>
 * FLINK_REDIS_TEST_WRITE_GOLDEN=savepoint-flink-1.20-split-v2 \
 *     gradle -PflinkVersion=1.20.3 :tests:test --tests '*GoldenSavepointIT'
 * </pre>
 */
class GoldenSavepointIT {

    private static final String WRITE = "FLINK_REDIS_TEST_WRITE_GOLDEN";
    private static final String CONTENT = "redis.txt";
    private static final Duration LIMIT = Duration.ofSeconds(60);

    private static final int KEYS = 4;
    private static final int COPIED = 10;
    private static final int SAVED = 20;
    private static final int STAGED = 25;
    private static final int ALL = 40;

    @RegisterExtension static final Flink FLINK = new Flink();

    private static Path golden() {
        return Path.of(System.getProperty("golden"));
    }

    /** Those that this Flink reads, by name: Flink 1 reads none of Flink 2. */
    static List<Arguments> savepoints() throws IOException {
        String readable = System.getProperty("flink.version").startsWith("1.") ? "1.*" : "*";
        List<Arguments> all = new ArrayList<>();
        try (DirectoryStream<Path> found =
                Files.newDirectoryStream(golden(), "savepoint-flink-" + readable)) {
            for (Path savepoint : found) {
                for (int parallelism = 1; parallelism <= 3; parallelism++) {
                    all.add(Arguments.of(savepoint.getFileName().toString(), parallelism));
                }
            }
        }
        return all;
    }

    @ParameterizedTest
    @MethodSource("savepoints")
    void isRestored(String name, int parallelism) throws Exception {
        Path savepoint = golden().resolve(name);
        try (RedisServer redis = RedisServer.start("--databases", "1");
                Jedis jedis = redis.jedis()) {
            RedisContent.load(jedis, savepoint.resolve(CONTENT));
            assertEachOnce(jedis, COPIED);
            add(jedis, STAGED, ALL - KEYS);
            try (Job job =
                    FLINK.run(
                            GoldenJob.of(FLINK, redis, parallelism),
                            savepoint.toUri().toString())) {
                job.awaitRunning();
                add(jedis, ALL - KEYS, ALL);
                Await.value(
                        "checkpoints bring all out",
                        LIMIT,
                        () -> {
                            job.checkpoint();
                            return copied(jedis);
                        },
                        copied -> copied >= ALL);
                job.stopWithSavepoint();
            }
            assertEachOnce(jedis, ALL);
            assertThat(staged(jedis)).isZero();
            assertThat(pending(jedis)).isZero();
        }
    }

    @Test
    @EnabledIfEnvironmentVariable(named = WRITE, matches = ".+")
    void write() throws Exception {
        Path target = Files.createDirectory(golden().resolve(System.getenv(WRITE)));
        try (RedisServer redis = RedisServer.start("--databases", "1");
                Jedis jedis = redis.jedis()) {
            add(jedis, 0, COPIED);
            try (Job job = FLINK.run(GoldenJob.of(FLINK, redis, 2))) {
                Await.until("all is staged", LIMIT, () -> staged(jedis) == COPIED);
                job.checkpoint();
                Await.until("all is copied", LIMIT, () -> copied(jedis) == COPIED);
                Await.until("all is acknowledged", LIMIT, () -> pending(jedis) == 0);
                add(jedis, COPIED, SAVED);
                Await.until("all is staged", LIMIT, () -> staged(jedis) == SAVED - COPIED);
                Path savepoint = Path.of(URI.create(job.savepoint()));
                try (DirectoryStream<Path> files = Files.newDirectoryStream(savepoint)) {
                    for (Path file : files) {
                        Files.copy(file, target.resolve(file.getFileName()));
                    }
                }
                add(jedis, SAVED, STAGED);
                Await.until("all is staged", LIMIT, () -> staged(jedis) == STAGED - COPIED);
                RedisContent.save(jedis, target.resolve(CONTENT));
            }
        }
    }

    private static String key(int number) {
        return "k" + number % KEYS;
    }

    private static String text(int number) {
        return "Zürich 東京 🚀 " + number;
    }

    private static void add(Jedis jedis, int from, int to) {
        for (int n = from; n < to; n++) {
            jedis.xadd(
                    GoldenJob.FROM + ":" + n % GoldenJob.PARTITIONS,
                    new StreamEntryID(1000 + n, 0),
                    Map.of(
                            "key",
                            key(n),
                            GoldenJob.NUMBER,
                            Integer.toString(n),
                            GoldenJob.TEXT,
                            text(n)));
        }
    }

    /** The copy has each number, none twice, and each with what came before it with its key. */
    private static void assertEachOnce(Jedis jedis, int count) {
        Map<Integer, Map<String, String>> expected = new TreeMap<>();
        for (int n = 0; n < count; n++) {
            Map<String, String> fields = new TreeMap<>();
            fields.put("key", key(n));
            fields.put(GoldenJob.NUMBER, Integer.toString(n));
            fields.put(GoldenJob.TEXT, text(n));
            if (n >= KEYS) {
                fields.put(GoldenJob.PREVIOUS_NUMBER, Integer.toString(n - KEYS));
                fields.put(GoldenJob.PREVIOUS_TEXT, text(n - KEYS));
            }
            expected.put(n, fields);
        }
        Map<Integer, Map<String, String>> copy = new TreeMap<>();
        for (int partition = 0; partition < GoldenJob.PARTITIONS; partition++) {
            for (StreamEntry entry : entries(jedis, GoldenJob.TO + ":" + partition)) {
                Map<String, String> fields = entry.getFields();
                int number = Integer.parseInt(fields.get(GoldenJob.NUMBER));
                assertThat(copy.put(number, fields)).as("%s came before", number).isNull();
            }
        }
        assertThat(copy).isEqualTo(expected);
    }

    private static List<StreamEntry> entries(Jedis jedis, String stream) {
        return jedis.xrange(stream, (StreamEntryID) null, null);
    }

    private static long copied(Jedis jedis) {
        long copied = 0;
        for (int partition = 0; partition < GoldenJob.PARTITIONS; partition++) {
            copied += jedis.xlen(GoldenJob.TO + ":" + partition);
        }
        return copied;
    }

    /** How many records are staged: the field of a pack says how many it holds. */
    private static long staged(Jedis jedis) {
        return jedis.keys("{" + GoldenJob.TO + ":*}:staging:*").stream()
                .filter(key -> jedis.type(key).equals("stream"))
                .flatMap(key -> entries(jedis, key).stream())
                .mapToLong(pack -> Long.parseLong(pack.getFields().keySet().iterator().next()))
                .sum();
    }

    private static long pending(Jedis jedis) {
        long pending = 0;
        for (int partition = 0; partition < GoldenJob.PARTITIONS; partition++) {
            pending += jedis.xpending(GoldenJob.FROM + ":" + partition, GoldenJob.GROUP).getTotal();
        }
        return pending;
    }
}
