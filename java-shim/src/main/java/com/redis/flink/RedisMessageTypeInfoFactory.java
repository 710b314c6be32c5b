package com.redis.flink;

import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.typeinfo.TypeInfoFactory;
import org.apache.flink.api.common.typeinfo.TypeInformation;

import java.lang.reflect.Type;
import java.util.Map;

/** How Flink's type extraction finds the type information of {@link RedisMessage}. */
@Internal
public final class RedisMessageTypeInfoFactory extends TypeInfoFactory<RedisMessage> {

    @Override
    public TypeInformation<RedisMessage> createTypeInfo(
            Type type, Map<String, TypeInformation<?>> genericParameters) {
        return RedisMessageTypeInfo.INSTANCE;
    }
}
