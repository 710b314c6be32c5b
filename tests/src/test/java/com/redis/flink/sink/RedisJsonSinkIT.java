package com.redis.flink.sink;

import static com.redis.flink.sink.Upserts.KEYS;
import static com.redis.flink.sink.Upserts.deadLetters;
import static com.redis.flink.sink.Upserts.key;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.redis.flink.RedisException;
import com.redis.flink.it.Flink;
import com.redis.flink.it.Job;
import com.redis.flink.it.Topic;
import com.redis.flink.testing.RedisJson;
import com.redis.flink.testing.RedisServer;
import com.redis.flink.text.JsonText;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import redis.clients.jedis.exceptions.JedisDataException;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

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

    /** RedisJSON answers with null, and no error, when it finds no place to write to. */
    @ParameterizedTest(name = "path: {0}, ttlSeconds: {1}, flushOnCheckpoint: {2}")
    @CsvSource({
        "$.b.c, 0, false",
        "$.b.c, 60, false",
        "$.b.c, 60, true",
        ".b.c, 60, false",
        "$.a, 60, false"
    })
    void whatWritesNothingIsADeadLetterAndSetsNoTimeToLive(
            String path, long ttlSeconds, boolean flushOnCheckpoint) throws Exception {
        try (Topic topic = new Topic(REDIS, 1)) {
            String dead = topic.name() + "-dead";
            String key = topic.name() + ":a";
            RedisJson.set(topic.jedis(), key, "{\"a\":1}");
            topic.jedis().expire(key, 1000);
            boolean isRejectedByText = path.equals("$.a");
            String document = isRejectedByText ? "{\"no end" : "{\"n\":1}";
            jobs.writeAll(
                    sink(
                            topic,
                            config().path(path)
                                    .ttlSeconds(ttlSeconds)
                                    .flushOnCheckpoint(flushOnCheckpoint)
                                    .failedSerializationStreamName(dead)),
                    "a " + document);

            assertThat(text(topic, "a")).isEqualTo("{\"a\":1}");
            assertThat(topic.jedis().ttl(key)).isBetween(900L, 1000L);
            String expected = "the path '" + path + "' matches nothing in key '" + key + "'";
            assertThat(deadLetters(topic, dead))
                    .singleElement()
                    .satisfies(
                            letter -> {
                                assertThat(letter).containsEntry("value", document);
                                if (!isRejectedByText) {
                                    assertThat(letter).containsEntry("error", expected);
                                }
                            });
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

    private static String nested(int depth) {
        return "[".repeat(depth) + "]".repeat(depth);
    }

    /** Documents of which RedisJSON takes some, and Jackson others. */
    static List<String> oddDocuments() {
        return List.of(
                "{\"v\":1e999}",
                "-1e309",
                "1e308",
                "1e-400",
                "9".repeat(200),
                "9".repeat(400),
                "18446744073709551616",
                "-0",
                "\"\\ud800\"",
                "\"\\udc00x\"",
                "\"\\ud83d\\ude00\"",
                "\"\\u0000\"",
                nested(100),
                nested(127),
                nested(128),
                nested(2000),
                "{\"\":{},\"a\":1,\"a\":2}",
                "\"\"",
                " 1 ",
                "01",
                "NaN",
                "\ufeff1",
                "{\"a\":1,}",
                "\"a\tb\"");
    }

    @ParameterizedTest
    @MethodSource("oddDocuments")
    void whatIsCertainIsTaken(String document) {
        try (Topic topic = new Topic(REDIS, 1)) {
            boolean taken;
            try {
                RedisJson.set(topic.jedis(), topic.name() + ":a", document);
                taken = true;
            } catch (JedisDataException e) {
                taken = false;
            }
            assertThat(taken || !JsonText.isCertain(document)).as("taken: " + taken).isTrue();
        }
    }

    @ParameterizedTest(name = "flushOnCheckpoint: {0}, ttlSeconds: {1}")
    @CsvSource({"false, 0", "true, 0", "false, 60", "true, 60"})
    void aRejectedDocumentLeavesTheOneBeforeIt(boolean flushOnCheckpoint, long ttlSeconds)
            throws Exception {
        try (Topic topic = new Topic(REDIS, 1)) {
            List<String> odd = oddDocuments();
            List<String> records = new ArrayList<>();
            for (int i = 0; i < odd.size(); i++) {
                records.add(i + " {\"good\":" + i + "}");
                records.add(i + " " + odd.get(i));
            }
            String dead = topic.name() + "-dead";
            jobs.writeAll(
                    sink(
                            topic,
                            config().flushOnCheckpoint(flushOnCheckpoint)
                                    .ttlSeconds(ttlSeconds)
                                    .failedSerializationStreamName(dead)),
                    records.toArray(new String[0]));

            List<String> rejected =
                    deadLetters(topic, dead).stream()
                            .map(letter -> letter.get("value"))
                            .collect(Collectors.toList());
            assertThat(rejected).contains("{\"v\":1e999}", "\"\\ud800\"", nested(128), "01", "NaN");
            for (int i = 0; i < odd.size(); i++) {
                String good = "{\"good\":" + i + "}";
                assertThat(document(topic, "" + i)).as(odd.get(i)).isNotNull();
                assertThat(good.equals(text(topic, "" + i)))
                        .as(odd.get(i))
                        .isEqualTo(rejected.contains(odd.get(i)));
            }
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
