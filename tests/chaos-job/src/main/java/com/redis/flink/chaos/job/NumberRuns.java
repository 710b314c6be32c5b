package com.redis.flink.chaos.job;

import java.util.Arrays;

/**
 * Which numbers of one key were counted: exactly, but as runs, so that it stays small while nothing
 * is missing. As an array, so that Flink's own serializer stores it: the number of duplicates, then
 * first and last of each run in ascending order.
 */
final class NumberRuns {

    static final long[] NOTHING = {0};

    private NumberRuns() {}

    /** What was seen and this number; a number that was seen already is a duplicate. */
    static long[] add(long[] seen, long number) {
        int run = 1; // the first run that ends behind the number, or touches it from below
        while (run < seen.length && seen[run + 1] + 1 < number) {
            run += 2;
        }
        if (run < seen.length && seen[run] <= number && number <= seen[run + 1]) {
            long[] more = seen.clone();
            more[0]++;
            return more;
        }
        boolean joinsBelow = run < seen.length && seen[run + 1] + 1 == number;
        int above = joinsBelow ? run + 2 : run;
        boolean joinsAbove = above < seen.length && seen[above] - 1 == number;
        if (joinsBelow && joinsAbove) {
            long[] merged = Arrays.copyOf(seen, seen.length - 2);
            System.arraycopy(seen, above + 1, merged, run + 1, seen.length - above - 1);
            return merged;
        }
        if (joinsBelow || joinsAbove) {
            long[] longer = seen.clone();
            longer[joinsBelow ? run + 1 : above] = number;
            return longer;
        }
        long[] inserted = Arrays.copyOf(seen, seen.length + 2);
        System.arraycopy(seen, run, inserted, run + 2, seen.length - run);
        inserted[run] = number;
        inserted[run + 1] = number;
        return inserted;
    }

    static long duplicates(long[] seen) {
        return seen[0];
    }

    static int runs(long[] seen) {
        return (seen.length - 1) / 2;
    }

    /** {@code duplicates first-last first-last}. */
    static String print(long[] seen) {
        StringBuilder text = new StringBuilder().append(seen[0]);
        for (int i = 1; i < seen.length; i += 2) {
            text.append(' ').append(seen[i]).append('-').append(seen[i + 1]);
        }
        return text.toString();
    }
}
