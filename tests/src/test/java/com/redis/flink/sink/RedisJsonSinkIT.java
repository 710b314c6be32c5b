package com.redis.flink.sink;

import static com.redis.flink.sink.Upserts.KEYS;
import static com.redis.flink.sink.Upserts.deadLetters;
import static com.redis.flink.sink.Upserts.key;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.redis.flink.bridge.RedisException;
import com.redis.flink.it.Flink;
import com.redis.flink.it.Job;
import com.redis.flink.it.Topic;
import com.redis.flink.testing.RedisJson;
import com.redis.flink.testing.RedisServer;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.List;
import java.util.Map;

/** Documents in a Redis with the real RedisJSON. */
class RedisJsonSinkIT {

    @RegisterExtension static final RedisServer REDIS = RedisJson.server();
    @RegisterExtension static final RedisServer PLAIN = new RedisServer("--databases", "1");
    @RegisterExtension static final Flink FLINK = new Flink();

    private final Upserts jobs = new Upserts(FLINK);

    private static RedisJsonSinkConfig.Builder config() {
        return RedisJsonSinkConfig.builder().host(REDIS.host()).port(REDIS.port());
    }

    /** Of records {@code key document}. */
    private static RedisJsonSink<String> sink(Topic topic, RedisJsonSinkConfig.Builder config) {
        String prefix = topic.name();
        return new RedisJsonSinkBuilder<String>(
                        record -> record.substring(record.indexOf(' ') + 1), config.build())
                .keyExtractor(record -> prefix + ":" + record.substring(0, record.indexOf(' ')))
                .build();
    }

    private static RedisJsonSink<Long> numbers(Topic topic, RedisJsonSinkConfig.Builder config) {
        String prefix = topic.name();
        return new RedisJsonSinkBuilder<>(new RedisJsonObjectSerializer<Long>(), config.build())
                .keyExtractor(number -> prefix + ":item:" + number % KEYS)
                .build();
    }

    private static JsonNode document(Topic topic, String key) {
        return RedisJson.get(topic.jedis(), topic.name() + ":" + key);
    }

    private static String text(Topic topic, String key) {
        JsonNode document = document(topic, key);
        return document == null ? null : document.toString();
    }

    @ParameterizedTest(name = "flushOnCheckpoint: {0}")
    @ValueSource(booleans = {false, true})
    void documentsReplaceEachOther(boolean flushOnCheckpoint) throws Exception {
        try (Topic topic = new Topic(REDIS, 1)) {
            jobs.writeAll(
                    sink(topic, config().flushOnCheckpoint(flushOnCheckpoint)),
                    "a {\"f\":1}",
                    "b [\"€\",null]",
                    "a {\"g\":{\"h\":[1.5,\"x y\"]}}");

            assertThat(text(topic, "a")).isEqualTo("{\"g\":{\"h\":[1.5,\"x y\"]}}");
            assertThat(text(topic, "b")).isEqualTo("[\"€\",null]");
            assertThat(topic.jedis().ttl(topic.name() + ":a")).isEqualTo(-1);
        }
    }

    @ParameterizedTest(name = "flushOnCheckpoint: {0}, {1} messages")
    @CsvSource({"false, 0", "false, 1", "true, 0"})
    void keysExpire(boolean flushOnCheckpoint, int numMessages) throws Exception {
        try (Topic topic = new Topic(REDIS, 1)) {
            jobs.writeAll(
                    sink(
                            topic,
                            config().ttlSeconds(3600)
                                    .numMessagesToBuffer(numMessages)
                                    .flushOnCheckpoint(flushOnCheckpoint)),
                    "a 1",
                    "b 2",
                    "a 3");

            assertThat(topic.jedis().ttl(topic.name() + ":a")).isBetween(3500L, 3600L);
            assertThat(topic.jedis().ttl(topic.name() + ":b")).isBetween(3500L, 3600L);
            assertThat(text(topic, "a")).isEqualTo("3");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"$.status", ".status"})
    void aPathReplacesAPartOfTheDocument(String path) throws Exception {
        try (Topic topic = new Topic(REDIS, 1)) {
            String dead = topic.name() + "-dead";
            RedisJson.set(topic.jedis(), topic.name() + ":a", "{\"id\":\"a\",\"status\":\"old\"}");
            jobs.writeAll(
                    sink(topic, config().path(path).failedSerializationStreamName(dead)),
                    "a {\"now\":1}",
                    "missing {\"now\":2}");

            assertThat(text(topic, "a")).isEqualTo("{\"id\":\"a\",\"status\":{\"now\":1}}");
            assertThat(document(topic, "missing")).isNull();
            assertThat(deadLetters(topic, dead))
                    .singleElement()
                    .satisfies(
                            letter ->
                                    assertThat(letter)
                                            .containsEntry("command", "JSON.SET")
                                            .containsEntry("key", topic.name() + ":missing")
                                            .containsEntry("value", "{\"now\":2}")
                                            .hasEntrySatisfying(
                                                    "error",
                                                    error -> assertThat(error).contains("root")));
        }
    }

    @ParameterizedTest(name = "ttlSeconds: {0}, flushOnCheckpoint: {1}")
    @CsvSource({"0, false", "60, false", "0, true", "60, true"})
    void whatIsNoJsonOrOfAnotherTypeIsADeadLetter(long ttlSeconds, boolean flushOnCheckpoint)
            throws Exception {
        try (Topic topic = new Topic(REDIS, 1)) {
            String dead = topic.name() + "-dead";
            topic.jedis().set(topic.name() + ":text", "a text");
            jobs.writeAll(
                    sink(
                            topic,
                            config().ttlSeconds(ttlSeconds)
                                    .flushOnCheckpoint(flushOnCheckpoint)
                                    .failedSerializationStreamName(dead)),
                    "a 1",
                    "a {\"no end",
                    "text 2",
                    "nokey",
                    "b 3");

            assertThat(text(topic, "a")).isEqualTo("1");
            assertThat(topic.jedis().get(topic.name() + ":text")).isEqualTo("a text");
            assertThat(text(topic, "b")).isEqualTo("3");
            List<Map<String, String>> letters = deadLetters(topic, dead);
            assertThat(letters)
                    .hasSize(3)
                    .allSatisfy(
                            letter ->
                                    assertThat(letter)
                                            .containsKey("error")
                                            .containsEntry("command", "JSON.SET"))
                    .extracting(letter -> letter.get("value"))
                    .containsExactlyInAnyOrder("{\"no end", "2", "nokey");
            assertThat(letters)
                    .extracting(letter -> letter.get("key"))
                    .containsExactlyInAnyOrder(topic.name() + ":a", topic.name() + ":text", null);
        }
    }

    @Test
    void whatIsNoJsonFailsTheJobWhereNothingTakesIt() throws Exception {
        try (Topic topic = new Topic(REDIS, 1);
                Job job = jobs.write(sink(topic, config()), "a {\"no end")) {
            assertThat(job.awaitFailure()).hasStackTraceContaining(topic.name() + ":a");
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
                assertThat(RedisJson.get(topic.jedis(), key(topic, last)).asLong()).isEqualTo(last);
            }
        }
    }

    @Test
    void onCheckpointNothingIsVisibleBefore() throws Exception {
        try (Topic topic = new Topic(REDIS, 1)) {
            jobs.visibleWithCheckpointsOnly(
                    topic,
                    numbers(topic, config().flushOnCheckpoint(true)),
                    k -> text(topic, "item:" + k));
        }
    }

    @ParameterizedTest(name = "ttlSeconds: {0}")
    @ValueSource(longs = {0, 60})
    void aServerWithoutTheModuleFailsTheJob(long ttlSeconds) throws Exception {
        try (Topic topic = new Topic(PLAIN, 1);
                Job job =
                        jobs.write(
                                sink(
                                        topic,
                                        config().port(PLAIN.port())
                                                .ttlSeconds(ttlSeconds)
                                                .failedSerializationStreamName("dead")),
                                "a 1")) {
            Throwable failure = job.awaitFailure();
            while (!(failure instanceof RedisException)) {
                assertThat(failure.getCause()).isNotNull();
                failure = failure.getCause();
            }
            assertThat(((RedisException) failure).getCode()).isEqualTo("SERVER");
            assertThat(failure)
                    .hasMessageContaining("JSON module")
                    .hasMessageContaining("127.0.0.1:" + PLAIN.port());
            assertThat(topic.jedis().exists("dead")).isFalse();
        }
    }
}
