package com.redis.flink.sink;

import com.redis.flink.RedisMessage;

import org.apache.flink.annotation.PublicEvolving;

/** Writes messages as they are. What a source read, and nobody changed, keeps its very bytes. */
@PublicEvolving
public final class RedisPassthroughSerializer implements RedisSerializer<RedisMessage> {

    private static final long serialVersionUID = 1L;

    @Override
    public RedisMessage Serialize(RedisMessage value) {
        return value;
    }
}
