package com.redis.flink.leaks;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.testing.Ports;
import com.redis.flink.testing.RedisServer;
import com.redis.flink.testing.SessionCluster;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.params.XReadGroupParams;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;

/**
 * A job is cancelled while its enumerator is inside the engine: the call ends after the job, whose
 * class loader Flink has closed by then. The JobManager must live on, and so do its other jobs.
 */
class CancelledJobsIT {

    private static final Duration LIMIT = Duration.ofSeconds(60);

    /** 30 is what has found every way to crash; fewer keep the tests short. */
    private static final int CANCELS =
            Integer.parseInt(System.getenv().getOrDefault("FLINK_REDIS_TEST_CANCELS", "4"));

    private static final int PARTITIONS = 4;
    private static final String GROUP = "test-group";
    private static final String STREAM = "test:0";

    @RegisterExtension static final RedisServer REDIS = new RedisServer();

    @Test
    @Timeout(900)
    void theJobManagerLivesWithTheConnectorInTheJar() throws Exception {
        Path jar = Path.of(System.getProperty("sample.partitioned-stream"));
        try (SessionCluster flink = SessionCluster.start(1, PARTITIONS)) {
            cancelAgainAndAgain(flink, jar);
        }
    }

    @Test
    @Timeout(900)
    void theJobManagerLivesWithTheConnectorInLib() throws Exception {
        Path jar = Path.of(System.getProperty("sample.partitioned-stream.thin"));
        String library = System.getProperty("session.cluster.library");
        try (SessionCluster flink =
                SessionCluster.startWithLibrary(1, PARTITIONS, Map.of(), library)) {
            cancelAgainAndAgain(flink, jar);
        }
    }

    private static void cancelAgainAndAgain(SessionCluster flink, Path jar) throws Exception {
        String id = flink.upload(jar);
        for (int i = 0; i < CANCELS; i++) {
            runAndCancel(flink, id, Ports.free());
        }
        try (Jedis jedis = REDIS.jedis()) {
            for (int i = 0; i < CANCELS; i++) {
                haveAnotherConsumerReadAnEntry(jedis);
                runAndCancel(flink, id, REDIS.port());
            }
        }
        assertThat(flink.log("jobmanager"))
                .contains("Loaded the native engine")
                .doesNotContain("NativePanicException", "closed classloader", "com/redis/flink/");
    }

    /** Which the enumerator waits for: it may be its owner's until it has been idle for a while. */
    private static void haveAnotherConsumerReadAnEntry(Jedis jedis) {
        jedis.flushAll();
        jedis.xadd(STREAM, StreamEntryID.NEW_ENTRY, Map.of("key", "k"));
        jedis.xgroupCreate(STREAM, GROUP, new StreamEntryID("0-0"), false);
        jedis.xreadGroup(
                GROUP,
                "another",
                new XReadGroupParams().count(1),
                Map.of(STREAM, StreamEntryID.UNRECEIVED_ENTRY));
    }

    private static void runAndCancel(SessionCluster flink, String jar, int port) throws Exception {
        String job = flink.runUploaded(jar, "--host", "127.0.0.1", "--port", "" + port);
        flink.awaitRunning(job, LIMIT);
        flink.cancelByRest(job);
        flink.awaitState(job, "CANCELED", LIMIT);
        assertAlive(flink);
    }

    private static void assertAlive(SessionCluster flink) throws IOException {
        if (!flink.jobManager().isAlive()) {
            throw new AssertionError(
                    "the JobManager ended with exit code "
                            + flink.jobManager().exitValue()
                            + "\n"
                            + flink.log("jobmanager"));
        }
    }
}
