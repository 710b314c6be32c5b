package com.redis.flink.deployments;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.testing.Await;
import com.redis.flink.testing.RedisServer;
import com.redis.flink.testing.SessionCluster;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.StreamEntryID;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Enumeration;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/** The connector in Flink's {@code lib/}, in the job's jar, and in both. */
class ConnectorInLibIT {

    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final int PARTITIONS = 4;
    private static final int MESSAGES = 100;
    private static final String VERSION = "native/flink_redis.version";

    private static final Path FAT = Path.of(System.getProperty("sample.partitioned-stream"));

    /** The job alone. */
    private static final Path THIN = Path.of(System.getProperty("sample.partitioned-stream.thin"));

    /** The connector's jar and Jackson's. */
    private static final String LIBRARY = System.getProperty("session.cluster.library");

    @TempDir Path folder;

    private static SessionCluster start(String library, Map<String, String> options)
            throws IOException {
        return SessionCluster.startWithLibrary(1, 3 * PARTITIONS, options, library);
    }

    @Test
    void jobsShareTheEngineInLibAndAJarBringsItsOwn() throws Exception {
        try (SessionCluster flink = start(LIBRARY, Map.of())) {
            String thin = flink.upload(THIN);
            for (int round = 0; round < 2; round++) {
                try (Copy one = new Copy(flink, thin);
                        Copy other = new Copy(flink, thin)) {
                    one.works();
                    other.works();
                    assertThat(engines(flink.taskManagers().get(0))).isEqualTo(1);
                    assertThat(engines(flink.jobManager())).isEqualTo(1);
                }
            }
            try (Copy shared = new Copy(flink, thin);
                    Copy own = new Copy(flink, flink.upload(FAT))) {
                shared.works();
                own.works();
                assertThat(engines(flink.taskManagers().get(0))).isEqualTo(2);
                assertThat(engines(flink.jobManager())).isEqualTo(2);
            }
            // The connector's classes are its own, Jackson's are those in lib/.
            Path withoutJackson = changed("without-jackson.jar", ConnectorInLibIT::noJackson);
            try (Copy copy = new Copy(flink, flink.upload(withoutJackson))) {
                copy.works();
            }
        }
    }

    @Test
    void jarsUseTheEngineInLibWhereParentsComeFirst() throws Exception {
        Map<String, String> parentFirst = Map.of("classloader.resolve-order", "parent-first");
        try (SessionCluster flink = start(LIBRARY, parentFirst)) {
            String fat = flink.upload(FAT);
            for (int round = 0; round < 2; round++) {
                try (Copy copy = new Copy(flink, fat)) {
                    copy.works();
                    assertThat(engines(flink.taskManagers().get(0))).isEqualTo(1);
                    assertThat(engines(flink.jobManager())).isEqualTo(1);
                }
            }
        }
    }

    /** Flink's distribution has all that a stream job needs. */
    @Test
    void aStreamJobNeedsNoJackson() throws Exception {
        String withoutJackson =
                Stream.of(LIBRARY.split(File.pathSeparator))
                        .filter(jar -> !jar.contains("jackson"))
                        .collect(Collectors.joining(File.pathSeparator));
        assertThat(withoutJackson).isNotEqualTo(LIBRARY);
        try (SessionCluster flink = start(withoutJackson, Map.of())) {
            try (Copy copy = new Copy(flink, flink.upload(THIN))) {
                copy.works();
            }
            Path bare = changed("without-jackson.jar", ConnectorInLibIT::noJackson);
            try (Copy copy = new Copy(flink, flink.upload(bare))) {
                copy.works();
            }
        }
    }

    @Test
    void whatDoesNotFitTogetherIsRefused() throws Exception {
        try (SessionCluster flink = start(LIBRARY, Map.of())) {
            Path mixed = changed("mixed.jar", ConnectorInLibIT::anotherVersion);
            try (Copy copy = new Copy(flink, flink.upload(mixed))) {
                Await.value(
                        "the reason is in the log",
                        LIMIT,
                        () -> flink.log("jobmanager"),
                        log -> log.contains("the jar was put together from two builds"));
                assertThat(copy.failure()).contains("has version", "9.9.9");
            }
        }
    }

    /** Null: the entry is left out. */
    private static byte[] noJackson(ZipEntry entry, byte[] content) {
        return entry.getName().startsWith("com/fasterxml/") ? null : content;
    }

    private static byte[] anotherVersion(ZipEntry entry, byte[] content) {
        return entry.getName().equals(VERSION) ? "9.9.9".getBytes(StandardCharsets.UTF_8) : content;
    }

    private interface Change {
        byte[] of(ZipEntry entry, byte[] content);
    }

    /** The fat jar with other entries. */
    private Path changed(String name, Change change) throws IOException {
        Path jar = folder.resolve(name);
        try (ZipFile from = new ZipFile(FAT.toFile());
                ZipOutputStream to = new ZipOutputStream(Files.newOutputStream(jar))) {
            to.setLevel(1);
            for (Enumeration<? extends ZipEntry> all = from.entries(); all.hasMoreElements(); ) {
                ZipEntry entry = all.nextElement();
                try (InputStream content = from.getInputStream(entry)) {
                    byte[] bytes = change.of(entry, content.readAllBytes());
                    if (bytes != null) {
                        to.putNextEntry(new ZipEntry(entry.getName()));
                        to.write(bytes);
                    }
                }
            }
        }
        return jar;
    }

    /** Copies of the native library that the process has mapped. */
    private static long engines(Process process) throws IOException {
        try (Stream<String> maps = Files.lines(Path.of("/proc/" + process.pid() + "/maps"))) {
            return maps.filter(line -> line.contains("libflink_redis"))
                    .map(line -> line.substring(line.indexOf('/')))
                    .distinct()
                    .count();
        }
    }

    /** A job of the sample, with a Redis of its own, since the sample's topics have fixed names. */
    private static final class Copy implements AutoCloseable {

        private final SessionCluster flink;
        private final RedisServer redis = RedisServer.start("--databases", "1");
        private final Jedis jedis = redis.jedis();
        private final String job;

        Copy(SessionCluster flink, String jar) throws Exception {
            this.flink = flink;
            try {
                String port = Integer.toString(redis.port());
                job = flink.runUploaded(jar, "--host", redis.host(), "--port", port);
            } catch (Throwable e) {
                jedis.close();
                redis.close();
                throw e;
            }
        }

        /** It copies, and what its engine logs is in Flink's log. */
        void works() {
            flink.awaitRunning(job, LIMIT);
            Await.until("the groups", LIMIT, this::hasGroups);
            for (int i = 0; i < MESSAGES; i++) {
                Map<String, String> fields = Map.of("key", "key-" + i);
                jedis.xadd("test:" + i % PARTITIONS, StreamEntryID.NEW_ENTRY, fields);
            }
            Await.value("the output", LIMIT, this::written, written -> written == MESSAGES);
            jedis.xgroupDestroy("test:0", "test-group");
            String told = "source test:0 (redis://127.0.0.1:" + redis.port();
            Await.value(
                    "the engine says that the group was gone",
                    LIMIT,
                    () -> flink.log("taskmanager-0"),
                    log ->
                            log.lines()
                                    .anyMatch(
                                            line ->
                                                    line.contains(told)
                                                            && line.contains("was gone")));
        }

        String failure() throws Exception {
            return flink.rest("/jobs/" + job + "/exceptions").toString();
        }

        private boolean hasGroups() {
            for (int partition = 0; partition < PARTITIONS; partition++) {
                if (!jedis.exists("test:" + partition)
                        || jedis.xinfoGroups("test:" + partition).isEmpty()) {
                    return false;
                }
            }
            return true;
        }

        private long written() {
            long written = 0;
            for (int partition = 0; partition < PARTITIONS; partition++) {
                written += jedis.xlen("output:" + partition);
            }
            return written;
        }

        @Override
        public void close() throws Exception {
            try (redis;
                    jedis) {
                flink.cancelByRest(job);
                flink.awaitState(job, "CANCELED", LIMIT);
            }
        }
    }
}
