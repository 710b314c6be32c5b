package com.redis.flink.source.partitioned.reader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.redis.flink.bridge.WriterEngine;
import com.redis.flink.source.partitioned.RedisSourceConfig;

import org.apache.flink.metrics.SimpleCounter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import java.io.IOException;

/** The writer of dead letters has its pulse while no further one comes. */
@Timeout(60)
class DeadLettersTest {

    private final Letters letters = new Letters();
    private final DeadLetters deadLetters =
            new DeadLetters(
                    RedisSourceConfig.builder()
                            .topicName("orders")
                            .numPartitions(1)
                            .consumerGroup("billing")
                            .failedDeserializationStreamName("dead")
                            .build(),
                    settings -> letters,
                    new SimpleCounter());

    private void sendOne() throws Exception {
        deadLetters.reject("orders:0", "1-0", new byte[0], 0, new IllegalStateException("no"));
        deadLetters.send();
    }

    @Test
    void ticksWhileSomethingIsNotConfirmed() throws Exception {
        sendOne();
        while (letters.ticks < 2) {
            deadLetters.tick();
        }
    }

    @Test
    void whatHasEndedTheWriterIsThrownWithoutAnotherDeadLetter() throws Exception {
        sendOne();
        letters.failure = new IOException("gone for good");
        assertThatThrownBy(
                        () -> {
                            while (letters.ticks == 0) {
                                deadLetters.tick();
                            }
                        })
                .isSameAs(letters.failure);
        assertThat(letters.ticks).isEqualTo(1);
    }

    private static final class Letters implements WriterEngine {

        private int ticks;
        private IOException failure;

        @Override
        public void write(byte[] batch, int length) {}

        @Override
        public void flush() {}

        @Override
        public boolean tick() throws IOException {
            ticks++;
            if (failure != null) {
                throw failure;
            }
            return true;
        }

        @Override
        public void close() {}
    }
}
