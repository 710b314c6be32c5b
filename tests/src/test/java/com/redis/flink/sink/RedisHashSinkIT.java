package com.redis.flink.sink;

import static com.redis.flink.sink.Upserts.KEYS;
import static com.redis.flink.sink.Upserts.deadLetters;
import static com.redis.flink.sink.Upserts.key;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.it.Flink;
import com.redis.flink.it.Job;
import com.redis.flink.it.Topic;
import com.redis.flink.testing.RedisServer;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.List;
import java.util.Map;

/** Hashes in a real Redis. */
class RedisHashSinkIT {

    @RegisterExtension static final RedisServer REDIS = new RedisServer();
    @RegisterExtension static final Flink FLINK = new Flink();

    private final Upserts jobs = new Upserts(FLINK);

    private static RedisHashSinkConfig.Builder config() {
        return RedisHashSinkConfig.builder().host(REDIS.host()).port(REDIS.port());
    }

    /** Of records {@code key field value}. */
    private static RedisHashSink<String> sink(Topic topic, RedisHashSinkConfig.Builder config) {
        String prefix = topic.name();
        return new RedisHashSinkBuilder<String>(
                        record -> {
                            String[] words = record.split(" ");
                            return Map.of(words[1], words[2]);
                        },
                        config.build())
                .keyExtractor(record -> prefix + ":" + record.split(" ")[0])
                .build();
    }

    private static RedisHashSink<Long> numbers(Topic topic, RedisHashSinkConfig.Builder config) {
        String prefix = topic.name();
        return new RedisHashSinkBuilder<Long>(
                        number -> Map.of("n", number.toString()), config.build())
                .keyExtractor(number -> prefix + ":item:" + number % KEYS)
                .build();
    }

    @ParameterizedTest(name = "flushOnCheckpoint: {0}")
    @ValueSource(booleans = {false, true})
    void fieldsAreSetAndOthersStay(boolean flushOnCheckpoint) throws Exception {
        try (Topic topic = new Topic(REDIS, 1)) {
            topic.jedis().hset(topic.name() + ":a", Map.of("old", "1", "f", "0"));
            jobs.writeAll(
                    sink(topic, config().flushOnCheckpoint(flushOnCheckpoint)),
                    "a f 1",
                    "b f €",
                    "a g 2",
                    "a f 3");

            assertThat(topic.jedis().hgetAll(topic.name() + ":a"))
                    .isEqualTo(Map.of("old", "1", "f", "3", "g", "2"));
            assertThat(topic.jedis().hgetAll(topic.name() + ":b")).isEqualTo(Map.of("f", "€"));
            assertThat(topic.jedis().ttl(topic.name() + ":a")).isEqualTo(-1);
        }
    }

    @ParameterizedTest(name = "flushOnCheckpoint: {0}, {1} messages")
    @CsvSource({"false, 0", "false, 1", "true, 0"})
    void keysExpire(boolean flushOnCheckpoint, int numMessages) throws Exception {
        try (Topic topic = new Topic(REDIS, 1)) {
            topic.jedis().hset(topic.name() + ":a", "old", "1");
            topic.jedis().expire(topic.name() + ":a", 5);
            jobs.writeAll(
                    sink(
                            topic,
                            config().ttlSeconds(3600)
                                    .numMessagesToBuffer(numMessages)
                                    .flushOnCheckpoint(flushOnCheckpoint)),
                    "a f 1",
                    "b f 2",
                    "a f 3");

            assertThat(topic.jedis().ttl(topic.name() + ":a")).isBetween(3500L, 3600L);
            assertThat(topic.jedis().ttl(topic.name() + ":b")).isBetween(3500L, 3600L);
            assertThat(topic.jedis().hgetAll(topic.name() + ":a"))
                    .isEqualTo(Map.of("old", "1", "f", "3"));
        }
    }

    @ParameterizedTest(name = "ttlSeconds: {0}, flushOnCheckpoint: {1}")
    @CsvSource({"0, false", "60, false", "0, true", "60, true"})
    void aKeyOfAnotherTypeIsADeadLetter(long ttlSeconds, boolean flushOnCheckpoint)
            throws Exception {
        try (Topic topic = new Topic(REDIS, 1)) {
            String dead = topic.name() + "-dead";
            topic.jedis().set(topic.name() + ":b", "a text");
            jobs.writeAll(
                    sink(
                            topic,
                            config().ttlSeconds(ttlSeconds)
                                    .flushOnCheckpoint(flushOnCheckpoint)
                                    .failedSerializationStreamName(dead)),
                    "a f 1",
                    "b f 2",
                    "bad",
                    "c f 3");

            assertThat(topic.jedis().hget(topic.name() + ":a", "f")).isEqualTo("1");
            assertThat(topic.jedis().get(topic.name() + ":b")).isEqualTo("a text");
            assertThat(topic.jedis().hget(topic.name() + ":c", "f")).isEqualTo("3");
            List<Map<String, String>> letters = deadLetters(topic, dead);
            assertThat(letters).hasSize(2);
            assertThat(letters)
                    .anySatisfy(
                            letter ->
                                    assertThat(letter)
                                            .containsEntry("command", "HSET")
                                            .containsEntry("key", topic.name() + ":b")
                                            .containsEntry("f", "2")
                                            .hasEntrySatisfying(
                                                    "error",
                                                    error ->
                                                            assertThat(error)
                                                                    .contains("WRONGTYPE")))
                    .anySatisfy(
                            letter ->
                                    assertThat(letter)
                                            .containsEntry("command", "HSET")
                                            .containsEntry("key", topic.name() + ":bad")
                                            .containsEntry("value", "bad")
                                            .containsKey("error"));
        }
    }

    @Test
    void aKeyOfAnotherTypeFailsTheJobWhereNothingTakesIt() throws Exception {
        try (Topic topic = new Topic(REDIS, 1)) {
            topic.jedis().set(topic.name() + ":a", "a text");
            try (Job job = jobs.write(sink(topic, config()), "a f 1")) {
                assertThat(job.awaitFailure())
                        .hasStackTraceContaining("WRONGTYPE")
                        .hasStackTraceContaining(topic.name() + ":a");
            }
        }
    }

    @ParameterizedTest(name = "ttlSeconds: {0}, {1} messages, flushOnCheckpoint: {2}")
    @CsvSource({"0, 0, false", "60, 0, false", "0, 7, false", "0, 0, true"})
    void theLastOfEachKeyStays(long ttlSeconds, int numMessages, boolean flushOnCheckpoint)
            throws Exception {
        try (Topic topic = new Topic(REDIS, 1)) {
            topic.addNumbers(0, 5_000);
            jobs.writeNumbers(
                    topic,
                    numbers(
                            topic,
                            config().ttlSeconds(ttlSeconds)
                                    .numMessagesToBuffer(numMessages)
                                    .flushOnCheckpoint(flushOnCheckpoint)));

            for (long last = 5_000 - KEYS; last < 5_000; last++) {
                assertThat(topic.jedis().hgetAll(key(topic, last)))
                        .isEqualTo(Map.of("n", Long.toString(last)));
            }
        }
    }

    @Test
    void onCheckpointNothingIsVisibleBefore() throws Exception {
        try (Topic topic = new Topic(REDIS, 1)) {
            jobs.visibleWithCheckpointsOnly(
                    topic,
                    numbers(topic, config().flushOnCheckpoint(true)),
                    k -> topic.jedis().hget(key(topic, k), "n"));
        }
    }
}
