package com.redis.flink.sink.committer;

import com.redis.flink.wire.StateVersion;

import org.apache.flink.annotation.Internal;
import org.apache.flink.core.io.SimpleVersionedSerializer;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;

/**
 * Committables in checkpoints and on their way to the committer. Version 2, as {@link
 * DataOutputStream} writes it, texts by {@code writeUTF}:
 *
 * <pre>
 * i32 partition, text key, i64 records, i64 epoch, text lane, text incarnation,
 * i64 entries, i64 largest entry
 * </pre>
 *
 * <p>Version 1 ends with the incarnation: each record is an entry.
 *
 * <p>Golden bytes of every version are in {@code tests/golden/}.
 */
@Internal
public final class RedisCommittableSerializer
        implements SimpleVersionedSerializer<RedisCommittable> {

    private static final int VERSION = 2;

    @Override
    public int getVersion() {
        return VERSION;
    }

    @Override
    public byte[] serialize(RedisCommittable committable) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(256);
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeInt(committable.partition());
            out.writeUTF(committable.key());
            out.writeLong(committable.records());
            out.writeLong(committable.epoch());
            out.writeUTF(committable.lane());
            out.writeUTF(committable.incarnation());
            out.writeLong(committable.entries());
            out.writeLong(committable.largestEntry());
        }
        return bytes.toByteArray();
    }

    @Override
    public RedisCommittable deserialize(int version, byte[] serialized) throws IOException {
        StateVersion.require("the sink's committer", version, VERSION);
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(serialized))) {
            return new RedisCommittable(
                    in.readInt(),
                    in.readUTF(),
                    in.readLong(),
                    in.readLong(),
                    in.readUTF(),
                    in.readUTF(),
                    version == 1 ? 0 : in.readLong(),
                    version == 1 ? 0 : in.readLong());
        }
    }
}
