package com.redis.flink.sink.staging;

import com.redis.flink.wire.StateVersion;

import org.apache.flink.annotation.Internal;
import org.apache.flink.core.io.SimpleVersionedSerializer;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;

/**
 * The writers' state in checkpoints. Version 1, as {@link DataOutputStream} writes it, texts by
 * {@code writeUTF}:
 *
 * <pre>
 * text lane, text incarnation, i64 epoch
 * </pre>
 *
 * <p>Golden bytes of every version are in {@code tests/golden/}.
 */
@Internal
public final class RedisWriterStateSerializer
        implements SimpleVersionedSerializer<RedisWriterState> {

    private static final int VERSION = 1;

    @Override
    public int getVersion() {
        return VERSION;
    }

    @Override
    public byte[] serialize(RedisWriterState state) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(128);
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeUTF(state.lane());
            out.writeUTF(state.incarnation());
            out.writeLong(state.epoch());
        }
        return bytes.toByteArray();
    }

    @Override
    public RedisWriterState deserialize(int version, byte[] serialized) throws IOException {
        StateVersion.require("the sink's writer", version, VERSION);
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(serialized))) {
            return new RedisWriterState(in.readUTF(), in.readUTF(), in.readLong());
        }
    }
}
