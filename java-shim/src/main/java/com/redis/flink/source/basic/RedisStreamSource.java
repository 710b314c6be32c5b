package com.redis.flink.source.basic;

import com.redis.flink.source.partitioned.RedisSource;
import com.redis.flink.source.partitioned.enumerator.RedisEnumeratorState;
import com.redis.flink.source.partitioned.split.RedisSplit;

import org.apache.flink.annotation.PublicEvolving;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.api.java.typeutils.ResultTypeQueryable;
import org.apache.flink.core.io.SimpleVersionedSerializer;

import java.util.Map;

/**
 * Reads one stream, {@code topic:0}, and gives each entry as a map of all its fields, the key among
 * them: a {@link RedisSource} with one partition. Made by {@link RedisStreamSourceBuilder}.
 *
 * @param <T> always {@code Map<String, String>}; a parameter because documented jobs give it
 */
@PublicEvolving
public final class RedisStreamSource<T>
        implements Source<T, RedisSplit, RedisEnumeratorState>, ResultTypeQueryable<T> {

    private static final long serialVersionUID = 1L;

    private final RedisSource<T> source;

    @SuppressWarnings("unchecked")
    RedisStreamSource(RedisSource<Map<String, String>> source) {
        this.source = (RedisSource<T>) source;
    }

    @Override
    public Boundedness getBoundedness() {
        return source.getBoundedness();
    }

    @Override
    public SourceReader<T, RedisSplit> createReader(SourceReaderContext context) throws Exception {
        return source.createReader(context);
    }

    @Override
    public SplitEnumerator<RedisSplit, RedisEnumeratorState> createEnumerator(
            SplitEnumeratorContext<RedisSplit> context) {
        return source.createEnumerator(context);
    }

    @Override
    public SplitEnumerator<RedisSplit, RedisEnumeratorState> restoreEnumerator(
            SplitEnumeratorContext<RedisSplit> context, RedisEnumeratorState state) {
        return source.restoreEnumerator(context, state);
    }

    @Override
    public SimpleVersionedSerializer<RedisSplit> getSplitSerializer() {
        return source.getSplitSerializer();
    }

    @Override
    public SimpleVersionedSerializer<RedisEnumeratorState> getEnumeratorCheckpointSerializer() {
        return source.getEnumeratorCheckpointSerializer();
    }

    @Override
    public TypeInformation<T> getProducedType() {
        return source.getProducedType();
    }
}
