package com.redis.flink.bench.jobs;

import com.redis.flink.bench.Contender;
import com.redis.flink.bench.Metric;
import com.redis.flink.bench.Spent;
import com.redis.flink.bench.lab.Flink;
import com.redis.flink.bench.lab.Lab;
import com.redis.flink.bench.lab.Latencies;
import com.redis.flink.bench.lab.Meter;
import com.redis.flink.bench.lab.Topic;

import java.util.Map;

/** A job that reads a topic of which one partition is busy, a little. */
public final class LatencyJob implements Contender {

    private final Lab lab;
    private final String name;
    private final JobDefinition definition;
    private final Topic topic;
    private final int entries;

    /**
     * @param definition tells {@link Latencies} what it reads
     */
    public LatencyJob(Lab lab, String name, JobDefinition definition, Topic topic, int entries) {
        this.lab = lab;
        this.name = name;
        this.definition = definition;
        this.topic = topic;
        this.entries = entries;
    }

    @Override
    public Kind kind() {
        return definition.kind();
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Run prepare() throws Exception {
        Latencies latencies = Latencies.expect(entries);
        Flink.Job job =
                Reading.begin(
                        lab.flink(),
                        Flink.CHECKPOINT_MILLIS,
                        definition,
                        topic,
                        Meter.reset(),
                        reads -> {});
        return new LatencyRun(latencies, job);
    }

    private final class LatencyRun implements Run {

        private final Latencies latencies;
        private final Flink.Job job;

        LatencyRun(Latencies latencies, Flink.Job job) {
            this.latencies = latencies;
            this.job = job;
        }

        @Override
        public void work() throws Exception {
            latencies.send(lab.server(), topic.streams().get(0));
            job.await("all is read", () -> latencies.count() >= entries);
        }

        @Override
        public void verify() {
            latencies.verify();
        }

        @Override
        public Map<Metric, Double> measured(Spent spent) {
            return latencies.percentiles();
        }

        @Override
        public void close() throws Exception {
            job.close();
        }
    }
}
