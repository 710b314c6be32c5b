package com.redis.flink.sink;

import com.redis.flink.config.OptionChecks;

/** The option {@code ttlSeconds}. */
final class TimeToLive {

    /** A hundred years; Redis refuses what its clock cannot count. */
    private static final long MAX_SECONDS = 100L * 365 * 24 * 60 * 60;

    private TimeToLive() {}

    static long checked(long seconds) {
        if (seconds < 0 || seconds > MAX_SECONDS) {
            throw OptionChecks.invalid(
                    "ttlSeconds", seconds, "0 (never) to " + MAX_SECONDS + " (100 years)");
        }
        return seconds;
    }
}
