package com.redis.flink;

import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.ExecutionConfig;
import org.apache.flink.api.common.serialization.SerializerConfig;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.TypeSerializer;

/** The type of {@link RedisMessage}: our own serializer, never Kryo, and one that may be a key. */
@Internal
public final class RedisMessageTypeInfo extends TypeInformation<RedisMessage> {

    public static final RedisMessageTypeInfo INSTANCE = new RedisMessageTypeInfo();

    private static final long serialVersionUID = 1L;

    @Override
    public boolean isBasicType() {
        return false;
    }

    @Override
    public boolean isTupleType() {
        return false;
    }

    @Override
    public int getArity() {
        return 1;
    }

    @Override
    public int getTotalFields() {
        return 1;
    }

    @Override
    public Class<RedisMessage> getTypeClass() {
        return RedisMessage.class;
    }

    @Override
    public boolean isKeyType() {
        return true;
    }

    @Override
    public TypeSerializer<RedisMessage> createSerializer(SerializerConfig config) {
        return RedisMessageSerializer.INSTANCE;
    }

    /** Flink 1.20 asks this one; Flink 2 has it no more, hence no {@code @Override}. */
    public TypeSerializer<RedisMessage> createSerializer(ExecutionConfig config) {
        return RedisMessageSerializer.INSTANCE;
    }

    @Override
    public boolean canEqual(Object other) {
        return other instanceof RedisMessageTypeInfo;
    }

    @Override
    public boolean equals(Object other) {
        return canEqual(other);
    }

    @Override
    public int hashCode() {
        return RedisMessageTypeInfo.class.hashCode();
    }

    @Override
    public String toString() {
        return "RedisMessage";
    }
}
