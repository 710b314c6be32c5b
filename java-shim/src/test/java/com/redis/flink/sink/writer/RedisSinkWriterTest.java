package com.redis.flink.sink.writer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.redis.flink.RedisMessage;
import com.redis.flink.sink.RedisKeyExtractor;
import com.redis.flink.sink.RedisSerializer;
import com.redis.flink.sink.RedisSinkConfig;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.Collections;
import java.util.Map;

/** When records go to the engine, and what becomes of those that cannot. */
class RedisSinkWriterTest {

    private final RecordingSink sink = new RecordingSink();
    private final ManualTimers timers = new ManualTimers();
    private final TestMetrics metrics = new TestMetrics();
    private final RedisSinkConfig.Builder config =
            RedisSinkConfig.builder().topicName("orders").numPartitions(1);

    private RedisSinkWriter<String> writer() {
        return writer(s -> RedisMessage.of(s, Map.of("data", "v")), null);
    }

    private RedisSinkWriter<String> writer(
            RedisSerializer<String> serializer, RedisKeyExtractor<String> keyExtractor) {
        RedisSinkConfig built = config.build();
        return new RedisSinkWriter<>(
                new MessageEncoder<>(serializer, keyExtractor, built, 0),
                FlushPolicy.of(built),
                sink,
                timers,
                metrics);
    }

    private static void write(RedisSinkWriter<String> writer, int records) throws Exception {
        for (int i = 0; i < records; i++) {
            writer.write("k", null);
        }
    }

    @Test
    void atOnceIsAMillisecond() throws Exception {
        RedisSinkWriter<String> writer = writer();
        write(writer, 3);
        assertThat(sink.calls).isEmpty();

        timers.advance(1);
        assertThat(sink.calls).containsExactly("write 3");
        assertThat(timers.pending()).as("the engine's").isEqualTo(1);
        timers.advance(100);
        assertThat(sink.calls).hasSize(1);
    }

    @Test
    void atOnceIsAThousandRecordsOr32KiB() throws Exception {
        RedisSinkWriter<String> writer = writer(key -> RedisMessage.of(key, null), null);
        write(writer, 999);
        assertThat(sink.calls).isEmpty();
        write(writer, 1);
        assertThat(sink.calls).containsExactly("write 1000");

        writer.write("x".repeat(32 * 1024), null);
        assertThat(sink.calls).containsExactly("write 1000", "write 1");
    }

    @Test
    void aBusyWriterSetsFewTimers() throws Exception {
        RedisSinkWriter<String> writer = writer();
        write(writer, 5_500);
        assertThat(timers.registered()).as("the engine's and the batch's").isEqualTo(2);

        timers.advance(1);
        assertThat(sink.records).hasSize(5_500);
    }

    @Test
    void nRecordsGoTogetherHoweverLongItTakes() throws Exception {
        config.numMessagesToBuffer(3);
        RedisSinkWriter<String> writer = writer();
        write(writer, 2);
        assertThat(timers.registered()).as("the engine's").isEqualTo(1);
        timers.advance(60_000);
        assertThat(sink.calls).isEmpty();
        write(writer, 2);
        assertThat(sink.calls).containsExactly("write 3");

        writer.flush(false);
        assertThat(sink.calls).containsExactly("write 3", "write 1", "flush");
    }

    @Test
    void oneRecordIsWrittenSynchronously() throws Exception {
        config.numMessagesToBuffer(1);
        write(writer(), 2);

        assertThat(sink.calls).containsExactly("write 1", "flush", "write 1", "flush");
    }

    @Test
    void anIntervalCountsFromTheFirstRecord() throws Exception {
        config.flushIntervalMillis(100);
        RedisSinkWriter<String> writer = writer();
        timers.advance(50);
        write(writer, 1);
        timers.advance(99);
        write(writer, 1500);
        assertThat(sink.calls).isEmpty();
        timers.advance(2);
        assertThat(sink.calls).containsExactly("write 1501");
    }

    @Test
    void anIntervalStartsAgainWhenTheFrameHasGone() throws Exception {
        config.flushIntervalMillis(100).numMessagesToBuffer(2);
        RedisSinkWriter<String> writer = writer();
        write(writer, 2);
        timers.advance(60);
        write(writer, 1);
        assertThat(sink.calls).containsExactly("write 2");
        timers.advance(60);
        assertThat(sink.calls).hasSize(1);
        timers.advance(42);
        assertThat(sink.calls).containsExactly("write 2", "write 1");
    }

    @Test
    void theLongestIntervalIsNotInThePast() throws Exception {
        config.flushIntervalMillis(Long.MAX_VALUE);
        write(writer(), 2);
        timers.advance(1_000);

        assertThat(sink.calls).isEmpty();
    }

    @Test
    void aFrameIsBoundedWhateverIsConfigured() throws Exception {
        config.flushIntervalMillis(60_000).numMessagesToBuffer(1_000_000);
        RedisSinkWriter<String> writer = writer();
        for (int i = 0; i < 256; i++) {
            writer.write("x".repeat(1024), null);
        }
        assertThat(sink.calls).hasSize(1);
    }

    @Test
    void aCheckpointConfirmsEverything() throws Exception {
        RedisSinkWriter<String> writer = writer();
        writer.flush(false);
        write(writer, 2);
        writer.flush(true);

        assertThat(sink.calls).containsExactly("flush", "write 2", "flush");
    }

    @Test
    void closeIsIdempotentAndCancelsTheTimer() throws Exception {
        RedisSinkWriter<String> writer = writer();
        write(writer, 1);
        writer.close();
        writer.close();
        timers.advance(10);

        assertThat(sink.calls).containsExactly("close");
        assertThat(timers.pending()).isZero();
        assertThatThrownBy(() -> writer.write("k", null)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> writer.flush(false)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void theKeyExtractorDecidesTheKey() throws Exception {
        config.numPartitions(1000);
        RedisSinkWriter<String> writer =
                writer(s -> RedisMessage.of("k1", Map.of("data", s)), s -> "polygenelubricants");
        writer.write("v", null);
        writer.flush(false);

        assertThat(sink.records).containsExactly("648:[key=polygenelubricants, data=v]");
    }

    @Test
    void messagesWithoutAKeyAreWrittenWithoutTheField() throws Exception {
        config.numPartitions(2);
        RedisSinkWriter<String> writer =
                writer(s -> RedisMessage.of(null, Map.of("data", s)), null);
        writer.write("a", null);
        writer.write("b", null);
        writer.flush(false);

        assertThat(sink.records).containsExactly("0:[data=a]", "1:[data=b]");
    }

    @Test
    void withoutADeadLetterStreamARejectedRecordFailsTheJob() {
        RuntimeException cause = new IllegalStateException("no such order");
        assertThatThrownBy(
                        () ->
                                writer(
                                                s -> {
                                                    throw cause;
                                                },
                                                null)
                                        .write("o1", null))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith(
                        "sink orders: a record cannot be made a message: IllegalStateException: no"
                                + " such order")
                .hasMessageContaining("failedSerializationStreamName")
                .hasCause(cause);
        assertThatThrownBy(() -> writer(s -> null, null).write("o1", null))
                .hasMessageContaining("the serializer gave null");
        assertThatThrownBy(() -> writer(s -> new RedisMessage(), null).write("o1", null))
                .hasMessageContaining("neither key nor data");
    }

    @Test
    void rejectedRecordsBecomeDeadLetters() throws Exception {
        config.failedSerializationStreamName("dead");
        RedisSinkWriter<String> writer =
                writer(
                        s -> RedisMessage.of(s, Collections.singletonMap("a", s)),
                        s -> s.isEmpty() ? null : s);
        RedisSinkWriter<String> rejecting =
                writer(s -> RedisMessage.of("k", Collections.singletonMap("a", null)), null);
        RedisSinkWriter<String> throwing =
                writer(
                        s -> {
                            throw new IllegalStateException();
                        },
                        null);
        writer.write("good", null);
        writer.flush(false);
        rejecting.write("bad", null);
        rejecting.flush(false);
        throwing.write("y".repeat(20_000), null);
        throwing.flush(false);

        assertThat(sink.records).hasSize(3);
        assertThat(sink.records.get(0)).isEqualTo("0:[key=good, a=good]");
        assertThat(sink.records.get(1))
                .isEqualTo(
                        "-1:[error=IllegalArgumentException: RedisMessage with key 'k': the value"
                            + " of field 'a' is null; Redis has no null, leave the field out or set"
                            + " it to \"\", command=XADD, key=k, value=bad]");
        assertThat(sink.records.get(2))
                .startsWith("-1:[error=java.lang.IllegalStateException, command=XADD, value=yyy")
                .endsWith("yyy… (20000 characters)]");
        assertThat(metrics.records.getCount()).isEqualTo(1);
        assertThat(metrics.errors.getCount()).isEqualTo(2);
        assertThat(metrics.bytes.getCount()).isEqualTo(sink.bytes);
    }

    @Test
    void theEngineIsToldAllSettings() {
        RedisSinkConfig built =
                config.numPartitions(4)
                        .maxLen(9)
                        .approximateTrimming(false)
                        .failedSerializationStreamName("dead")
                        .build();

        assertThat(built.toSettings().toString())
                .isEqualTo(
                        "{\"topic\":\"orders\",\"numPartitions\":4,\"maxLen\":9,\"approximateTrimming\":false,"
                            + "\"maxInFlightBytes\":16777216,\"deadLetterStream\":\"dead\",\"connection\":"
                                + built.getConnection().toJson()
                                + "}");
    }
}
