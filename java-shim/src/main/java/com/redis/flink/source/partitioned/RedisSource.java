package com.redis.flink.source.partitioned;

import com.redis.flink.bridge.NativeEnumerator;
import com.redis.flink.bridge.NativeLibrary;
import com.redis.flink.bridge.NativeReader;
import com.redis.flink.bridge.NativeWriter;
import com.redis.flink.source.partitioned.enumerator.RedisEnumeratorState;
import com.redis.flink.source.partitioned.enumerator.RedisEnumeratorStateSerializer;
import com.redis.flink.source.partitioned.enumerator.RedisSourceEnumerator;
import com.redis.flink.source.partitioned.reader.RedisSourceReader;
import com.redis.flink.source.partitioned.reader.deserializer.RedisDeserializer;
import com.redis.flink.source.partitioned.split.RedisSplit;
import com.redis.flink.source.partitioned.split.RedisSplitSerializer;

import org.apache.flink.annotation.Internal;
import org.apache.flink.annotation.PublicEvolving;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.api.java.typeutils.ResultTypeQueryable;
import org.apache.flink.configuration.ConfigurationUtils;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.util.UserCodeClassLoader;

import java.io.IOException;

/**
 * Reads a topic: a number of Redis streams, each with the same consumer group. Made by {@link
 * RedisSourceBuilder}.
 *
 * <p>Records carry the milliseconds of their entry ID as event time, and each partition has its own
 * watermark. The source is bounded when option stoppingId is set.
 *
 * @param <T> the records that the deserializer makes
 */
@PublicEvolving
public class RedisSource<T>
        implements Source<T, RedisSplit, RedisEnumeratorState>, ResultTypeQueryable<T> {

    private static final long serialVersionUID = 1L;

    private final RedisSourceConfig config;
    private final RedisDeserializer<T> deserializer;

    RedisSource(RedisSourceConfig config, RedisDeserializer<T> deserializer) {
        this.config = config;
        this.deserializer = deserializer;
    }

    /** The same source under another name. */
    @Internal
    protected RedisSource(RedisSource<T> source) {
        this(source.config, source.deserializer);
    }

    @Override
    public Boundedness getBoundedness() {
        return config.getStoppingId().isPresent()
                ? Boundedness.BOUNDED
                : Boundedness.CONTINUOUS_UNBOUNDED;
    }

    @Internal
    @Override
    public SourceReader<T, RedisSplit> createReader(SourceReaderContext context) throws Exception {
        deserializer.open(new OpenContext(context));
        NativeLibrary.offerFolders(
                ConfigurationUtils.parseTempDirectories(context.getConfiguration()));
        NativeReader engine =
                NativeReader.open(
                        config.toSettings().toString(), config.getConnection().credentials());
        return RedisSourceReader.create(
                config,
                deserializer,
                context,
                engine,
                settings -> NativeWriter.open(settings, config.getConnection().credentials()));
    }

    @Internal
    @Override
    public SplitEnumerator<RedisSplit, RedisEnumeratorState> createEnumerator(
            SplitEnumeratorContext<RedisSplit> context) {
        return new RedisSourceEnumerator(config, context, this::openEnumerator);
    }

    @Internal
    @Override
    public SplitEnumerator<RedisSplit, RedisEnumeratorState> restoreEnumerator(
            SplitEnumeratorContext<RedisSplit> context, RedisEnumeratorState state) {
        return RedisSourceEnumerator.restore(config, context, this::openEnumerator, state);
    }

    private NativeEnumerator openEnumerator(String settings) throws IOException {
        return NativeEnumerator.open(settings, config.getConnection().credentials());
    }

    @Internal
    @Override
    public SimpleVersionedSerializer<RedisSplit> getSplitSerializer() {
        return new RedisSplitSerializer();
    }

    @Internal
    @Override
    public SimpleVersionedSerializer<RedisEnumeratorState> getEnumeratorCheckpointSerializer() {
        return new RedisEnumeratorStateSerializer();
    }

    @Override
    public TypeInformation<T> getProducedType() {
        return deserializer.getProducedType();
    }

    /** What a deserializer is opened with. */
    private static final class OpenContext implements DeserializationSchema.InitializationContext {

        private final SourceReaderContext context;

        private OpenContext(SourceReaderContext context) {
            this.context = context;
        }

        @Override
        public MetricGroup getMetricGroup() {
            return context.metricGroup().addGroup("deserializer");
        }

        @Override
        public UserCodeClassLoader getUserCodeClassLoader() {
            return context.getUserCodeClassLoader();
        }
    }
}
