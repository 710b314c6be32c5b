package com.redis.flink.source.basic;

import com.redis.flink.source.partitioned.RedisSource;

import org.apache.flink.annotation.PublicEvolving;

import java.util.Map;

/**
 * Reads one stream, {@code topic:0}, and gives each entry as a map of all its fields, the key among
 * them: a {@link RedisSource} with one partition. Made by {@link RedisStreamSourceBuilder}.
 *
 * @param <T> always {@code Map<String, String>}; a parameter because documented jobs give it
 */
@PublicEvolving
public final class RedisStreamSource<T> extends RedisSource<T> {

    private static final long serialVersionUID = 1L;

    @SuppressWarnings("unchecked")
    RedisStreamSource(RedisSource<Map<String, String>> source) {
        super((RedisSource<T>) source);
    }
}
