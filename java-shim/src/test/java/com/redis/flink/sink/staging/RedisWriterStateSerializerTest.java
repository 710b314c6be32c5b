package com.redis.flink.sink.staging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.redis.flink.sink.writer.Golden;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.file.Files;

class RedisWriterStateSerializerTest {

    private static final RedisWriterState STATE =
            new RedisWriterState("lane-ä", "00c0ffee00c0ffee", 1L << 40);

    private final RedisWriterStateSerializer serializer = new RedisWriterStateSerializer();

    @Test
    void writesAndReadsTheGoldenBytes() throws IOException {
        byte[] golden = Files.readAllBytes(Golden.file("sink-writer-state-v1.bin"));

        assertThat(serializer.serialize(STATE)).isEqualTo(golden);
        assertThat(serializer.deserialize(1, golden)).isEqualTo(STATE);
    }

    @Test
    void refusesANewerVersion() {
        assertThatThrownBy(() -> serializer.deserialize(2, new byte[0]))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("has version 2; this connector reads version 1");
    }
}
