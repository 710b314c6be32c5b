package com.redis.flink;

import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSchemaCompatibility;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.base.TypeSerializerSingleton;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

import java.io.IOException;

/**
 * Moves messages between tasks and into state: a flag byte, then the entry's own bytes where there
 * are any, so that nothing is decoded or encoded on the way. Copies share those bytes, which makes
 * them nearly free (Flink copies at every chained operator unless object reuse is on).
 */
@Internal
public final class RedisMessageSerializer extends TypeSerializerSingleton<RedisMessage> {

    public static final RedisMessageSerializer INSTANCE = new RedisMessageSerializer();

    private static final long serialVersionUID = 1L;

    @Override
    public boolean isImmutableType() {
        return false;
    }

    @Override
    public RedisMessage createInstance() {
        return new RedisMessage();
    }

    @Override
    public RedisMessage copy(RedisMessage from) {
        return from.copy();
    }

    @Override
    public RedisMessage copy(RedisMessage from, RedisMessage reuse) {
        return from.copy();
    }

    @Override
    public int getLength() {
        return -1;
    }

    @Override
    public void serialize(RedisMessage message, DataOutputView out) throws IOException {
        message.serialize(out);
    }

    @Override
    public RedisMessage deserialize(DataInputView in) throws IOException {
        return RedisMessage.deserialize(in);
    }

    @Override
    public RedisMessage deserialize(RedisMessage reuse, DataInputView in) throws IOException {
        return RedisMessage.deserialize(in);
    }

    @Override
    public void copy(DataInputView in, DataOutputView out) throws IOException {
        RedisMessage.deserialize(in).serialize(out);
    }

    @Override
    public TypeSerializerSnapshot<RedisMessage> snapshotConfiguration() {
        return new Snapshot();
    }

    /** The version of the serialized form, kept beside it in checkpoints. */
    @Internal
    public static final class Snapshot implements TypeSerializerSnapshot<RedisMessage> {

        private static final int VERSION = 1;

        @Override
        public int getCurrentVersion() {
            return VERSION;
        }

        @Override
        public void writeSnapshot(DataOutputView out) {
            // The version, which Flink writes, says everything.
        }

        @Override
        public void readSnapshot(int version, DataInputView in, ClassLoader classLoader)
                throws IOException {
            if (version != VERSION) {
                throw new IOException(
                        "State holds RedisMessage in version "
                                + version
                                + ", this connector reads version "
                                + VERSION
                                + "; restore it with the connector that wrote it, or a newer one");
            }
        }

        @Override
        public TypeSerializer<RedisMessage> restoreSerializer() {
            return INSTANCE;
        }

        @Override
        public TypeSerializerSchemaCompatibility<RedisMessage> resolveSchemaCompatibility(
                TypeSerializerSnapshot<RedisMessage> oldSnapshot) {
            return oldSnapshot instanceof Snapshot
                    ? TypeSerializerSchemaCompatibility.compatibleAsIs()
                    : TypeSerializerSchemaCompatibility.incompatible();
        }
    }
}
