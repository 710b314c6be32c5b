package com.redis.flink.source.partitioned.enumerator;

import com.redis.flink.source.partitioned.split.RedisSplit;
import com.redis.flink.source.partitioned.split.RedisSplitSerializer;
import com.redis.flink.wire.StateVersion;

import org.apache.flink.annotation.Internal;
import org.apache.flink.core.io.SimpleVersionedSerializer;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * The enumerator's state in checkpoints. Version 1, big-endian; a text is an i32 length and UTF-8:
 *
 * <pre>
 * text topic, text consumer group, i32 partitions, partitions: i32,
 * i32 version of the splits, i32 splits, splits: i32 length, bytes
 * </pre>
 */
@Internal
public final class RedisEnumeratorStateSerializer
        implements SimpleVersionedSerializer<RedisEnumeratorState> {

    private static final int VERSION = 1;

    private final RedisSplitSerializer splitSerializer = new RedisSplitSerializer();

    @Override
    public int getVersion() {
        return VERSION;
    }

    @Override
    public byte[] serialize(RedisEnumeratorState state) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(64);
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            RedisSplitSerializer.writeText(out, state.topic());
            RedisSplitSerializer.writeText(out, state.consumerGroup());
            out.writeInt(state.discovered().size());
            for (int partition : state.discovered()) {
                out.writeInt(partition);
            }
            out.writeInt(splitSerializer.getVersion());
            out.writeInt(state.unassigned().size());
            for (RedisSplit split : state.unassigned()) {
                byte[] serialized = splitSerializer.serialize(split);
                out.writeInt(serialized.length);
                out.write(serialized);
            }
        }
        return bytes.toByteArray();
    }

    @Override
    public RedisEnumeratorState deserialize(int version, byte[] serialized) throws IOException {
        StateVersion.require("the enumerator", version, VERSION);
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(serialized))) {
            String topic = RedisSplitSerializer.readText(in);
            String consumerGroup = RedisSplitSerializer.readText(in);
            List<Integer> discovered = new ArrayList<>();
            for (int left = in.readInt(); left > 0; left--) {
                discovered.add(in.readInt());
            }
            int splitVersion = in.readInt();
            List<RedisSplit> unassigned = new ArrayList<>();
            for (int left = in.readInt(); left > 0; left--) {
                unassigned.add(
                        splitSerializer.deserialize(splitVersion, in.readNBytes(in.readInt())));
            }
            return new RedisEnumeratorState(topic, consumerGroup, discovered, unassigned);
        }
    }
}
