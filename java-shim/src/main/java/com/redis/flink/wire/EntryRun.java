package com.redis.flink.wire;

import org.apache.flink.annotation.Internal;

/**
 * IDs of one millisecond that follow one another in their sequence numbers, written {@code
 * ms-seq+count}.
 */
@Internal
public final class EntryRun {

    private final EntryId first;
    private final long count;

    private EntryRun(EntryId first, long count) {
        this.first = first;
        this.count = count;
    }

    /**
     * Returns a run of {@code count} IDs.
     *
     * @throws IllegalArgumentException less than one, or more than the millisecond has left
     */
    public static EntryRun of(EntryId first, long count) {
        if (count <= 0 || Long.compareUnsigned(count - 1, -1L - first.sequence()) > 0) {
            throw new IllegalArgumentException("a run of " + count + " IDs from " + first + " on");
        }
        return new EntryRun(first, count);
    }

    /** Reads {@code ms-seq+count}. */
    public static EntryRun parse(String text) {
        int plus = text.indexOf('+');
        if (plus <= 0) {
            throw new IllegalArgumentException("not a run of entry IDs: " + text);
        }
        return of(EntryId.parse(text.substring(0, plus)), Long.parseLong(text.substring(plus + 1)));
    }

    public EntryId first() {
        return first;
    }

    public EntryId last() {
        return EntryId.of(first.milliseconds(), first.sequence() + (count - 1));
    }

    public long count() {
        return count;
    }

    /**
     * Returns what is left of this run, which must reach beyond that ID, when its IDs up to that
     * one are taken away.
     */
    public EntryRun after(long milliseconds, long sequence) {
        if (EntryId.compare(milliseconds, sequence, first.milliseconds(), first.sequence()) < 0) {
            return this;
        }
        long taken = sequence - first.sequence() + 1;
        return of(EntryId.of(milliseconds, sequence + 1), count - taken);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof EntryRun
                && first.equals(((EntryRun) other).first)
                && count == ((EntryRun) other).count;
    }

    @Override
    public int hashCode() {
        return 31 * first.hashCode() + Long.hashCode(count);
    }

    @Override
    public String toString() {
        return first + "+" + count;
    }
}
