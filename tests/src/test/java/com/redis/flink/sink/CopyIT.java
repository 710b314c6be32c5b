package com.redis.flink.sink;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.RedisMessage;
import com.redis.flink.it.Flink;
import com.redis.flink.it.Job;
import com.redis.flink.it.Topic;
import com.redis.flink.source.partitioned.RedisSourceBuilder;
import com.redis.flink.source.partitioned.reader.deserializer.RedisMessageDeserializer;
import com.redis.flink.testing.RedisServer;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import redis.clients.jedis.Protocol;
import redis.clients.jedis.resps.StreamEntry;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A topic that is copied to another one arrives as it was. */
class CopyIT {

    @RegisterExtension static final RedisServer REDIS = new RedisServer();
    @RegisterExtension static final Flink FLINK = new Flink();

    /** A job that copies what is there, and ends. */
    private static void copy(Topic from, Topic to, int parallelism, boolean overNetwork)
            throws Exception {
        StreamExecutionEnvironment env = FLINK.environment(parallelism);
        DataStream<RedisMessage> messages =
                env.fromSource(
                        new RedisSourceBuilder<>(
                                        from.source().stoppingId("$").build(),
                                        new RedisMessageDeserializer())
                                .build(),
                        WatermarkStrategy.noWatermarks(),
                        "messages");
        if (overNetwork) {
            messages = messages.rebalance();
        }
        messages.sinkTo(
                new RedisSinkBuilder<>(new RedisPassthroughSerializer(), to.sink().build())
                        .build());
        try (Job job = FLINK.run(env)) {
            job.awaitFinished();
        }
    }

    @Test
    void eachKeyKeepsItsOrder() throws Exception {
        int keys = 40;
        int perKey = 50;
        try (Topic from = new Topic(REDIS, 4);
                Topic to = new Topic(REDIS, 3)) {
            for (int n = 0; n < keys * perKey; n++) {
                String key = "key-" + n % keys;
                from.add(partition(key, 4), Map.of("key", key, Topic.NUMBER, Integer.toString(n)));
            }
            copy(from, to, 2, false);

            assertThat(to.length()).isEqualTo(keys * perKey);
            for (int k = 0; k < keys; k++) {
                String key = "key-" + k;
                List<Integer> copied = new ArrayList<>();
                for (StreamEntry entry : to.entries(partition(key, 3))) {
                    if (entry.getFields().get("key").equals(key)) {
                        copied.add(Integer.valueOf(entry.getFields().get(Topic.NUMBER)));
                    }
                }
                assertThat(copied).as(key).hasSize(perKey).isSorted();
            }
        }
    }

    /** The rule of the topic, in words of the test's own. */
    private static int partition(String key, int partitions) {
        return (int) (Math.abs((long) key.hashCode()) % partitions);
    }

    @ParameterizedTest(name = "over the network: {0}")
    @ValueSource(booleans = {false, true})
    void bytesAreUntouched(boolean overNetwork) throws Exception {
        byte[] binary = {0, (byte) 0xff, (byte) 0xc3, 0x28, '\r', '\n', (byte) 0x80};
        byte[] large = new byte[300_000];
        for (int i = 0; i < large.length; i++) {
            large[i] = (byte) (i * 31);
        }
        List<byte[][]> entries =
                List.of(
                        fields("key", "k", "plain", "text"),
                        fields("key", "k", binary, binary, "", ""),
                        fields("twice", "1", "key", "k", "twice", "2", "twice", "1"),
                        fields("key", "k", "large", large),
                        fields("no key", "€ 😀"));
        try (Topic from = new Topic(REDIS, 1);
                Topic to = new Topic(REDIS, 1)) {
            for (byte[][] entry : entries) {
                byte[][] command = new byte[entry.length + 2][];
                command[0] = utf8(from.stream(0));
                command[1] = utf8("*");
                System.arraycopy(entry, 0, command, 2, entry.length);
                from.jedis().sendCommand(Protocol.Command.XADD, command);
            }
            copy(from, to, 1, overNetwork);

            List<List<?>> copied = raw(to);
            assertThat(copied).hasSize(entries.size());
            for (int i = 0; i < entries.size(); i++) {
                assertThat(copied.get(i).toArray(new byte[0][])).isDeepEqualTo(entries.get(i));
            }
        }
    }

    private static byte[][] fields(Object... strings) {
        byte[][] bytes = new byte[strings.length][];
        for (int i = 0; i < strings.length; i++) {
            bytes[i] = strings[i] instanceof byte[] ? (byte[]) strings[i] : utf8(strings[i]);
        }
        return bytes;
    }

    private static byte[] utf8(Object text) {
        return text.toString().getBytes(StandardCharsets.UTF_8);
    }

    /** Field, value, field, value of each entry. */
    private static List<List<?>> raw(Topic topic) {
        List<?> reply =
                (List<?>)
                        topic.jedis()
                                .sendCommand(
                                        Protocol.Command.XRANGE,
                                        utf8(topic.stream(0)),
                                        utf8("-"),
                                        utf8("+"));
        List<List<?>> entries = new ArrayList<>();
        for (Object entry : reply) {
            entries.add((List<?>) ((List<?>) entry).get(1));
        }
        return entries;
    }
}
