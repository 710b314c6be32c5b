package com.redis.flink.bench.reference;

import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.api.java.typeutils.ResultTypeQueryable;
import org.apache.flink.core.io.SimpleVersionedSerializer;

import redis.clients.jedis.Jedis;

import java.util.List;
import java.util.Map;

/**
 * The yardstick for reading: a source as one writes it with Jedis and Flink's own base classes. One
 * {@code XREADGROUP} asks for all streams of a reader (which one server allows, and a cluster does
 * not), and a completed checkpoint acknowledges what was emitted before it. At least once.
 */
public final class JedisSource
        implements Source<Map<String, String>, JedisSplit, Integer>,
                ResultTypeQueryable<Map<String, String>> {

    private static final long serialVersionUID = 1L;

    private static final int TIMEOUT_MILLIS = 60_000;

    private final String host;
    private final int port;
    private final List<String> streams;
    private final String group;
    private final int count;
    private final boolean acknowledge;

    /**
     * @param count entries of each stream in a reply at most
     * @param acknowledge by checkpoints; false: {@code NOACK}
     */
    public JedisSource(
            String host,
            int port,
            List<String> streams,
            String group,
            int count,
            boolean acknowledge) {
        this.host = host;
        this.port = port;
        this.streams = List.copyOf(streams);
        this.group = group;
        this.count = count;
        this.acknowledge = acknowledge;
    }

    Jedis connect() {
        return new Jedis(host, port, TIMEOUT_MILLIS);
    }

    List<String> streams() {
        return streams;
    }

    String group() {
        return group;
    }

    int count() {
        return count;
    }

    boolean acknowledges() {
        return acknowledge;
    }

    @Override
    public Boundedness getBoundedness() {
        return Boundedness.CONTINUOUS_UNBOUNDED;
    }

    @Override
    public SourceReader<Map<String, String>, JedisSplit> createReader(SourceReaderContext context) {
        return new JedisReader(this, context);
    }

    @Override
    public SplitEnumerator<JedisSplit, Integer> createEnumerator(
            SplitEnumeratorContext<JedisSplit> context) {
        return new JedisEnumerator(context, this, false);
    }

    @Override
    public SplitEnumerator<JedisSplit, Integer> restoreEnumerator(
            SplitEnumeratorContext<JedisSplit> context, Integer streams) {
        return new JedisEnumerator(context, this, true);
    }

    @Override
    public SimpleVersionedSerializer<JedisSplit> getSplitSerializer() {
        return new JedisSplit.Serializer();
    }

    @Override
    public SimpleVersionedSerializer<Integer> getEnumeratorCheckpointSerializer() {
        return new JedisEnumerator.StateSerializer();
    }

    @Override
    public TypeInformation<Map<String, String>> getProducedType() {
        return Types.MAP(Types.STRING, Types.STRING);
    }
}
