package com.redis.flink.source.basic;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.redis.flink.RedisMessage;
import com.redis.flink.source.partitioned.RedisSource;

import org.apache.flink.api.common.functions.util.ListCollector;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.util.InstantiationUtil;
import org.junit.jupiter.api.Test;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

class RedisStreamSourceTest {

    @Test
    void isMadeAsDocumented() throws Exception {
        RedisStreamSourceBuilder<Map<String, String>> builder =
                new RedisStreamSourceBuilder<>("redis", 6379, "test", "test-group");
        RedisStreamSource<Map<String, String>> source = builder.build();

        assertThat(source.getBoundedness()).isEqualTo(Boundedness.CONTINUOUS_UNBOUNDED);
        assertThat(InstantiationUtil.clone(source).getProducedType())
                .isEqualTo(Types.MAP(Types.STRING, Types.STRING));
    }

    /** So whatever Flink asks a source for is there. */
    @Test
    void isATopicSourceOfOnePartition() {
        assertThat(new RedisStreamSourceBuilder<>("test", "test-group").build())
                .isInstanceOf(RedisSource.class);
    }

    @Test
    void everyOtherOptionCanBeConfigured() {
        RedisStreamSourceBuilder<Map<String, String>> builder =
                new RedisStreamSourceBuilder<Map<String, String>>("test", "test-group")
                        .configure(c -> c.uri("rediss://redis").stoppingId("$"));
        assertThat(builder.build().getBoundedness()).isEqualTo(Boundedness.BOUNDED);

        assertThatThrownBy(() -> builder.configure(c -> c.useTls(true)).build())
                .hasMessageStartingWith("Option uri is \"rediss://…\" and option useTls is set");
    }

    @Test
    void refusesWrongValues() {
        assertThatThrownBy(() -> new RedisStreamSourceBuilder<>("redis", 6379, "", "g").build())
                .hasMessageStartingWith("Option topicName is \"\"");
        assertThatThrownBy(() -> new RedisStreamSourceBuilder<>("redis", 6379, "t", null).build())
                .hasMessageStartingWith("Option consumerGroup is required");
        assertThatThrownBy(() -> new RedisStreamSourceBuilder<>("redis", -1, "t", "g").build())
                .hasMessageStartingWith("Option port is -1");
    }

    @Test
    void givesAllFieldsInOrder() {
        List<Map<String, String>> maps = new ArrayList<>();

        new FieldsDeserializer()
                .deserialize(
                        RedisMessage.ofEntry(
                                "test:0", 1, 0, strings("z", "1", "key", "k", "a", "ä"), 3),
                        new ListCollector<>(maps));

        assertThat(maps).hasSize(1);
        assertThat(maps.get(0))
                .containsExactly(Map.entry("z", "1"), Map.entry("key", "k"), Map.entry("a", "ä"));
    }

    private static byte[] strings(String... strings) {
        ByteBuffer bytes = ByteBuffer.allocate(1024).order(ByteOrder.LITTLE_ENDIAN);
        for (String string : strings) {
            byte[] utf8 = string.getBytes(StandardCharsets.UTF_8);
            bytes.putInt(utf8.length).put(utf8);
        }
        byte[] all = new byte[bytes.position()];
        bytes.duplicate().position(0).get(all);
        return all;
    }
}
