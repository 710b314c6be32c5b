package com.redis.flink.sink.writer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.redis.flink.RedisMessage;
import com.redis.flink.sink.KeyedWriters;
import com.redis.flink.sink.RedisHashObjectSerializer;
import com.redis.flink.sink.RedisHashSinkConfig;
import com.redis.flink.sink.RedisJsonObjectSerializer;
import com.redis.flink.sink.RedisJsonSinkConfig;
import com.redis.flink.sink.RedisObjectSerializer;
import com.redis.flink.sink.RedisSerializer;
import com.redis.flink.sink.RedisSinkConfig;

import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.logging.log4j.Level;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.util.List;
import java.util.Map;

/** Records and errors of whatever kind: one letter each, and nothing else of the job fails. */
class DeadLettersTest {

    private final RecordingSink sink = new RecordingSink();
    private final TestMetrics metrics = new TestMetrics();

    /** What a record's {@code toString} does. */
    enum Text {
        RECURSES,
        THROWS,
        THROWS_WHAT_THROWS,
        IS_NULL,
        IS_HUGE,
        HAS_HALF_A_CHARACTER;

        @Override
        public String toString() {
            switch (this) {
                case RECURSES:
                    return "and " + this;
                case THROWS:
                    throw new IllegalStateException("no text");
                case THROWS_WHAT_THROWS:
                    throw new Silent();
                case IS_NULL:
                    return null;
                case IS_HUGE:
                    return "x".repeat(20_000_000);
                default:
                    return "x\ud800y";
            }
        }

        String inALetter() {
            switch (this) {
                case RECURSES:
                    return "(its toString() failed: java.lang.StackOverflowError)";
                case THROWS:
                    return "(its toString() failed: IllegalStateException: no text)";
                case THROWS_WHAT_THROWS:
                    return "(its toString() failed: " + Silent.class.getName() + ")";
                case IS_NULL:
                    return "null";
                case IS_HUGE:
                    return "x".repeat(16 * 1024) + "… (20000000 characters)";
                default:
                    return "x\\ud800y";
            }
        }
    }

    private static final class Silent extends RuntimeException {
        private static final long serialVersionUID = 1L;

        @Override
        public String getMessage() {
            throw new IllegalStateException("nothing to say");
        }
    }

    private <T> SinkWriter<T> stream(RedisSerializer<T> serializer, String deadLetters) {
        RedisSinkConfig config =
                RedisSinkConfig.builder()
                        .topicName("orders")
                        .numPartitions(1)
                        .failedSerializationStreamName(deadLetters)
                        .build();
        return new RedisSinkWriter<>(
                new MessageEncoder<>(serializer, null, config, 0),
                FlushPolicy.of(config),
                sink,
                new ManualTimers(),
                metrics);
    }

    private SinkWriter<String> json(boolean flushOnCheckpoint) {
        RedisJsonSinkConfig config =
                RedisJsonSinkConfig.builder()
                        .flushOnCheckpoint(flushOnCheckpoint)
                        .failedSerializationStreamName("dead")
                        .build();
        return KeyedWriters.open(
                KeyedWriters.json(
                        record -> record.substring(record.indexOf('=') + 1),
                        record -> record.substring(0, record.indexOf('='))),
                config,
                sink,
                new ManualTimers(),
                metrics);
    }

    @ParameterizedTest
    @EnumSource(Text.class)
    void aLetterIsMadeOfEveryRecord(Text record) throws Exception {
        SinkWriter<Text> writer =
                stream(
                        any -> {
                            throw new IllegalStateException("no");
                        },
                        "dead");
        writer.write(record, null);
        writer.flush(false);

        assertThat(sink.records)
                .containsExactly(
                        "-1:[error=IllegalStateException: no, command=XADD, value="
                                + record.inALetter()
                                + "]");
    }

    private static RedisMessage recurse(String record) {
        return recurse(record + "x");
    }

    @Test
    void aSerializerThatRecursesRejectsTheRecord() throws Exception {
        SinkWriter<String> writer =
                stream(
                        r -> r.equals("bad") ? recurse(r) : RedisMessage.of(r, Map.of("d", "1")),
                        "dead");
        writer.write("bad", null);
        writer.write("good", null);
        writer.flush(false);

        assertThat(sink.records)
                .containsExactly(
                        "-1:[error=java.lang.StackOverflowError, command=XADD, value=bad]",
                        "0:[key=good, d=1]");
        assertThat(metrics.errors.getCount()).isEqualTo(1);
    }

    @Test
    void otherErrorsFailTheJob() {
        SinkWriter<String> writer =
                stream(
                        r -> {
                            throw new NoClassDefFoundError("com/acme/Order");
                        },
                        "dead");

        assertThatThrownBy(() -> writer.write("k", null)).isInstanceOf(NoClassDefFoundError.class);
    }

    /** A serializer may throw it, although it does not declare it. */
    @SuppressWarnings("unchecked")
    private static <E extends Exception> RuntimeException thrown(Exception e) throws E {
        throw (E) e;
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void anInterruptIsNoRecordsFault(boolean flushOnCheckpoint) {
        InterruptedException interrupted = new InterruptedException("cancelled");
        SinkWriter<String> messages =
                stream(
                        r -> {
                            throw DeadLettersTest.<RuntimeException>thrown(interrupted);
                        },
                        "dead");
        SinkWriter<String> hashes =
                KeyedWriters.open(
                        KeyedWriters.hash(
                                r -> {
                                    throw DeadLettersTest.<RuntimeException>thrown(interrupted);
                                },
                                r -> r),
                        RedisHashSinkConfig.builder()
                                .flushOnCheckpoint(flushOnCheckpoint)
                                .failedSerializationStreamName("dead")
                                .build(),
                        sink,
                        new ManualTimers(),
                        metrics);

        assertThatThrownBy(() -> messages.write("k", null)).isSameAs(interrupted);
        assertThatThrownBy(() -> hashes.write("k", null)).isSameAs(interrupted);
        assertThat(metrics.errors.getCount()).isZero();
    }

    @Test
    void halfOfACharacterIsNotReplaced() throws Exception {
        SinkWriter<String> writer = stream(r -> RedisMessage.of(r, Map.of("d", r)), "dead");
        writer.write("\ud800", null);
        writer.write("\ud801", null);
        writer.write("?", null);
        writer.flush(false);

        assertThat(sink.records)
                .containsExactly(
                        "-1:[error=IllegalArgumentException: the text \"\\ud800\" has half of a"
                                + " character at index 0, which UTF-8 cannot hold; correct the"
                                + " text, command=XADD, key=\\ud800, value=\\ud800]",
                        "-1:[error=IllegalArgumentException: the text \"\\ud801\" has half of a"
                                + " character at index 0, which UTF-8 cannot hold; correct the"
                                + " text, command=XADD, key=\\ud801, value=\\ud801]",
                        "0:[key=?, d=?]");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void norInKeysAndDocuments(boolean flushOnCheckpoint) throws Exception {
        SinkWriter<String> writer = json(flushOnCheckpoint);
        writer.write("\ud800={}", null);
        writer.write("k=\"\udc00\"", null);
        writer.write("k=1", null);
        writer.flush(false);

        assertThat(sink.records).hasSize(3);
        assertThat(sink.records.get(0)).startsWith("-1:[error=").contains("key=\\ud800");
        assertThat(sink.records.get(1)).startsWith("-1:[error=").contains("value=k=\"\\udc00\"");
        assertThat(sink.records.get(2)).isEqualTo("0:[k=1]");
        assertThat(metrics.errors.getCount()).isEqualTo(2);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void norInFieldsOfHashes(boolean flushOnCheckpoint) throws Exception {
        SinkWriter<Map<String, String>> writer =
                KeyedWriters.open(
                        KeyedWriters.hash(fields -> fields, fields -> "k"),
                        RedisHashSinkConfig.builder()
                                .flushOnCheckpoint(flushOnCheckpoint)
                                .failedSerializationStreamName("dead")
                                .build(),
                        sink,
                        new ManualTimers(),
                        metrics);
        writer.write(Map.of("\ud800", "1"), null);
        writer.write(Map.of("f", "x\udc00"), null);
        writer.write(Map.of("f", "1"), null);
        writer.flush(false);

        assertThat(sink.records).hasSize(3).last().isEqualTo("0:[k=, f=1]");
        assertThat(metrics.errors.getCount()).isEqualTo(2);
    }

    /** A null is never a write: neither an empty message nor the document {@code null}. */
    @ParameterizedTest
    @CsvSource({"true, dead", "false, dead", "true, ''", "false, ''"})
    void nullRecordsAreRejected(boolean flushOnCheckpoint, String deadLetters) throws Exception {
        SinkWriter<String> messages = stream(new RedisObjectSerializer<>(), deadLetters);
        SinkWriter<String> passed = stream(r -> null, deadLetters);
        SinkWriter<String> documents =
                KeyedWriters.open(
                        KeyedWriters.json(new RedisJsonObjectSerializer<>(), record -> "k"),
                        RedisJsonSinkConfig.builder()
                                .flushOnCheckpoint(flushOnCheckpoint)
                                .failedSerializationStreamName(deadLetters)
                                .build(),
                        sink,
                        new ManualTimers(),
                        metrics);
        SinkWriter<String> hashes =
                KeyedWriters.open(
                        KeyedWriters.hash(new RedisHashObjectSerializer<>(), record -> "k"),
                        RedisHashSinkConfig.builder()
                                .flushOnCheckpoint(flushOnCheckpoint)
                                .failedSerializationStreamName(deadLetters)
                                .build(),
                        sink,
                        new ManualTimers(),
                        metrics);
        for (SinkWriter<String> writer : List.of(messages, passed, documents, hashes)) {
            if (deadLetters.isEmpty()) {
                assertThatThrownBy(() -> writer.write(null, null))
                        .isInstanceOf(IOException.class)
                        .hasMessageContaining("set failedSerializationStreamName");
            } else {
                writer.write(null, null);
                writer.flush(false);
            }
        }
        assertThat(sink.records)
                .hasSize(deadLetters.isEmpty() ? 0 : 4)
                .allSatisfy(letter -> assertThat(letter).startsWith("-1:[error="));
    }

    @Test
    void whatFailsTheJobIsCutAndOnOneLine() {
        SinkWriter<String> writer =
                stream(
                        r -> {
                            throw new IllegalStateException("a\r\nb " + "x".repeat(1_000_000));
                        },
                        "");

        assertThatThrownBy(() -> writer.write("k", null))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("IllegalStateException: a\\r\\nb xxx")
                .satisfies(
                        e -> {
                            assertThat(e.getMessage()).hasSizeLessThan(5_000).doesNotContain("\n");
                            assertThat(e.getCause().toString()).hasSizeLessThan(5_000);
                        });
    }

    @Test
    void theFirstIsLogged() throws Exception {
        SinkWriter<String> writer = stream(r -> null, "dead");
        try (LoggedEvents log = new LoggedEvents(DeadLetters.class.getName(), Level.INFO)) {
            writer.write("k", null);
            writer.write("k", null);

            assertThat(log.events())
                    .containsExactly(
                            "WARN sink orders: a record cannot be made a message and goes to stream"
                                    + " dead; further ones are logged at level DEBUG");
        }
    }
}
