package com.redis.flink.bench.jobs;

import com.redis.flink.bench.lab.Flink;
import com.redis.flink.bench.lab.Meter;
import com.redis.flink.bench.lab.Topic;

/** Begins jobs that read a topic. */
final class Reading {

    private Reading() {}

    /** What is still to be done before a job is measured. */
    interface Preparation {
        void prepare(Flink.Job job) throws Exception;
    }

    /**
     * Runs a job until it has read the first entry of each partition.
     *
     * @param meter counts what it reads from now on
     * @param then what is to be done then; if it fails, the job is ended
     */
    static Flink.Job begin(
            Flink flink,
            int checkpointMillis,
            JobDefinition definition,
            Topic topic,
            Meter meter,
            Preparation then)
            throws Exception {
        topic.addFirst();
        var env = flink.environment(checkpointMillis);
        definition.define(env);
        Flink.Job job = flink.submit(env);
        try {
            job.await("the job reads", () -> meter.count() == topic.partitions());
            then.prepare(job);
        } catch (Exception e) {
            job.close();
            throw e;
        }
        return job;
    }
}
