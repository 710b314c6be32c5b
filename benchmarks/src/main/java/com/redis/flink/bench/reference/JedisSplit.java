package com.redis.flink.bench.reference;

import org.apache.flink.api.connector.source.SourceSplit;
import org.apache.flink.core.io.SimpleVersionedSerializer;

import java.nio.charset.StandardCharsets;

/** A stream. What of it is read and not acknowledged is known to the server. */
final class JedisSplit implements SourceSplit {

    private final String stream;

    JedisSplit(String stream) {
        this.stream = stream;
    }

    @Override
    public String splitId() {
        return stream;
    }

    /** Writes the stream's name. */
    static final class Serializer implements SimpleVersionedSerializer<JedisSplit> {

        @Override
        public int getVersion() {
            return 1;
        }

        @Override
        public byte[] serialize(JedisSplit split) {
            return split.stream.getBytes(StandardCharsets.UTF_8);
        }

        @Override
        public JedisSplit deserialize(int version, byte[] serialized) {
            return new JedisSplit(new String(serialized, StandardCharsets.UTF_8));
        }
    }
}
