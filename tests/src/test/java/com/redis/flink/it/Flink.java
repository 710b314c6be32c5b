package com.redis.flink.it;

import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.jobgraph.SavepointRestoreSettings;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * A Flink in this JVM for a test class.
 *
 * <pre>{@code
 * @RegisterExtension static final Flink FLINK = new Flink();
 * }</pre>
 */
public final class Flink implements BeforeAllCallback, AfterAllCallback {

    private static final int SLOTS = 8;

    private final Map<String, String> settings;

    private MiniCluster cluster;
    private Path checkpoints;

    public Flink() {
        this(Map.of());
    }

    /** One with these settings of Flink's own besides what tests need. */
    public Flink(Map<String, String> settings) {
        this.settings = settings;
    }

    @Override
    public void beforeAll(ExtensionContext context) throws Exception {
        checkpoints = Files.createTempDirectory("checkpoints");
        Configuration configuration = new Configuration();
        configuration.setString("rest.port", "0");
        configuration.setString("execution.checkpointing.num-retained", "100");
        // A checkpoint that begins while one of several independent tasks has failed ends Flink:
        // "Some subtask gateway can be closed while others cannot".
        configuration.setString("jobmanager.execution.failover-strategy", "full");
        settings.forEach(configuration::setString);
        cluster =
                new MiniCluster(
                        new MiniClusterConfiguration.Builder()
                                .setConfiguration(configuration)
                                .setNumTaskManagers(1)
                                .setNumSlotsPerTaskManager(SLOTS)
                                .build());
        cluster.start();
    }

    @Override
    public void afterAll(ExtensionContext context) throws Exception {
        cluster.closeAsync().get(30, TimeUnit.SECONDS);
    }

    /** For a job that fails with its first failure, and takes checkpoints when it is told to. */
    public StreamExecutionEnvironment environment(int parallelism) {
        return environment(parallelism, 0);
    }

    /** For a job that is started again so many times, at once. */
    public StreamExecutionEnvironment environment(int parallelism, int restarts) {
        Configuration configuration = new Configuration();
        configuration.setString("restart-strategy.type", restarts > 0 ? "fixed-delay" : "none");
        configuration.setString(
                "restart-strategy.fixed-delay.attempts", Integer.toString(restarts));
        configuration.setString("restart-strategy.fixed-delay.delay", "0 ms");
        configuration.setString("execution.checkpointing.dir", checkpoints.toUri().toString());
        configuration.setString(
                "execution.checkpointing.externalized-checkpoint-retention",
                "RETAIN_ON_CANCELLATION");
        StreamExecutionEnvironment env =
                StreamExecutionEnvironment.getExecutionEnvironment(configuration);
        env.setParallelism(parallelism);
        return env;
    }

    /** Starts a job. */
    public Job run(StreamExecutionEnvironment env) throws Exception {
        return submit(env.getStreamGraph().getJobGraph());
    }

    /** Starts a job from a checkpoint or savepoint. */
    public Job run(StreamExecutionEnvironment env, String from) throws Exception {
        JobGraph graph = env.getStreamGraph().getJobGraph();
        graph.setSavepointRestoreSettings(SavepointRestoreSettings.forPath(from));
        return submit(graph);
    }

    private Job submit(JobGraph graph) throws Exception {
        cluster.submitJob(graph).get(30, TimeUnit.SECONDS);
        return new Job(cluster, graph.getJobID(), checkpoints.toUri().toString());
    }
}
