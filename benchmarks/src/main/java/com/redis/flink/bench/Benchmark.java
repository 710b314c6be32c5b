package com.redis.flink.bench;

import com.redis.flink.bench.lab.Lab;
import com.redis.flink.bench.report.Report;

/** One of the things that {@code ./dev bench} measures; {@code dev} says in a line what each is. */
public interface Benchmark {

    /** Returns the name on the command line. */
    String name();

    /** Measures it. */
    Report run(Lab lab) throws Exception;
}
