package com.redis.flink.sink.committer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.redis.flink.sink.writer.Golden;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.file.Files;

class RedisCommittableSerializerTest {

    private static RedisCommittable committable(long entries, long largestEntry) {
        return new RedisCommittable(
                3,
                "{bestellungen-ä:3}:staging:lane:1099511627776:00c0ffee00c0ffee",
                7_000_000_000L,
                1L << 40,
                "lane",
                "00c0ffee00c0ffee",
                entries,
                largestEntry);
    }

    private final RedisCommittableSerializer serializer = new RedisCommittableSerializer();

    @Test
    void writesAndReadsTheGoldenBytes() throws IOException {
        RedisCommittable committable = committable(14_000_000L, 1L << 33);
        byte[] golden = Files.readAllBytes(Golden.file("committable-v2.bin"));

        assertThat(serializer.serialize(committable)).isEqualTo(golden);
        assertThat(serializer.deserialize(2, golden)).isEqualTo(committable);
    }

    @Test
    void readsWhatEarlierVersionsWrote() throws IOException {
        byte[] golden = Files.readAllBytes(Golden.file("committable-v1.bin"));

        assertThat(serializer.deserialize(1, golden)).isEqualTo(committable(0, 0));
    }

    @Test
    void refusesANewerVersion() {
        assertThatThrownBy(() -> serializer.deserialize(3, new byte[0]))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("has version 3; this connector reads versions up to 2");
    }
}
