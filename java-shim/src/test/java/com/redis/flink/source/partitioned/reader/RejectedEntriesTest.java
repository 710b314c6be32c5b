package com.redis.flink.source.partitioned.reader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.redis.flink.source.partitioned.RedisSourceConfig;
import com.redis.flink.source.partitioned.reader.deserializer.RedisDeserializer;
import com.redis.flink.source.partitioned.split.RedisSplit;
import com.redis.flink.wire.BatchBytes;
import com.redis.flink.wire.EntryBatch;
import com.redis.flink.wire.EntryId;

import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.metrics.SimpleCounter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.concurrent.Callable;

/** What becomes of an entry that the deserializer rejects, whatever it throws. */
class RejectedEntriesTest {

    private static final String FORGED = "\r\n2026-11-25 ERROR all is lost \u001b[2J\u0000";

    private final FakeWriter letters = new FakeWriter();
    private final SimpleCounter rejected = new SimpleCounter();
    private final RecordedOutput output = new RecordedOutput();
    private final RedisSplitState split =
            new RedisSplitState(
                    new RedisSplit(0, "orders:0", "billing", EntryId.of(1, 0), List.of(), null));

    /** Does with each entry what the test says. */
    private interface Body extends RedisDeserializer<String> {
        @Override
        default TypeInformation<String> getProducedType() {
            return TypeInformation.of(String.class);
        }
    }

    private static Body throwing(Callable<Throwable> failure) {
        return (message, out) -> {
            out.collect("half of it");
            Throwable thrown = failure.call();
            if (thrown instanceof Error) {
                throw (Error) thrown;
            }
            throw (Exception) thrown;
        };
    }

    private static int deep(int depth) {
        return depth + deep(depth + 1);
    }

    @Test
    void aNullThatIsCollectedIsRejectedByName() throws Exception {
        Body body =
                (message, out) -> {
                    out.collect("half of it");
                    out.collect(null);
                };
        emit(body, "dead", 5, 7);
        assertLetter(
                "java.lang.IllegalStateException: " + body.getClass().getName() + " collected null",
                "5-7");
        assertThatThrownBy(() -> emit(body, "", 6, 0))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("source orders:0: entry 6-0 cannot be deserialized")
                .hasMessageContaining("collected null; collect nothing of an entry");
    }

    @Test
    void aDeserializerThatRecursesIsRejected() throws Exception {
        Body body = (message, out) -> out.collect("" + deep(0));
        emit(body, "dead", 5, 7);
        assertLetter("java.lang.StackOverflowError", "5-7");
        assertThatThrownBy(() -> emit(body, "", 6, 0))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("entry 6-0 cannot be deserialized")
                .hasCauseInstanceOf(StackOverflowError.class);
    }

    @Test
    void otherErrorsAndInterruptsFailTheJob() {
        for (Throwable failure :
                List.of(
                        new OutOfMemoryError("Java heap space"),
                        new NoClassDefFoundError("com/acme/Order"),
                        new AssertionError("no"),
                        new InterruptedException())) {
            assertThatThrownBy(() -> emit(throwing(() -> failure), "dead", 5, 7)).isSameAs(failure);
        }
        assertThat(letters.text()).isEmpty();
        assertThat(output.records).isEmpty();
    }

    @Test
    void whatAFailureSaysIsCutAndEscaped() throws Exception {
        String evil = FORGED + "x".repeat(2_000_000);
        emit(
                throwing(() -> new IOException("outer", new IllegalArgumentException(evil))),
                "dead",
                5,
                7);
        emit(throwing(() -> new IllegalArgumentException(evil)), "dead", 5, 8);
        assertThat(letters.text())
                .hasSizeLessThan(10_000)
                .contains("IllegalArgumentException: \\r\\n2026-11-25 ERROR all is lost \\u001b[2J")
                .doesNotContain(FORGED);

        assertShown(throwing(() -> new IllegalArgumentException(evil)), 1);
        assertShown(
                throwing(() -> new IOException("outer", new IllegalArgumentException(evil))), 1);
        assertShown(
                throwing(
                        () -> {
                            IOException failure = new IOException("outer");
                            failure.addSuppressed(new IllegalArgumentException(evil));
                            return failure;
                        }),
                0);
        assertShown(
                throwing(
                        () -> {
                            Exception inner = new IllegalArgumentException(evil);
                            Exception circle = new IOException("outer", inner);
                            inner.initCause(circle);
                            return circle;
                        }),
                10);
    }

    private void assertShown(Body body, int times) {
        assertThatThrownBy(() -> emit(body, "", 6, 0))
                .satisfies(
                        failure -> {
                            StringWriter trace = new StringWriter();
                            failure.printStackTrace(new PrintWriter(trace));
                            assertThat(trace.toString())
                                    .hasSizeLessThan(500_000)
                                    .doesNotContain(FORGED)
                                    .contains(getClass().getName());
                            assertThat(trace.toString().split("Caused by: java.lang.Illegal"))
                                    .hasSize(times + 1);
                        });
    }

    @Test
    void whatPrintsAsItIsStaysTheCause() {
        IOException failure = new IOException("outer", new NumberFormatException("\"many\""));
        assertThatThrownBy(() -> emit(throwing(() -> failure), "", 6, 0)).hasCause(failure);
    }

    @Test
    void aFailureThatCannotBePrintedIsNamed() throws Exception {
        class Mute extends RuntimeException {
            private static final long serialVersionUID = 1L;

            @Override
            public String getMessage() {
                throw new IllegalStateException("no words");
            }
        }
        emit(throwing(Mute::new), "dead", 5, 7);
        assertLetter(Mute.class.getName(), "5-7");
    }

    /** 2^63 and beyond; Redis' IDs are unsigned. */
    @ParameterizedTest
    @ValueSource(longs = {-1, -2, Long.MIN_VALUE})
    void anIdBeyondAllTimeHasTheEventTimeZero(long milliseconds) throws Exception {
        emit((message, out) -> out.collect(message.getId()), "", milliseconds, 0);
        assertThat(output.records)
                .containsExactly("orders:0@0 " + Long.toUnsignedString(milliseconds) + "-0");
        assertThat(split.toSplit().position()).isEqualTo(EntryId.of(milliseconds, 0));
    }

    @Test
    void anyOtherIdIsItsEventTime() throws Exception {
        emit((message, out) -> out.collect("a"), "", Long.MAX_VALUE, 0);
        emit((message, out) -> out.collect("b"), "", 0, 5);
        assertThat(output.records)
                .containsExactly("orders:0@" + Long.MAX_VALUE + " a", "orders:0@0 b");
    }

    private void emit(Body body, String deadLetterStream, long milliseconds, long sequence)
            throws Exception {
        RedisSourceConfig config =
                RedisSourceConfig.builder()
                        .topicName("orders")
                        .numPartitions(1)
                        .consumerGroup("billing")
                        .failedDeserializationStreamName(deadLetterStream)
                        .build();
        try (DeadLetters deadLetters = new DeadLetters(config, settings -> letters, rejected)) {
            EntryBatch batch =
                    new EntryBatch(
                            new BatchBytes(0)
                                    .entry(milliseconds, sequence, "data", "text")
                                    .position(milliseconds, sequence)
                                    .build());
            assertThat(batch.advance()).isTrue();
            new RedisRecordEmitter<>(body, deadLetters)
                    .emitRecord(batch, output.createOutputForSplit(split.stream()), split);
            deadLetters.confirm();
        }
    }

    private void assertLetter(String error, String id) {
        assertThat(letters.text()).containsSubsequence("data", "text", "error", error, "id", id);
        assertThat(output.records).isEmpty();
        assertThat(rejected.getCount()).isEqualTo(1);
        assertThat(split.toSplit().position()).hasToString(id);
    }
}
