package com.redis.flink.sink;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.RedisMessage;
import com.redis.flink.it.Flink;
import com.redis.flink.it.Fuse;
import com.redis.flink.it.Intermittent;
import com.redis.flink.it.Job;
import com.redis.flink.it.Topic;
import com.redis.flink.source.partitioned.RedisSourceBuilder;
import com.redis.flink.source.partitioned.RedisSourceConfig;
import com.redis.flink.source.partitioned.reader.deserializer.RedisMessageDeserializer;
import com.redis.flink.testing.Await;
import com.redis.flink.testing.RedisServer;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.resps.StreamEntry;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;

/** The stream sink with flushOnCheckpoint: in a job that copies a topic to another one. */
class ExactlyOnceSinkIT {

    private static final Duration LIMIT = Duration.ofMinutes(1);
    private static final int KEYS = 40;

    /** Nothing but the commands that docs/errors.md names. */
    private static final String[] COMMANDS = {
        "-@all",
        "+xadd",
        "+xrange",
        "+xlen",
        "+watch",
        "+del",
        "+get",
        "+set",
        "+sadd",
        "+srem",
        "+smembers",
        "+multi",
        "+exec",
        "+expire"
    };

    @RegisterExtension static final RedisServer REDIS = new RedisServer();
    @RegisterExtension static final Flink FLINK = new Flink();

    private static DataStream<RedisMessage> messages(
            StreamExecutionEnvironment env, RedisSourceConfig config, String name) {
        return env.fromSource(
                        new RedisSourceBuilder<>(config, new RedisMessageDeserializer()).build(),
                        WatermarkStrategy.noWatermarks(),
                        name,
                        TypeInformation.of(RedisMessage.class))
                .uid(name);
    }

    /** Without an interval nothing would be staged before the checkpoint. */
    private static RedisSink<RedisMessage> sink(RedisSinkConfig.Builder config) {
        return new RedisSinkBuilder<>(
                        new RedisPassthroughSerializer(),
                        config.flushOnCheckpoint(true).flushIntervalMillis(1).build())
                .build();
    }

    private static void copy(
            StreamExecutionEnvironment env,
            RedisSourceConfig from,
            MapFunction<RedisMessage, RedisMessage> between,
            RedisSinkConfig.Builder to) {
        messages(env, from, "messages")
                .map(between)
                .returns(TypeInformation.of(RedisMessage.class))
                .uid("between")
                .sinkTo(sink(to))
                .uid("sink");
    }

    private static Fuse<RedisMessage> nothing() {
        return new Fuse<>();
    }

    private static String key(int number) {
        return "key-" + number % KEYS;
    }

    private static void add(Topic topic, int partitions, int from, int to) {
        for (int n = from; n < to; n++) {
            topic.add(
                    Math.floorMod(key(n).hashCode(), partitions),
                    Map.of("key", key(n), Topic.NUMBER, Integer.toString(n)));
        }
    }

    /** The numbers of each key, in the order in which they are in the topic. */
    private static Map<String, List<Integer>> byKey(Topic topic, int partitions) {
        Map<String, List<Integer>> numbers = new TreeMap<>();
        for (int partition = 0; partition < partitions; partition++) {
            for (StreamEntry entry : topic.entries(partition)) {
                numbers.computeIfAbsent(entry.getFields().get("key"), key -> new ArrayList<>())
                        .add(Integer.valueOf(entry.getFields().get(Topic.NUMBER)));
            }
        }
        return numbers;
    }

    private static void assertEachOnceInOrder(Topic topic, int partitions, int count) {
        Map<String, List<Integer>> expected = new TreeMap<>();
        for (int n = 0; n < count; n++) {
            expected.computeIfAbsent(key(n), key -> new ArrayList<>()).add(n);
        }
        assertThat(byKey(topic, partitions)).isEqualTo(expected);
    }

    private static void assertNothingIsLeftBehind(Topic topic) {
        assertThat(topic.staged()).isEmpty();
        assertThat(topic.marks()).isNotEmpty();
        for (String mark : topic.marks()) {
            assertThat(topic.jedis().ttl(mark)).as(mark).isPositive();
        }
    }

    @Test
    void aCheckpointMakesItsRecordsVisible() throws Exception {
        try (Topic from = new Topic(REDIS, 2);
                Topic to = new Topic(REDIS, 3)) {
            StreamExecutionEnvironment env = FLINK.environment(2);
            copy(env, from.source().build(), nothing(), to.sink());
            try (Job job = FLINK.run(env)) {
                for (int round = 1; round <= 3; round++) {
                    add(from, 2, 100 * (round - 1), 100 * round);
                    Await.until("all is staged", LIMIT, () -> to.stagedRecords() == 100);
                    assertThat(to.length()).isEqualTo(100 * (round - 1));
                    job.checkpoint();
                    int visible = 100 * round;
                    Await.until("it is visible", LIMIT, () -> to.length() == visible);
                    Await.until("nothing is staged", LIMIT, () -> to.staged().isEmpty());
                }
            }
            assertEachOnceInOrder(to, 3, 300);
            assertNothingIsLeftBehind(to);
        }
    }

    @Test
    void aJobThatFailsAgainAndAgainWritesEachOnce() throws Exception {
        int messages = 2000;
        Intermittent<RedisMessage> intermittent = new Intermittent<>(250, 5);
        try (Topic from = new Topic(REDIS, 4);
                Topic to = new Topic(REDIS, 3);
                Jedis reader = REDIS.jedis()) {
            add(from, 4, 0, messages);
            StreamExecutionEnvironment env = FLINK.environment(2, Integer.MAX_VALUE);
            env.enableCheckpointing(500);
            copy(env, from.source().build(), intermittent, to.sink());
            try (Job job = FLINK.run(env)) {
                AtomicInteger looks = new AtomicInteger();
                Await.until(
                        "all is visible",
                        LIMIT,
                        () -> {
                            long visible = 0;
                            for (int partition = 0; partition < 3; partition++) {
                                visible += reader.xlen(to.stream(partition));
                            }
                            // Asked for after that: all that was visible was completed.
                            long completed = intermittent.heldBy(job.completedCheckpoint());
                            if (visible > completed) {
                                throw new SeenEarly(visible, completed);
                            }
                            looks.incrementAndGet();
                            return visible >= messages;
                        });
                assertThat(looks.get()).isGreaterThan(50);
                assertThat(intermittent.failures()).isGreaterThan(3);
                job.stopWithSavepoint();
            }
            assertEachOnceInOrder(to, 3, messages);
            assertNothingIsLeftBehind(to);
        }
    }

    /** No exception: those, what is awaited may throw. */
    private static final class SeenEarly extends AssertionError {
        private static final long serialVersionUID = 1L;

        SeenEarly(long visible, long completed) {
            super(visible + " entries are visible, but checkpoints hold only " + completed);
        }
    }

    @Test
    void anotherParallelismLosesAndRepeatsNothing() throws Exception {
        try (Topic from = new Topic(REDIS, 4);
                Topic to = new Topic(REDIS, 3)) {
            String savepoint = null;
            int count = 0;
            for (int parallelism : new int[] {3, 1, 2, 4}) {
                add(from, 4, count, count + 200);
                count += 200;
                int now = count;
                StreamExecutionEnvironment env = FLINK.environment(parallelism, 1);
                Fuse<RedisMessage> fuse = new Fuse<>();
                copy(env, from.source().build(), fuse, to.sink());
                try (Job job = savepoint == null ? FLINK.run(env) : FLINK.run(env, savepoint)) {
                    Await.until("all is staged", LIMIT, () -> to.stagedRecords() == 200);
                    // What the failed attempt has staged is found, whoever owns its lanes now.
                    fuse.blowAfter(50);
                    add(from, 4, count, count + 100);
                    count += 100;
                    Await.until("the failure", LIMIT, () -> fuse.blown() == 1);
                    Await.until("all is staged again", LIMIT, () -> to.stagedRecords() == 300);
                    assertThat(to.length()).isEqualTo(now - 200);
                    savepoint = job.stopWithSavepoint();
                }
                assertEachOnceInOrder(to, 3, count);
                assertNothingIsLeftBehind(to);
            }
        }
    }

    @Test
    void anOlderSavepointTakesNothingBackAndCommitsNothingTwice() throws Exception {
        try (Topic from = new Topic(REDIS, 1);
                Topic to = new Topic(REDIS, 1)) {
            add(from, 1, 0, 100);
            StreamExecutionEnvironment env = FLINK.environment(1);
            copy(env, from.source().build(), nothing(), to.sink());
            String savepoint;
            try (Job job = FLINK.run(env)) {
                Await.until("all is staged", LIMIT, () -> to.stagedRecords() == 100);
                savepoint = job.stopWithSavepoint();
            }
            for (int run = 0; run < 2; run++) {
                env = FLINK.environment(1);
                copy(env, from.source().build(), nothing(), to.sink());
                try (Job job = FLINK.run(env, savepoint)) {
                    job.awaitRunning();
                    job.checkpoint();
                }
                assertEachOnceInOrder(to, 1, 100);
            }
        }
    }

    @Test
    void sinksOfOneJobShareATopicAndLeaveEachOtherAlone() throws Exception {
        try (Topic one = new Topic(REDIS, 1);
                Topic two = new Topic(REDIS, 1);
                Topic to = new Topic(REDIS, 2)) {
            Fuse<RedisMessage> fuse = new Fuse<>();
            StreamExecutionEnvironment env = FLINK.environment(1, 1);
            messages(env, one.source().build(), "one")
                    .map(fuse)
                    .returns(TypeInformation.of(RedisMessage.class))
                    .sinkTo(sink(to.sink()));
            messages(env, two.source().build(), "two").sinkTo(sink(to.sink()));
            for (int n = 0; n < 100; n++) {
                (n % 2 == 0 ? one : two)
                        .add(0, Map.of("key", "key-" + n, Topic.NUMBER, Integer.toString(n)));
            }
            try (Job job = FLINK.run(env)) {
                Await.until("all is staged", LIMIT, () -> to.stagedRecords() == 100);
                // Before the first checkpoint: there is no state to tell whose the streams are.
                fuse.blowAfter(1);
                one.add(0, Map.of("key", "key-100", Topic.NUMBER, "100"));
                Await.until("the failure", LIMIT, () -> fuse.blown() == 1);
                Await.until("all is staged again", LIMIT, () -> to.stagedRecords() == 101);
                job.checkpoint();
                Await.until("all is visible", LIMIT, () -> to.length() == 101);
                Await.until("nothing is staged", LIMIT, () -> to.staged().isEmpty());
            }
            assertThat(to.values(Topic.NUMBER)).doesNotHaveDuplicates();
        }
    }

    @Test
    void whatIsLostFailsTheJobWithItsKey() throws Exception {
        try (Topic from = new Topic(REDIS, 1);
                Topic to = new Topic(REDIS, 1)) {
            add(from, 1, 0, 10);
            StreamExecutionEnvironment env = FLINK.environment(1);
            copy(env, from.source().build(), nothing(), to.sink());
            String savepoint;
            try (Job job = FLINK.run(env)) {
                Await.until("all is staged", LIMIT, () -> to.stagedRecords() == 10);
                savepoint = job.stopWithSavepoint();
            }
            // The savepoint says that this was staged: without the mark it may be lost.
            String mark = to.marks().iterator().next();
            to.jedis().del(mark);

            env = FLINK.environment(1);
            copy(env, from.source().build(), nothing(), to.sink());
            try (Job job = FLINK.run(env, savepoint)) {
                assertThat(job.awaitFailure())
                        .hasStackTraceContaining("{" + to.stream(0) + "}:staging:")
                        .hasStackTraceContaining("can't be committed");
            }
        }
    }

    @Test
    void aUserNeedsOnlyTheseCommands() throws Exception {
        try (Topic from = new Topic(REDIS, 1);
                Topic to = new Topic(REDIS, 2)) {
            String user = "writer-" + to.name();
            to.jedis()
                    .aclSetUser(
                            user,
                            concat(
                                    new String[] {
                                        "on",
                                        ">secret",
                                        "~" + to.name() + ":*",
                                        "~{" + to.name() + ":*"
                                    },
                                    COMMANDS));
            Fuse<RedisMessage> fuse = new Fuse<>();
            StreamExecutionEnvironment env = FLINK.environment(1, 1);
            copy(
                    env,
                    from.source().build(),
                    fuse,
                    to.sink()
                            .user(user)
                            .password("secret")
                            .deliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE));
            try (Job job = FLINK.run(env)) {
                add(from, 1, 0, 500);
                Await.until("all is staged", LIMIT, () -> to.stagedRecords() == 500);
                job.checkpoint();
                Await.until("all is visible", LIMIT, () -> to.length() == 500);
                fuse.blowAfter(50);
                add(from, 1, 500, 600);
                Await.until("the failure", LIMIT, () -> fuse.blown() == 1);
                Await.until("all is staged again", LIMIT, () -> to.stagedRecords() == 100);
                job.stopWithSavepoint();
            }
            assertEachOnceInOrder(to, 2, 600);
            assertNothingIsLeftBehind(to);
            to.jedis().aclDelUser(user);
        }
    }

    private static String[] concat(String[] first, String[] second) {
        List<String> all = new ArrayList<>(List.of(first));
        all.addAll(List.of(second));
        return all.toArray(new String[0]);
    }
}
