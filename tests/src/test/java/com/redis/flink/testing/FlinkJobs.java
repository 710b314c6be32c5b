package com.redis.flink.testing;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Submits jobs to a cluster, cancels and stops them, and waits for their states. */
final class FlinkJobs {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Pattern JOB_ID = Pattern.compile("JobID ([0-9a-f]{32})");

    private final FlinkProcesses processes;
    private final FlinkRest rest;
    private final Path savepoints;

    FlinkJobs(FlinkProcesses processes, FlinkRest rest, Path savepoints) {
        this.processes = processes;
        this.rest = rest;
        this.savepoints = savepoints;
    }

    String run(List<String> options, Path jar, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of("run", "-d"));
        command.addAll(options);
        command.add(jar.toString());
        command.addAll(List.of(arguments));
        String output = processes.flink(command);
        Matcher id = JOB_ID.matcher(output);
        if (!id.find()) {
            throw new AssertionError("flink run did not submit the job:\n" + output);
        }
        return id.group(1);
    }

    String upload(Path jar) throws IOException, InterruptedException {
        String name = rest.postJar("/jars/upload", jar).path("filename").asText();
        return name.substring(name.lastIndexOf('/') + 1);
    }

    String runUploaded(String jarId, String... arguments) throws IOException, InterruptedException {
        ObjectNode body = JSON.createObjectNode();
        List.of(arguments).forEach(body.putArray("programArgsList")::add);
        JsonNode answer = rest.post("/jars/" + jarId + "/run", body);
        if (!answer.has("jobid")) {
            throw new AssertionError("the job was not submitted: " + answer);
        }
        return answer.path("jobid").asText();
    }

    void cancelByRest(String jobId) throws IOException, InterruptedException {
        rest.patch("/jobs/" + jobId + "?mode=cancel");
    }

    void cancel(String jobId) throws IOException {
        processes.flink(List.of("cancel", jobId));
    }

    String stopWithSavepoint(String jobId, Duration limit)
            throws IOException, InterruptedException {
        ObjectNode body =
                JSON.createObjectNode()
                        .put("targetDirectory", savepoints.toUri().toString())
                        .put("drain", false);
        JsonNode trigger = rest.post("/jobs/" + jobId + "/stop", body).path("request-id");
        if (trigger.isMissingNode()) {
            throw new IOException("job " + jobId + " cannot be stopped now");
        }
        String status = "/jobs/" + jobId + "/savepoints/" + trigger.asText();
        JsonNode done =
                Await.value(
                        "job " + jobId + " is stopped with a savepoint",
                        limit,
                        () -> rest.get(status),
                        answer -> answer.path("status").path("id").asText().equals("COMPLETED"));
        String location = done.path("operation").path("location").asText();
        if (location.isEmpty()) {
            String cause = done.at("/operation/failure-cause/stack-trace").asText();
            throw new IOException(
                    "job " + jobId + " was not stopped: " + cause.lines().findFirst().orElse(""));
        }
        return location;
    }

    void awaitRunning(String jobId, Duration limit) {
        Await.value(
                "all tasks of job " + jobId + " run",
                limit,
                () -> rest.get("/jobs/" + jobId).path("vertices"),
                vertices -> {
                    boolean all = vertices.size() > 0;
                    for (JsonNode vertex : vertices) {
                        all &= vertex.path("status").asText().equals("RUNNING");
                    }
                    return all;
                });
    }

    void awaitState(String jobId, String state, Duration limit) {
        Await.value(
                "job " + jobId + " is " + state,
                limit,
                () -> rest.get("/jobs/" + jobId).path("state").asText(),
                state::equals);
    }
}
