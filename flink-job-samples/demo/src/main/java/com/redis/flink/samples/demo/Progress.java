package com.redis.flink.samples.demo;

import java.util.concurrent.TimeUnit;

/**
 * The progress line: on a terminal it is written over, else there is a new one every few seconds.
 */
final class Progress {

    private final boolean terminal;
    private final long interval;
    private final long start = System.nanoTime();
    private long shown = Long.MIN_VALUE;

    Progress(boolean terminal) {
        this.terminal = terminal;
        interval = terminal ? TimeUnit.MILLISECONDS.toNanos(200) : TimeUnit.SECONDS.toNanos(3);
    }

    void show(int produced, Topics.Counts counts) {
        long elapsed = System.nanoTime() - start;
        if (shown == Long.MIN_VALUE || elapsed - shown >= interval) {
            shown = elapsed;
            print(elapsed, produced, counts);
        }
    }

    void end(int produced, Topics.Counts counts) {
        print(System.nanoTime() - start, produced, counts);
        if (terminal) {
            System.out.println();
        }
    }

    private void print(long elapsed, int produced, Topics.Counts counts) {
        String line =
                String.format(
                        "%3d s  produced %,d  consumed %,d  written %,d  acknowledged %,d  lag %,d",
                        TimeUnit.NANOSECONDS.toSeconds(elapsed),
                        produced,
                        counts.consumed,
                        counts.written,
                        counts.acknowledged,
                        Math.max(0, produced - counts.consumed));
        if (terminal) {
            System.out.print("\r" + line + "\u001b[K");
            System.out.flush();
        } else {
            System.out.println(line);
        }
    }
}
