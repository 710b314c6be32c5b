package com.redis.flink.source.partitioned.reader.deserializer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.redis.flink.RedisMessage;
import com.redis.flink.config.ObjectMapperSupplier;
import com.redis.flink.source.partitioned.RedisSource;
import com.redis.flink.source.partitioned.RedisSourceBuilder;
import com.redis.flink.source.partitioned.RedisSourceConfig;

import org.apache.flink.api.common.functions.util.ListCollector;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.util.InstantiationUtil;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

class RedisObjectDeserializerTest {

    @Test
    void readsTheFieldData() throws Exception {
        assertThat(read(new RedisObjectDeserializer<>(Order.class), "{\"id\":\"a\",\"amount\":3}"))
                .isEqualTo("a 3");
    }

    @Test
    void worksWithTheSuppliedMapper() throws Exception {
        String withMore = "{\"id\":\"a\",\"amount\":3,\"more\":1}";

        assertThatThrownBy(() -> read(new RedisObjectDeserializer<>(Order.class), withMore))
                .isInstanceOf(JsonProcessingException.class);
        ObjectMapperSupplier lenient =
                () -> new ObjectMapper().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);
        assertThat(read(new RedisObjectDeserializer<>(Order.class, lenient), withMore))
                .isEqualTo("a 3");
    }

    @Test
    void saysThatThereIsNoData() {
        RedisMessage message = RedisMessage.of("k", Map.of("other", "1"));

        assertThatThrownBy(
                        () ->
                                new RedisObjectDeserializer<>(Order.class)
                                        .deserialize(
                                                message, new ListCollector<>(new ArrayList<>())))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(
                        "the message has no field 'data' to read a " + Order.class.getName())
                .hasMessageContaining("its fields are [other]");
    }

    @Test
    void theClassIsRequired() {
        assertThatThrownBy(() -> new RedisObjectDeserializer<>(null))
                .hasMessageStartingWith("Option type is required but not set");
    }

    @Test
    @SuppressWarnings({"rawtypes", "unchecked"})
    void compilesInItsRawUseToo() throws Exception {
        RedisSourceConfig config =
                RedisSourceConfig.builder()
                        .topicName("t")
                        .consumerGroup("g")
                        .numPartitions(1)
                        .build();
        RedisSource<Order> source =
                new RedisSourceBuilder<>(config, new RedisObjectDeserializer(Order.class)).build();

        assertThat(InstantiationUtil.clone(source).getProducedType())
                .isEqualTo(TypeInformation.of(Order.class));
    }

    private static String read(RedisObjectDeserializer<Order> deserializer, String json)
            throws Exception {
        List<Order> orders = new ArrayList<>();
        InstantiationUtil.clone(deserializer)
                .deserialize(
                        RedisMessage.of("k", Map.of("data", json)), new ListCollector<>(orders));
        assertThat(orders).hasSize(1);
        return orders.get(0).id + " " + orders.get(0).amount;
    }

    /** What a job might read. */
    public static final class Order {
        public String id;
        public int amount;
    }
}
