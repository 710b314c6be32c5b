package com.redis.flink.source.partitioned.split;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.redis.flink.source.partitioned.Golden;
import com.redis.flink.wire.EntryId;
import com.redis.flink.wire.EntryRun;

import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

class RedisSplitSerializerTest {

    private static final RedisSplit FULL =
            new RedisSplit(
                    3,
                    "bestellungen-ä:3",
                    "billing",
                    EntryId.parse("1718000000000-7"),
                    List.of(EntryRun.parse("1-0+2"), EntryRun.parse("5-9+1")),
                    EntryId.parse("18446744073709551615-18446744073709551615"));

    private final RedisSplitSerializer serializer = new RedisSplitSerializer();

    @Test
    void writesAndReadsTheGoldenBytes() throws IOException {
        byte[] golden = Golden.read("split-v2.bin");

        assertThat(serializer.serialize(FULL)).isEqualTo(golden);
        assertThat(serializer.deserialize(2, golden)).isEqualTo(FULL);
    }

    @Test
    void readsTheGoldenBytesOfVersion1() throws IOException {
        assertThat(serializer.deserialize(1, Golden.read("split-v1.bin"))).isEqualTo(FULL);
    }

    /** Flink's default pekko.framesize is 10 MiB. */
    @Test
    void oneMillionPendingEntriesFitIntoAMessage() throws IOException {
        List<EntryRun> pending = new ArrayList<>();
        for (long i = 0; i < 1_000_000; i++) {
            pending.add(EntryRun.of(EntryId.of(1_718_000_000_000L + 50 * i, i % 3), 1));
        }
        pending.add(EntryRun.of(EntryId.of(-1, -5), 5));
        RedisSplit split = new RedisSplit(0, "orders:0", "g", EntryId.of(-1, -1), pending, null);

        byte[] serialized = serializer.serialize(split);
        assertThat(serialized.length).isLessThan(4_000_000);
        assertThat(serializer.deserialize(2, serialized)).isEqualTo(split);
    }

    @Test
    void readsWhatItWrites() throws IOException {
        RedisSplit split = new RedisSplit(0, "orders:0", "g", EntryId.of(0, 0), List.of(), null);

        assertThat(serializer.deserialize(2, serializer.serialize(split))).isEqualTo(split);
        assertThat(split.splitId()).isEqualTo("orders:0");
    }

    @Test
    void refusesANewerVersion() {
        assertThatThrownBy(() -> serializer.deserialize(3, new byte[0]))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("has version 3; this connector reads versions up to 2");
    }

    @Test
    void speaksTheEnginesJson() throws IOException {
        String json =
                "[{\"partition\":3,\"position\":\"1718000000000-7\",\"pending\":[\"1-0+2\",\"5-9+1\"],"
                    + "\"stoppingId\":\"18446744073709551615-18446744073709551615\"}]";

        assertThat(SplitJson.toJson(List.of(FULL))).isEqualTo(json);
        assertThat(
                        SplitJson.fromJson(
                                new ObjectMapper().readTree(json).get(0),
                                "bestellungen-ä",
                                "billing"))
                .isEqualTo(FULL);
        assertThat(SplitJson.toPositions(List.of(FULL)))
                .isEqualTo(
                        "[{\"partition\":3,\"position\":\"1718000000000-7\","
                                + "\"pending\":[\"1-0+2\",\"5-9+1\"]}]");
    }
}
