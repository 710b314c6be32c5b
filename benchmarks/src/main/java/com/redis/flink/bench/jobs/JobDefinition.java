package com.redis.flink.bench.jobs;

import com.redis.flink.bench.Contender;

import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** What a job of a contender does. */
public interface JobDefinition {

    /** Returns whose connector it uses. */
    Contender.Kind kind();

    void define(StreamExecutionEnvironment env);
}
