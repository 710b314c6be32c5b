package com.redis.flink.bench;

import java.util.Map;

/** One way of doing what a benchmark measures: our connector, the wire, the reference. */
public interface Contender {

    /** What it is, which decides the colour of its bars. */
    enum Kind {
        OURS,
        WIRE,
        REFERENCE
    }

    Kind kind();

    /** Returns its name, unique in the benchmark. */
    String name();

    /** Gets ready: what is done here is not measured. */
    Run prepare() throws Exception;

    /** One run, ready to begin. */
    interface Run extends AutoCloseable {

        /** Does the work, which is measured, and returns when all of it is done. */
        void work() throws Exception;

        /**
         * Checks that all of the work was done, once.
         *
         * @throws IllegalStateException it was not
         */
        void verify() throws Exception;

        /** Returns what this run is worth. */
        Map<Metric, Double> measured(Spent spent);
    }
}
