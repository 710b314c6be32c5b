package com.redis.flink.bench;

/** How much a benchmark does. */
public enum Effort {
    /** What figures are made with. */
    FULL(5, true, 1.0),
    /** Under a minute for each benchmark. */
    QUICK(3, true, 0.2),
    /** Shows that a benchmark runs and counts right; its figures mean nothing. */
    SMOKE(1, false, 0.002);

    private final int rounds;
    private final boolean warmUp;
    private final double share;

    Effort(int rounds, boolean warmUp, double share) {
        this.rounds = rounds;
        this.warmUp = warmUp;
        this.share = share;
    }

    /** Returns how many rounds count. */
    public int rounds() {
        return rounds;
    }

    /** Returns whether a round before them, which does not count, lets the JVM compile. */
    public boolean warmUp() {
        return warmUp;
    }

    /** Returns how many there are of what a full run has so many of, but so many at least. */
    public int of(int full, int least) {
        return Math.max(least, (int) (full * share));
    }
}
