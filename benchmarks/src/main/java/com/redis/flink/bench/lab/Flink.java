package com.redis.flink.bench.lab;

import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** A Flink in this JVM. */
public final class Flink implements AutoCloseable {

    /** How often jobs take checkpoints. */
    public static final int CHECKPOINT_MILLIS = 200;

    private final MiniCluster cluster;

    private Flink(MiniCluster cluster) {
        this.cluster = cluster;
    }

    public static Flink start() throws Exception {
        Configuration configuration = new Configuration();
        configuration.setString("rest.port", "0");
        configuration.setString("rest.bind-address", "127.0.0.1");
        MiniCluster cluster =
                new MiniCluster(
                        new MiniClusterConfiguration.Builder()
                                .setConfiguration(configuration)
                                .setNumTaskManagers(1)
                                .setNumSlotsPerTaskManager(2)
                                .build());
        cluster.start();
        return new Flink(cluster);
    }

    /** Returns one for a job of parallelism 1, with checkpoints, that fails when anything fails. */
    public StreamExecutionEnvironment environment(int checkpointMillis) {
        Configuration configuration = new Configuration();
        configuration.setString("restart-strategy.type", "none");
        StreamExecutionEnvironment env =
                StreamExecutionEnvironment.getExecutionEnvironment(configuration);
        env.setParallelism(1);
        env.enableCheckpointing(checkpointMillis);
        return env;
    }

    public Job submit(StreamExecutionEnvironment env) throws Exception {
        JobGraph graph = env.getStreamGraph().getJobGraph();
        get(cluster.submitJob(graph));
        return new Job(graph.getJobID());
    }

    @Override
    public void close() throws Exception {
        get(cluster.closeAsync());
    }

    private static <T> T get(CompletableFuture<T> future) throws Exception {
        return future.get(Await.LIMIT.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** A job that was started; closing it cancels it. */
    public final class Job implements AutoCloseable {

        private final JobID id;

        private Job(JobID id) {
            this.id = id;
        }

        /** Takes a checkpoint now, and waits for it. */
        public void checkpoint() throws Exception {
            get(cluster.triggerCheckpoint(id));
        }

        /** Waits like {@link Await#until}, but not longer than the job runs. */
        public void await(String what, Callable<Boolean> condition) throws Exception {
            CompletableFuture<?> result = cluster.requestJobResult(id);
            Await.until(
                    what,
                    () -> {
                        boolean ended = result.isDone();
                        if (condition.call()) {
                            return true;
                        }
                        if (ended) {
                            cluster.requestJobResult(id)
                                    .get()
                                    .toJobExecutionResult(Flink.class.getClassLoader());
                            throw new IllegalStateException("the job ended before: " + what);
                        }
                        return false;
                    });
        }

        @Override
        public void close() throws Exception {
            if (!get(cluster.getJobStatus(id)).isGloballyTerminalState()) {
                get(cluster.cancelJob(id));
            }
            Await.until(
                    "the job has ended",
                    () -> get(cluster.getJobStatus(id)).isGloballyTerminalState());
        }
    }
}
