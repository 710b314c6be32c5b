package com.redis.flink.samples.demo;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.redis.flink.samples.PartitionedStreamJob;

import org.apache.flink.api.common.JobStatus;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Flink in this process, with its web UI, running the sample job. */
final class EmbeddedFlink {

    private static final int FIRST_PORT = 8081; // where people look for Flink's web UI
    private static final int LAST_PORT = 8099;
    private static final ObjectMapper JSON = new ObjectMapper();

    private final HttpClient http =
            HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();
    private final int port;
    private final JobClient job;

    private EmbeddedFlink(int port, JobClient job) {
        this.port = port;
        this.job = job;
    }

    static EmbeddedFlink submit(PrivateRedis redis) throws Exception {
        int port = freeUiPort();
        Configuration configuration = new Configuration();
        // Whoever reaches Flink's web UI may run programs here.
        configuration.setString("rest.address", PrivateRedis.HOST);
        configuration.setString("rest.bind-address", PrivateRedis.HOST);
        configuration.setString("rest.bind-port", Integer.toString(port));
        configuration.setString("rest.port", Integer.toString(port));
        // Nothing is meant to fail here: if it does, show it.
        configuration.setString("restart-strategy.type", "none");
        StreamExecutionEnvironment env =
                StreamExecutionEnvironment.createLocalEnvironmentWithWebUI(configuration);
        PartitionedStreamJob.define(
                env, "--host", PrivateRedis.HOST, "--port", Integer.toString(redis.port()));
        return new EmbeddedFlink(port, env.executeAsync("Redis to Redis"));
    }

    String address() {
        return "http://localhost:" + port;
    }

    /** Throws what ended the job, if it has ended. */
    void checkRunning() throws Exception {
        if (job.getJobExecutionResult().isDone()) {
            job.getJobExecutionResult().get();
            throw new IllegalStateException("the job has ended");
        }
    }

    boolean running() throws Exception {
        checkRunning();
        return job.getJobStatus().get(10, TimeUnit.SECONDS) == JobStatus.RUNNING;
    }

    /**
     * When the last completed checkpoint was triggered, in milliseconds of the epoch; 0: there is
     * none yet.
     */
    long lastCheckpoint() throws IOException, InterruptedException {
        HttpRequest request =
                HttpRequest.newBuilder(
                                URI.create(address() + "/jobs/" + job.getJobID() + "/checkpoints"))
                        .timeout(Duration.ofSeconds(10))
                        .build();
        JsonNode answer =
                JSON.readTree(http.send(request, HttpResponse.BodyHandlers.ofString()).body());
        return answer.path("latest").path("completed").path("trigger_timestamp").asLong();
    }

    void cancel() throws Exception {
        job.cancel().get(30, TimeUnit.SECONDS);
        job.getJobExecutionResult().handle((result, cancelled) -> null).get(30, TimeUnit.SECONDS);
    }

    private static int freeUiPort() throws IOException {
        for (int port = FIRST_PORT; port <= LAST_PORT; port++) {
            try (ServerSocket socket =
                    new ServerSocket(port, 1, InetAddress.getByName(PrivateRedis.HOST))) {
                return socket.getLocalPort();
            } catch (IOException taken) {
                // the next one
            }
        }
        return PrivateRedis.freePort();
    }
}
