package com.redis.flink.wire;

import com.redis.flink.text.WholeText;

import org.apache.flink.annotation.Internal;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Records on their way to the engine, in the record batch layout of docs/architecture.md: a header,
 * then for each record its target and its strings. Used again for the next records after {@link
 * #clear()}, so that a writer in its stride allocates nothing.
 *
 * <p>Belongs to one thread.
 */
@Internal
public final class RecordBatch implements FieldConsumer {

    /** The target of a record for the dead-letter stream, in the place of a partition. */
    public static final int DEAD_LETTER = -1;

    private static final VarHandle INT =
            MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

    private static final byte VERSION = 1;
    private static final int RECORDS_AT = 4;
    private static final int HEADER_BYTES = 8;
    private static final int RECORD_HEADER_BYTES = 12;
    private static final int INITIAL_BYTES = 4 * 1024;

    /** A buffer that one huge record blew up beyond this is not kept. */
    private static final int KEPT_BYTES = 1024 * 1024;

    /** Where, by measurement, the JDK's encoder becomes the faster way. */
    private static final int SHORT_CHARS = 24;

    /** What the JDK can allocate at most. */
    private static final int MAX_BYTES = Integer.MAX_VALUE - 8;

    private byte[] bytes;
    private int length;
    private int records;

    /** Where the open record begins; -1: none is open. */
    private int recordAt = -1;

    private int recordPairs;

    /** Creates an empty batch. */
    public RecordBatch() {
        allocate();
    }

    /**
     * Begins a record.
     *
     * @param target the partition it goes to, or {@link #DEAD_LETTER}
     */
    public void begin(int target) {
        if (recordAt >= 0) {
            throw new IllegalStateException("a record is open: end() or cancel() it first");
        }
        ensure(RECORD_HEADER_BYTES);
        recordAt = length;
        recordPairs = 0;
        INT.set(bytes, length, target);
        length += RECORD_HEADER_BYTES;
    }

    /**
     * Adds a field.
     *
     * @throws IllegalArgumentException a text has half of a character
     */
    @Override
    public void field(String name, String value) {
        string(name);
        string(value);
        recordPairs++;
    }

    /**
     * Adds {@code pairs} fields that are all of {@code strings}, in the layout of an entry's
     * strings.
     */
    public void raw(byte[] strings, int pairs) {
        raw(strings, 0, strings.length, pairs);
    }

    @Override
    public void raw(byte[] strings, int from, int to, int pairs) {
        ensure(to - from);
        System.arraycopy(strings, from, bytes, length, to - from);
        length += to - from;
        recordPairs += pairs;
    }

    /**
     * Ends the record, which is part of the batch from here on.
     *
     * @throws IllegalArgumentException it has no fields; Redis has no such entries
     */
    public void end() {
        if (recordAt < 0) {
            throw new IllegalStateException("no record is open: begin() one first");
        }
        if (recordPairs == 0) {
            throw new IllegalArgumentException(
                    "a message with neither key nor data cannot be written: Redis has no entries"
                            + " without fields");
        }
        INT.set(bytes, recordAt + 4, recordPairs);
        INT.set(bytes, recordAt + 8, length - recordAt - RECORD_HEADER_BYTES);
        recordAt = -1;
        records++;
        INT.set(bytes, RECORDS_AT, records);
    }

    /** Takes back the open record, if there is one; the others stay. */
    public void cancel() {
        if (recordAt >= 0) {
            length = recordAt;
            recordAt = -1;
        }
    }

    /** Returns how many records have ended. */
    public int records() {
        return records;
    }

    /** Returns how many of {@link #bytes()} count. */
    public int length() {
        return length;
    }

    /**
     * Returns the batch, from 0 to {@link #length()}; what follows is garbage. Good until the next
     * change.
     */
    public byte[] bytes() {
        return bytes;
    }

    /** Makes the batch empty. */
    public void clear() {
        if (bytes.length > KEPT_BYTES) {
            allocate();
        }
        length = HEADER_BYTES;
        records = 0;
        recordAt = -1;
        INT.set(bytes, RECORDS_AT, 0);
    }

    private void allocate() {
        bytes = new byte[INITIAL_BYTES];
        bytes[0] = VERSION;
        length = HEADER_BYTES;
    }

    /**
     * Short ASCII strings, as field names and most keys are, go straight into the batch. Looking at
     * each character would cost longer ones more than the copy that the JDK's encoder makes, which
     * is vectorized.
     */
    @SuppressWarnings(
            "deprecation") // getBytes(int, int, …) is exact for ASCII, and the only one without a
    // copy
    private void string(String text) {
        int chars = text.length();
        if (chars <= SHORT_CHARS && isAscii(text)) {
            ensure(Integer.BYTES + (long) chars);
            INT.set(bytes, length, chars);
            text.getBytes(0, chars, bytes, length + Integer.BYTES);
            length += Integer.BYTES + chars;
        } else {
            byte[] utf8 = WholeText.utf8(text);
            ensure(Integer.BYTES + (long) utf8.length);
            INT.set(bytes, length, utf8.length);
            System.arraycopy(utf8, 0, bytes, length + Integer.BYTES, utf8.length);
            length += Integer.BYTES + utf8.length;
        }
    }

    private static boolean isAscii(String text) {
        int all = 0;
        for (int i = 0; i < text.length(); i++) {
            all |= text.charAt(i);
        }
        return all < 0x80;
    }

    private void ensure(long more) {
        long needed = length + more;
        if (needed > bytes.length) {
            if (needed > MAX_BYTES) {
                throw new IllegalArgumentException(
                        "a record makes its batch "
                                + needed
                                + " bytes long; allowed: "
                                + MAX_BYTES);
            }
            bytes =
                    Arrays.copyOf(
                            bytes, (int) Math.min(MAX_BYTES, Math.max(needed, 2L * bytes.length)));
        }
    }
}
