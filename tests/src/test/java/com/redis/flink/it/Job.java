package com.redis.flink.it;

import com.redis.flink.testing.Await;

import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.JobStatus;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.jobmaster.JobResult;
import org.apache.flink.runtime.minicluster.MiniCluster;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** A job that was started. Closing it cancels it. */
public final class Job implements AutoCloseable {

    private static final Duration LIMIT = Duration.ofSeconds(60);

    private final MiniCluster cluster;
    private final JobID id;
    private final String savepoints;

    Job(MiniCluster cluster, JobID id, String savepoints) {
        this.cluster = cluster;
        this.id = id;
        this.savepoints = savepoints;
    }

    /** Waits until all tasks run. */
    public Job awaitRunning() {
        return awaitRunning(0);
    }

    /**
     * Waits until all tasks run again after so many failures of one of them. A checkpoint that is
     * triggered while one of several tasks fails may end the JVM (Flink's "Some subtask gateway can
     * be closed while others cannot").
     */
    public Job awaitRunning(int failures) {
        Await.until(
                "all tasks run",
                LIMIT,
                () -> {
                    int tasks = 0;
                    int running = 0;
                    int restarts = 0;
                    for (var vertex :
                            cluster.getExecutionGraph(id)
                                    .get(10, TimeUnit.SECONDS)
                                    .getAllExecutionVertices()) {
                        tasks++;
                        running += vertex.getExecutionState().name().equals("RUNNING") ? 1 : 0;
                        restarts += vertex.getCurrentExecutionAttempt().getAttemptNumber();
                    }
                    // No tasks: it is being initialized.
                    return tasks > 0 && running == tasks && restarts >= failures;
                });
        return this;
    }

    /** Takes a checkpoint, which is kept; gives its path back when it has completed. */
    public String checkpoint() throws Exception {
        return get(cluster.triggerCheckpoint(id));
    }

    /** The number of the latest checkpoint that has completed; 0: none. */
    public long completedCheckpoint() throws Exception {
        var statistics = get(cluster.getExecutionGraph(id)).getCheckpointStatsSnapshot();
        var latest = statistics.getHistory().getLatestCompletedCheckpoint();
        return latest == null ? 0 : latest.getCheckpointId();
    }

    /** Takes a savepoint; the job goes on, and commits nothing because of it. */
    public String savepoint() throws Exception {
        return get(cluster.triggerSavepoint(id, savepoints, false, SavepointFormatType.CANONICAL));
    }

    public String stopWithSavepoint() throws Exception {
        String path =
                get(
                        cluster.stopWithSavepoint(
                                id, savepoints, false, SavepointFormatType.CANONICAL));
        awaitFinished();
        return path;
    }

    /** Waits until the job has finished by itself, as one with bounded sources does. */
    public void awaitFinished() throws Exception {
        JobResult result = get(cluster.requestJobResult(id));
        if (!result.isSuccess()) {
            throw new AssertionError("the job did not finish", error(result));
        }
    }

    /** Waits until the job has failed; why. */
    public Throwable awaitFailure() throws Exception {
        JobResult result = get(cluster.requestJobResult(id));
        if (result.isSuccess()) {
            throw new AssertionError("the job finished, though it was to fail");
        }
        return error(result);
    }

    @Override
    public void close() throws Exception {
        if (!get(cluster.getJobStatus(id)).isGloballyTerminalState()) {
            get(cluster.cancelJob(id));
        }
        Await.value(
                "the job has ended",
                LIMIT,
                () -> get(cluster.getJobStatus(id)),
                JobStatus::isGloballyTerminalState);
    }

    private static Throwable error(JobResult result) {
        return result.getSerializedThrowable()
                .map(thrown -> thrown.deserializeError(Job.class.getClassLoader()))
                .orElseThrow(() -> new AssertionError("the job was cancelled"));
    }

    private static <T> T get(CompletableFuture<T> future) throws Exception {
        return future.get(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
    }
}
