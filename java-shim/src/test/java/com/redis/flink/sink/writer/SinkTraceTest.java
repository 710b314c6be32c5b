package com.redis.flink.sink.writer;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.RedisMessage;
import com.redis.flink.sink.AbstractRedisSinkConfig;
import com.redis.flink.sink.KeyedWriters;
import com.redis.flink.sink.RedisHashSinkConfig;
import com.redis.flink.sink.RedisJsonSinkConfig;
import com.redis.flink.sink.RedisSinkConfig;
import com.redis.flink.sink.SinkTraceConfiguration;
import com.redis.flink.sink.SinkTraceContents;
import com.redis.flink.sink.SinkTraceLevel;

import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.logging.log4j.Level;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What is logged of a sink's writes, in all combinations of level and contents. */
class SinkTraceTest {

    private static final String PASSWORD = "geheim-5d1c";

    private final RecordingSink sink = new RecordingSink();
    private LoggedEvents log = new LoggedEvents(SinkTrace.LOGGER, Level.INFO);

    @AfterEach
    void stopLogging() {
        assertThat(log.events()).noneMatch(event -> event.contains(PASSWORD));
        log.close();
    }

    private static <B extends AbstractRedisSinkConfig.Builder<B>> B traced(
            B config, SinkTraceLevel level, SinkTraceContents contents) {
        return config.password(PASSWORD)
                .failedSerializationStreamName("dead")
                .traceConfiguration(new SinkTraceConfiguration(level, contents));
    }

    private SinkWriter<String> messages(SinkTraceLevel level, SinkTraceContents contents) {
        RedisSinkConfig config =
                traced(
                                RedisSinkConfig.builder().topicName("orders").numPartitions(1),
                                level,
                                contents)
                        .build();
        return new RedisSinkWriter<>(
                new MessageEncoder<>(
                        record -> RedisMessage.of(record, Map.of("data", rejectBad(record))),
                        null,
                        config,
                        0),
                FlushPolicy.of(config),
                sink,
                new ManualTimers(),
                new TestMetrics());
    }

    private static String rejectBad(String record) {
        if (record.startsWith("bad")) {
            throw new IllegalStateException("cannot take " + record);
        }
        return record;
    }

    /** One record that is written, and one that fails. */
    private static void writeBoth(SinkWriter<String> writer) throws Exception {
        writer.write("o1", null);
        writer.write("bad", null);
        writer.flush(false);
    }

    @ParameterizedTest
    @CsvSource({
        "NONE, NONE",
        "NONE, METADATA",
        "NONE, ALL",
        "FAILURES, NONE",
        "FAILURES, METADATA",
        "FAILURES, ALL",
        "ALL, NONE",
        "ALL, METADATA",
        "ALL, ALL"
    })
    void levelChoosesWritesAndContentsChooseWhatIsTold(
            SinkTraceLevel level, SinkTraceContents contents) throws Exception {
        writeBoth(messages(level, contents));

        List<String> expected = new ArrayList<>();
        if (level == SinkTraceLevel.ALL) {
            expected.add(sent(contents));
        }
        if (level != SinkTraceLevel.NONE) {
            expected.add(failed(contents));
        }
        assertThat(log.events()).containsExactlyElementsOf(expected);
        assertThat(sink.records).as("writing itself is the same").hasSize(2);
    }

    private static String sent(SinkTraceContents contents) {
        String event = "INFO {\"command\":\"XADD\",\"outcome\":\"sent\"";
        switch (contents) {
            case NONE:
                return event + "}";
            case METADATA:
                return event + ",\"stream\":\"orders:0\",\"key\":\"o1\",\"size\":39}";
            default:
                return event
                        + ",\"stream\":\"orders:0\",\"key\":\"o1\",\"size\":39,"
                        + "\"value\":{\"data\":\"o1\"}}";
        }
    }

    private static String failed(SinkTraceContents contents) {
        String event = "WARN {\"command\":\"XADD\",\"outcome\":\"failed\"";
        switch (contents) {
            case NONE:
                return event + "}";
            case METADATA:
                return event + ",\"error\":\"java.lang.IllegalStateException\"}";
            default:
                return event
                        + ",\"error\":\"IllegalStateException: cannot take bad\","
                        + "\"value\":\"bad\"}";
        }
    }

    @ParameterizedTest
    @EnumSource(SinkTraceContents.class)
    void documents(SinkTraceContents contents) throws Exception {
        RedisJsonSinkConfig config =
                traced(RedisJsonSinkConfig.builder(), SinkTraceLevel.ALL, contents).build();
        writeBoth(
                KeyedWriters.open(
                        KeyedWriters.json(r -> "{\"a\":\"" + rejectBad(r) + "\"}", r -> "k"),
                        config,
                        sink,
                        new ManualTimers(),
                        new TestMetrics()));

        assertThat(log.events()).hasSize(2);
        assertThat(log.events().get(0))
                .isEqualTo(
                        "INFO {\"command\":\"JSON.SET\",\"outcome\":\"sent\""
                                + (contents == SinkTraceContents.NONE
                                        ? ""
                                        : ",\"key\":\"k\",\"size\":31")
                                + (contents == SinkTraceContents.ALL
                                        ? ",\"value\":\"{\\\"a\\\":\\\"o1\\\"}\""
                                        : "")
                                + "}");
        assertThat(log.events().get(1))
                .startsWith("WARN {\"command\":\"JSON.SET\",\"outcome\":\"failed\"");
    }

    @Test
    void keptBackWritesAreToldWhenTheyGo() throws Exception {
        RedisHashSinkConfig config =
                traced(RedisHashSinkConfig.builder(), SinkTraceLevel.ALL, SinkTraceContents.ALL)
                        .flushOnCheckpoint(true)
                        .build();
        SinkWriter<String> hashes =
                KeyedWriters.open(
                        KeyedWriters.hash(r -> Map.of(rejectBad(r), "v"), r -> "k"),
                        config,
                        sink,
                        new ManualTimers(),
                        new TestMetrics());
        hashes.write("o1", null);
        hashes.write("o2", null);
        assertThat(log.events()).isEmpty();
        hashes.flush(false);

        assertThat(log.events())
                .containsExactly(
                        "INFO {\"command\":\"HSET\",\"outcome\":\"sent\",\"key\":\"k\","
                                + "\"size\":43,\"value\":{\"o1\":\"v\",\"o2\":\"v\"}}");
    }

    @Test
    void hugeValuesAreCut() throws Exception {
        messages(SinkTraceLevel.ALL, SinkTraceContents.ALL).write("x".repeat(20_000), null);

        assertThat(log.events()).hasSize(1);
        assertThat(log.events().get(0))
                .as("the key is as long as the value")
                .contains("\"key\":\"xxx")
                .endsWith("xxx… (20000 characters)\"}}")
                .hasSizeLessThan(2 * 17_000);
    }

    @Test
    void aLoggerThatIsOffGetsNothing() throws Exception {
        log.close();
        log = new LoggedEvents(SinkTrace.LOGGER, Level.OFF);
        writeBoth(messages(SinkTraceLevel.ALL, SinkTraceContents.ALL));

        assertThat(log.events()).isEmpty();
    }
}
