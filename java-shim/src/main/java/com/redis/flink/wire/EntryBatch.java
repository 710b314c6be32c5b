package com.redis.flink.wire;

import org.apache.flink.annotation.Internal;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The entries of one split as the engine wrote them (docs/architecture.md, "Batch layout", version
 * 1), and a cursor on them. No object is made per entry: the batch itself, standing on an entry, is
 * what Flink hands to the record emitter.
 *
 * <p>Made on the fetcher thread, which then lets go of it; the task thread moves the cursor.
 */
@Internal
public final class EntryBatch {

    private static final VarHandle INT =
            MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONG =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private static final int VERSION = 1;
    private static final int FLAG_FINISHED = 1;
    private static final int FLAG_PENDING = 2;
    private static final int FLAG_APART = 4;

    private static final int AT_FLAGS = 1;
    private static final int AT_PARTITION = 4;
    private static final int AT_ENTRIES = 8;
    private static final int AT_POSITION = 16;
    private static final int HEADER = 32;

    private static final int ENTRY_AT_PAIRS = 16;
    private static final int ENTRY_AT_LENGTH = 20;
    private static final int ENTRY_HEADER = 24;

    /** How many entries a batch can have whose strings are apart. */
    public static final int MOST_APART = 16;

    private final byte[] bytes;

    /** The strings of each entry where they are apart from the headers; else null. */
    private final byte[][] apart;

    private final int entries;

    /** Entries that the cursor has not reached. */
    private int left;

    /**
     * Where the cursor's entry begins and where it ends; before the first one, both are the end of
     * the header.
     */
    private int at = HEADER;

    private int end = HEADER;

    /**
     * Creates a batch, with the cursor before the first entry.
     *
     * @throws IllegalArgumentException not a batch of version 1
     */
    public EntryBatch(byte[] bytes) {
        this(bytes, new byte[0][]);
    }

    /**
     * Creates a batch, with the cursor before the first entry.
     *
     * @param strings of large entries, the strings of each, where the batch says that they are
     *     apart; the batch keeps the array
     * @throws IllegalArgumentException not a batch of version 1
     */
    public EntryBatch(byte[] bytes, byte[][] strings) {
        if (bytes.length < HEADER || bytes[0] != VERSION) {
            throw new IllegalArgumentException(
                    "not a batch of version "
                            + VERSION
                            + ": "
                            + bytes.length
                            + " bytes, beginning with "
                            + Arrays.toString(Arrays.copyOf(bytes, Math.min(bytes.length, 4))));
        }
        this.bytes = bytes;
        this.apart = (bytes[AT_FLAGS] & FLAG_APART) == 0 ? null : strings;
        this.entries = readInt(AT_ENTRIES);
        this.left = entries;
    }

    public int partition() {
        return readInt(AT_PARTITION);
    }

    /** Returns whether the split ends with this batch. */
    public boolean isFinished() {
        return (bytes[AT_FLAGS] & FLAG_FINISHED) != 0;
    }

    /** Returns whether the entries are some of the split's pending ones, below its position. */
    public boolean isPending() {
        return (bytes[AT_FLAGS] & FLAG_PENDING) != 0;
    }

    public int entries() {
        return entries;
    }

    /**
     * Returns whether the stream was recreated: what follows is of the new one, from its first
     * entry on.
     */
    public boolean beginsAnew() {
        return entries == 0
                && !isFinished()
                && positionMilliseconds() == 0
                && positionSequence() == 0;
    }

    /** Milliseconds of the split's position once all of the batch has been emitted. */
    public long positionMilliseconds() {
        return readLong(AT_POSITION);
    }

    public long positionSequence() {
        return readLong(AT_POSITION + Long.BYTES);
    }

    /**
     * Moves on to the next entry.
     *
     * @return false: there is none, and the cursor stays on the last one
     */
    public boolean advance() {
        if (left == 0) {
            return false;
        }
        at = end;
        if (bytes.length - at >= ENTRY_HEADER) {
            int strings = readInt(at + ENTRY_AT_LENGTH);
            int there = apart == null ? bytes.length - at - ENTRY_HEADER : lengthApart();
            if (strings >= 0 && strings <= there) {
                end = at + ENTRY_HEADER + (apart == null ? strings : 0);
                left--;
                return true;
            }
        }
        throw new IllegalStateException(
                "a batch of partition "
                        + partition()
                        + " ends within its entry "
                        + (entries - left)
                        + ", after "
                        + bytes.length
                        + " bytes");
    }

    /** Milliseconds of the ID of the cursor's entry. */
    public long milliseconds() {
        return readLong(at);
    }

    /** Returns the sequence number of the ID of the cursor's entry. */
    public long sequence() {
        return readLong(at + Long.BYTES);
    }

    /** Returns how many field-value pairs the cursor's entry has. */
    public int pairs() {
        return readInt(at + ENTRY_AT_PAIRS);
    }

    /**
     * Returns the strings of the cursor's entry, in an array of their own, which nobody else has.
     * To be called once for each entry: the batch lets go of a large one.
     */
    public byte[] takeStrings() {
        if (apart == null) {
            return Arrays.copyOfRange(bytes, at + ENTRY_HEADER, end);
        }
        int entry = entries - left - 1;
        byte[] strings = apart[entry];
        apart[entry] = null;
        return strings;
    }

    /** How long the strings of the next entry are; -1: there are none. */
    private int lengthApart() {
        int entry = entries - left;
        return entry < apart.length && apart[entry] != null ? apart[entry].length : -1;
    }

    /** Returns the ID of the cursor's entry. */
    @Override
    public String toString() {
        return entries == left
                ? "before the first of " + entries + " entries"
                : EntryId.format(milliseconds(), sequence());
    }

    private int readInt(int offset) {
        return (int) INT.get(bytes, offset);
    }

    private long readLong(int offset) {
        return (long) LONG.get(bytes, offset);
    }
}
