package com.redis.flink.sink.writer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.redis.flink.RedisMessage;
import com.redis.flink.sink.RedisHashSinkConfig;
import com.redis.flink.sink.RedisSinkConfig;

import org.apache.flink.api.connector.sink2.SinkWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.util.Map;

/** The engine has its pulse while no record comes. */
class EngineTimerTest {

    private final RecordingSink sink = new RecordingSink();
    private final ManualTimers timers = new ManualTimers();

    /** All that write. */
    private enum Kind {
        STREAM {
            @Override
            SinkWriter<String> open(RecordingSink sink, ManualTimers timers) {
                RedisSinkConfig config =
                        RedisSinkConfig.builder().topicName("orders").numPartitions(1).build();
                return new RedisSinkWriter<>(
                        new MessageEncoder<>(s -> RedisMessage.of(s, null), null, config, 0),
                        FlushPolicy.of(config),
                        sink,
                        timers,
                        new TestMetrics());
            }
        },
        KEYED {
            @Override
            SinkWriter<String> open(RecordingSink sink, ManualTimers timers) {
                RedisHashSinkConfig config =
                        RedisHashSinkConfig.builder().flushOnCheckpoint(true).build();
                return new ReducingWriter<>(
                        KeyedWriteEncoder.hash(s -> Map.of("f", s), s -> s, config),
                        config,
                        sink,
                        timers,
                        new TestMetrics());
            }
        };

        abstract SinkWriter<String> open(RecordingSink sink, ManualTimers timers);
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void ticksWithoutRecordsUntilItIsClosed(Kind kind) throws Exception {
        SinkWriter<String> writer = kind.open(sink, timers);
        timers.advance(EngineTimer.BUSY_MILLIS + 1);
        assertThat(sink.ticks).isEqualTo(1);
        timers.advance(10 * (EngineTimer.IDLE_MILLIS + 1));
        assertThat(sink.ticks).isEqualTo(11);
        assertThat(sink.calls).isEmpty();

        writer.close();
        assertThat(timers.pending()).isZero();
        timers.advance(10_000);
        assertThat(sink.ticks).isEqualTo(11);
    }

    @Test
    void ticksSoonerWhileTheEngineIsBusy() {
        Kind.STREAM.open(sink, timers);
        sink.busy = true;
        timers.advance(10 * (EngineTimer.BUSY_MILLIS + 1));
        assertThat(sink.ticks).isEqualTo(10);
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void whatHasEndedTheEngineFailsTheTaskWithoutARecord(Kind kind) {
        kind.open(sink, timers);
        timers.advance(5_000);
        sink.failure = new IOException("gone for good");
        assertThatThrownBy(() -> timers.advance(EngineTimer.IDLE_MILLIS + 1))
                .rootCause()
                .hasMessage("gone for good");
    }
}
