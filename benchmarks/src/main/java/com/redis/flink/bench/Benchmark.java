package com.redis.flink.bench;

import com.redis.flink.bench.lab.Lab;
import com.redis.flink.bench.report.Report;

/** One of the things that {@code ./dev bench} measures. */
public interface Benchmark {

    /** Returns the name on the command line. */
    String name();

    /** Returns in a sentence what it measures. */
    String description();

    /** Measures it. */
    Report run(Lab lab) throws Exception;
}
