package com.redis.flink;

import org.apache.flink.api.common.typeutils.SerializerTestBase;
import org.apache.flink.api.common.typeutils.TypeSerializer;

import java.util.LinkedHashMap;
import java.util.Map;

/** What Flink asks of every serializer. */
class RedisMessageSerializerSuiteTest extends SerializerTestBase<RedisMessage> {

    @Override
    protected TypeSerializer<RedisMessage> createSerializer() {
        return RedisMessageSerializer.INSTANCE;
    }

    @Override
    protected int getLength() {
        return -1;
    }

    @Override
    protected Class<RedisMessage> getTypeClass() {
        return RedisMessage.class;
    }

    @Override
    protected RedisMessage[] getTestData() {
        Map<String, String> fields = new LinkedHashMap<>();
        fields.put("data", "{\"cents\":100}");
        fields.put("", "");
        fields.put("ключ", "\uD83D\uDE00 \u0000");
        return new RedisMessage[] {
            RedisMessage.of("key", fields),
            RedisMessage.of(null, Map.of()),
            RedisMessage.of("", fields)
        };
    }
}
