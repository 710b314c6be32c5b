package com.redis.flink.sink.writer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.Test;

import java.nio.file.Files;
import java.util.List;

/** Where keys go. */
class PartitionerTest {

    @Test
    void agreesWithTheSharedVectors() throws Exception {
        ObjectMapper json = new ObjectMapper();
        List<String> lines = Files.readAllLines(Golden.file("partitions.txt"));
        assertThat(lines).hasSizeGreaterThan(100);
        for (String line : lines) {
            String[] parts = line.split("\t", 3);
            int numPartitions = Integer.parseInt(parts[0]);
            String key = json.readValue(parts[2], String.class);

            assertThat(new Partitioner(numPartitions, 0).partition(key))
                    .as(line)
                    .isEqualTo(Integer.parseInt(parts[1]));
        }
    }

    @Test
    void aHashWithoutAnAbsoluteValueIsNoProblem() {
        assertThat("polygenelubricants".hashCode()).isEqualTo(Integer.MIN_VALUE);
        assertThat(Partitioner.ofKey("polygenelubricants", 1000)).isEqualTo(648);
    }

    @Test
    void messagesWithoutAKeyGoToThePartitionsInTurn() {
        Partitioner partitioner = new Partitioner(3, 4);

        assertThat(
                        List.of(
                                partitioner.partition(null),
                                partitioner.partition(null),
                                partitioner.partition("k1"),
                                partitioner.partition(null)))
                .containsExactly(1, 2, Partitioner.ofKey("k1", 3), 0);
    }
}
