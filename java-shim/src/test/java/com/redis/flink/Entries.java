package com.redis.flink;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Makes messages as a source does. */
final class Entries {

    private Entries() {}

    static RedisMessage fromStream(String... strings) {
        byte[][] bytes = new byte[strings.length][];
        for (int i = 0; i < strings.length; i++) {
            bytes[i] = strings[i].getBytes(StandardCharsets.UTF_8);
        }
        return fromStream(bytes);
    }

    static RedisMessage fromStream(byte[]... strings) {
        return RedisMessage.ofEntry("orders:2", 1718, 3, strings(strings), strings.length / 2);
    }

    static byte[] strings(byte[]... strings) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (byte[] string : strings) {
            out.writeBytes(
                    ByteBuffer.allocate(4)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .putInt(string.length)
                            .array());
            out.writeBytes(string);
        }
        return out.toByteArray();
    }
}
