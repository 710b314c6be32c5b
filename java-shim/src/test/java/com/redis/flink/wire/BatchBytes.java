package com.redis.flink.wire;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Writes batches as the engine does. */
public final class BatchBytes {

    private final ByteBuffer bytes = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);

    public BatchBytes(int partition) {
        bytes.put(0, (byte) 1).putInt(4, partition).position(32);
    }

    public BatchBytes entry(long milliseconds, long sequence, String... strings) {
        int at = bytes.position();
        bytes.position(at + 24);
        for (String string : strings) {
            byte[] utf8 = string.getBytes(StandardCharsets.UTF_8);
            bytes.putInt(utf8.length).put(utf8);
        }
        bytes.putLong(at, milliseconds).putLong(at + 8, sequence);
        bytes.putInt(at + 16, strings.length / 2).putInt(at + 20, bytes.position() - at - 24);
        bytes.putInt(8, bytes.getInt(8) + 1);
        return this;
    }

    public BatchBytes position(long milliseconds, long sequence) {
        bytes.putLong(16, milliseconds).putLong(24, sequence);
        return this;
    }

    public BatchBytes finished() {
        bytes.put(1, (byte) 1);
        return this;
    }

    public BatchBytes pending() {
        bytes.put(1, (byte) 2);
        return this;
    }

    public byte[] build() {
        byte[] built = new byte[bytes.position()];
        bytes.duplicate().position(0).get(built);
        return built;
    }
}
