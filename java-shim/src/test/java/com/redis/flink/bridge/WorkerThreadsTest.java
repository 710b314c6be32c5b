package com.redis.flink.bridge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** The number of the engine's threads is what the system property says. */
class WorkerThreadsTest {

    private static final long LIMIT_SECONDS = 60;

    @TempDir Path folder;

    @Test
    void whatIsNotSetIsTheDefault() {
        assertThat(WorkerThreads.parse(null)).isEqualTo(WorkerThreads.DEFAULT);
        assertThat(WorkerThreads.parse(" ")).isEqualTo(WorkerThreads.DEFAULT);
        assertThat(WorkerThreads.parse("1")).isEqualTo(1);
        assertThat(WorkerThreads.parse(" 64 ")).isEqualTo(64);
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "-1", "65", "99999999999", "two", "1.5"})
    void whatIsNoNumberOfThreadsIsRefused(String value) {
        assertThatThrownBy(() -> WorkerThreads.parse(value))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("flink.redis.native.threads")
                .hasMessageContaining("'" + value + "'")
                .hasMessageContaining("from 1 to 64")
                .hasMessageContaining("leave it out");
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void theEngineStartsThatMany() throws Exception {
        assertThat(threadsWith("-Dflink.redis.native.threads=7")).contains("7 threads");
        int cores = Math.min(4, Math.max(2, Runtime.getRuntime().availableProcessors()));
        assertThat(threadsWith("-Dother=1")).contains(cores + " threads");
        assertThat(threadsWith("-Dflink.redis.native.threads=many"))
                .contains("IllegalArgumentException", "flink.redis.native.threads", "'many'");
    }

    /** Returns what {@link #main} prints in a JVM of its own: in this one the library is loaded. */
    private String threadsWith(String property) throws Exception {
        Path output = Files.createTempFile(folder, "threads", ".txt");
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        String classPath = System.getProperty("java.class.path");
        Process process =
                new ProcessBuilder(
                                List.of(
                                        java,
                                        property,
                                        "-Djava.io.tmpdir=" + folder,
                                        "-cp",
                                        classPath,
                                        WorkerThreadsTest.class.getName()))
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .start();
        try {
            boolean ended = process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS);
            String text = Files.readString(output);
            assertThat(ended).as("it ended\n%s", text).isTrue();
            return text;
        } finally {
            process.destroyForcibly();
        }
    }

    /** Opens a reader, and prints how many threads the engine has. */
    public static void main(String[] arguments) throws Exception {
        try (NativeReader reader = NativeReader.open(NativeCalls.SOURCE, Optional.empty())) {
            try (Stream<Path> threads = Files.list(Path.of("/proc/self/task"))) {
                long ours = threads.filter(WorkerThreadsTest::isOurs).count();
                System.out.println(ours + " threads");
            }
        }
    }

    private static boolean isOurs(Path thread) {
        try {
            return Files.readString(thread.resolve("comm")).startsWith("flink-redis");
        } catch (IOException e) {
            // It has ended meanwhile.
            return false;
        }
    }
}
