package com.redis.flink.bench.jobs;

import com.redis.flink.bench.Contender;
import com.redis.flink.bench.Metric;
import com.redis.flink.bench.Spent;
import com.redis.flink.bench.lab.Flink;
import com.redis.flink.bench.lab.Meter;
import com.redis.flink.bench.lab.Topic;

import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/**
 * A job that reads a topic and perhaps copies it. It runs, and has read an entry of each partition,
 * when the entries that are measured come into the topic all at once. It has done its work when all
 * of them are counted, acknowledged where it acknowledges, and in the other topic.
 */
public final class TopicJob implements Contender {

    private final Flink flink;
    private final String name;
    private final JobDefinition definition;
    private final Topic topic;
    private final Optional<Topic> target;
    private final int entries;
    private final int dataBytes;
    private final boolean acknowledges;
    private final Function<Spent, Map<Metric, Double>> worth;

    /**
     * @param target where it copies to; empty: nowhere
     * @param dataBytes of each entry
     * @param acknowledges whether it is to acknowledge what it read
     * @param worth what a run is worth
     */
    public TopicJob(
            Flink flink,
            String name,
            JobDefinition definition,
            Topic topic,
            Optional<Topic> target,
            int entries,
            int dataBytes,
            boolean acknowledges,
            Function<Spent, Map<Metric, Double>> worth) {
        this.flink = flink;
        this.name = name;
        this.definition = definition;
        this.topic = topic;
        this.target = target;
        this.entries = entries;
        this.dataBytes = dataBytes;
        this.acknowledges = acknowledges;
        this.worth = worth;
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
        Meter meter = Meter.reset();
        Flink.Job job =
                Reading.begin(
                        flink,
                        Flink.CHECKPOINT_MILLIS,
                        definition,
                        topic,
                        meter,
                        reads -> topic.fill(entries, dataBytes));
        return new JobRun(meter, job);
    }

    private final class JobRun implements Run {

        private final Meter meter;
        private final Flink.Job job;
        private final long expected = (long) topic.partitions() + entries;

        JobRun(Meter meter, Flink.Job job) {
            this.meter = meter;
            this.job = job;
        }

        @Override
        public void work() throws Exception {
            job.await("all is read", () -> meter.count() >= expected);
            if (acknowledges) {
                job.checkpoint();
                job.await("all is acknowledged", () -> topic.pending() == 0);
            }
            if (target.isPresent()) {
                job.await("all is copied", () -> target.get().length() >= expected);
            }
        }

        @Override
        public void verify() {
            check("read", expected, meter.count());
            check("pending", 0, acknowledges ? topic.pending() : 0);
            target.ifPresent(to -> check("copied", expected, to.length()));
        }

        private void check(String what, long wanted, long counted) {
            if (counted != wanted) {
                throw new IllegalStateException(
                        String.format("%s: %d %s, not %d", name, counted, what, wanted));
            }
        }

        @Override
        public Map<Metric, Double> measured(Spent spent) {
            return worth.apply(spent);
        }

        @Override
        public void close() throws Exception {
            job.close();
        }
    }
}
