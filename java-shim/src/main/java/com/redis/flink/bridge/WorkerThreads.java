package com.redis.flink.bridge;

/** How many worker threads the engine starts, which all jobs share that share its library. */
final class WorkerThreads {

    /** A system property: a number from 1 to {@value #MOST}. */
    static final String PROPERTY = "flink.redis.native.threads";

    /** Stands for one thread a core, but 2 to 4 in all. */
    static final int DEFAULT = 0;

    private static final int MOST = 64;

    private WorkerThreads() {}

    /**
     * Returns the number of threads, or {@link #DEFAULT}.
     *
     * @param value the property's value; null or empty: it is not set
     * @throws IllegalArgumentException if it is no number from 1 to {@value #MOST}
     */
    static int parse(String value) {
        if (value == null || value.isBlank()) {
            return DEFAULT;
        }
        try {
            int threads = Integer.parseInt(value.trim());
            if (threads >= 1 && threads <= MOST) {
                return threads;
            }
        } catch (NumberFormatException e) {
            // What it says does not help.
        }
        throw new IllegalArgumentException(
                "The system property "
                        + PROPERTY
                        + " must be a number of threads from 1 to "
                        + MOST
                        + ", not '"
                        + value
                        + "'; correct it, or leave it out for one thread a core, but 2 to 4.");
    }
}
