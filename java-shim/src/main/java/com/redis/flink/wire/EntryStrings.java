package com.redis.flink.wire;

import org.apache.flink.annotation.Internal;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.BiConsumer;

/**
 * Reads the strings of one entry, which {@link RecordBatch} writes: field, value, field, value,
 * each a little-endian 32-bit length and its bytes (docs/architecture.md, "Batch layout"). Knows
 * which field is the key: the first one of that name.
 */
@Internal
public final class EntryStrings {

    /** The field of an entry that carries the message's key. */
    public static final String KEY_FIELD = "key";

    private static final byte[] KEY_FIELD_BYTES = KEY_FIELD.getBytes(StandardCharsets.US_ASCII);
    private static final VarHandle INT =
            MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

    private EntryStrings() {}

    /** Returns where the pair of the key begins, or -1 when the entry has no key. */
    public static int findKey(byte[] strings, int pairs) {
        int at = 0;
        for (int pair = 0; pair < pairs; pair++) {
            if (isField(strings, at, KEY_FIELD_BYTES)) {
                return at;
            }
            at = next(strings, next(strings, at));
        }
        return -1;
    }

    /** Returns the key, or null when the entry has none. */
    public static String key(byte[] strings, int pairs) {
        int at = findKey(strings, pairs);
        return at < 0 ? null : string(strings, next(strings, at));
    }

    /** Returns all fields but the key; of fields that are repeated, the last one. */
    public static Map<String, String> data(byte[] strings, int pairs) {
        int keyAt = findKey(strings, pairs);
        Map<String, String> data = new LinkedHashMap<>();
        int at = 0;
        for (int pair = 0; pair < pairs; pair++) {
            int valueAt = next(strings, at);
            if (at != keyAt) {
                data.put(string(strings, at), string(strings, valueAt));
            }
            at = next(strings, valueAt);
        }
        return data;
    }

    /** Gives all fields and their values, in their order, of pairs that begin at {@code from}. */
    public static void forEach(
            byte[] strings, int from, int pairs, BiConsumer<String, String> fields) {
        int at = from;
        for (int pair = 0; pair < pairs; pair++) {
            int valueAt = next(strings, at);
            fields.accept(string(strings, at), string(strings, valueAt));
            at = next(strings, valueAt);
        }
    }

    /**
     * Returns where the value of a field of the data is, of a repeated one the last; -1: there is
     * none.
     */
    public static int findValue(byte[] strings, int pairs, String name) {
        byte[] nameBytes = name.getBytes(StandardCharsets.UTF_8);
        int keyAt = findKey(strings, pairs);
        int found = -1;
        int at = 0;
        for (int pair = 0; pair < pairs; pair++) {
            int valueAt = next(strings, at);
            if (at != keyAt && isField(strings, at, nameBytes)) {
                found = valueAt;
            }
            at = next(strings, valueAt);
        }
        return found;
    }

    /** Returns the bytes of the string at {@code at}, in place. */
    public static ByteBuffer bytes(byte[] strings, int at) {
        return ByteBuffer.wrap(strings, at + Integer.BYTES, length(strings, at));
    }

    /** Returns where the string behind the one at {@code at} begins. */
    public static int next(byte[] strings, int at) {
        return at + Integer.BYTES + length(strings, at);
    }

    private static int length(byte[] strings, int at) {
        return (int) INT.get(strings, at);
    }

    /**
     * Bytes that are no UTF-8 become replacement characters; they stay as they are in the raw
     * strings. The JDK's own decoder has a vectorized way for bytes that are all ASCII, so there is
     * none here.
     */
    private static String string(byte[] strings, int at) {
        return new String(strings, at + Integer.BYTES, length(strings, at), StandardCharsets.UTF_8);
    }

    private static boolean isField(byte[] strings, int at, byte[] name) {
        int from = at + Integer.BYTES;
        return length(strings, at) == name.length
                && Arrays.equals(strings, from, from + name.length, name, 0, name.length);
    }
}
