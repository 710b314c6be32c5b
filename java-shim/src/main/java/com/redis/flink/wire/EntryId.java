package com.redis.flink.wire;

import org.apache.flink.annotation.Internal;

/** The ID of a stream entry: {@code milliseconds-sequence}, both unsigned 64 bit. */
@Internal
public final class EntryId implements Comparable<EntryId> {

    private static final char SEPARATOR = '-';

    private final long milliseconds;
    private final long sequence;

    private EntryId(long milliseconds, long sequence) {
        this.milliseconds = milliseconds;
        this.sequence = sequence;
    }

    public static EntryId of(long milliseconds, long sequence) {
        return new EntryId(milliseconds, sequence);
    }

    /**
     * Reads {@code ms-seq}, or {@code ms} alone, which is the first ID of that millisecond.
     *
     * @throws NumberFormatException it is neither
     */
    public static EntryId parse(String text) {
        int separator = text.indexOf(SEPARATOR);
        return separator < 0
                ? new EntryId(unsigned(text), 0)
                : new EntryId(
                        unsigned(text.substring(0, separator)),
                        unsigned(text.substring(separator + 1)));
    }

    /** Compares two IDs given as their halves. */
    public static int compare(long ms1, long seq1, long ms2, long seq2) {
        int milliseconds = Long.compareUnsigned(ms1, ms2);
        return milliseconds != 0 ? milliseconds : Long.compareUnsigned(seq1, seq2);
    }

    public static String format(long milliseconds, long sequence) {
        return Long.toUnsignedString(milliseconds) + SEPARATOR + Long.toUnsignedString(sequence);
    }

    public long milliseconds() {
        return milliseconds;
    }

    public long sequence() {
        return sequence;
    }

    @Override
    public int compareTo(EntryId other) {
        return compare(milliseconds, sequence, other.milliseconds, other.sequence);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof EntryId && compareTo((EntryId) other) == 0;
    }

    @Override
    public int hashCode() {
        return 31 * Long.hashCode(milliseconds) + Long.hashCode(sequence);
    }

    @Override
    public String toString() {
        return format(milliseconds, sequence);
    }

    private static long unsigned(String digits) {
        if (digits.startsWith("+")) {
            throw new NumberFormatException("a sign in an entry ID: " + digits);
        }
        return Long.parseUnsignedLong(digits);
    }
}
