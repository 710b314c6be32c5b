package com.redis.flink.bridge;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.File;
import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** No native method takes the JVM down, whatever the context class loader of its thread does. */
class NativeCallsTest {

    /** More JDKs to try, separated as a class path is. */
    private static final String JAVA_HOMES = "FLINK_REDIS_TEST_JAVA_HOMES";

    private static final long LIMIT_SECONDS = 120;

    @TempDir Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"throws", "closed", "none"})
    void everyFailureIsAnException(String loader) throws Exception {
        assertEveryFailureIsAnException(
                run(List.of(java(System.getProperty("java.home"))), loader));
    }

    @ParameterizedTest
    @MethodSource("otherJavas")
    void soItIsInOtherJvms(String java) throws Exception {
        assertEveryFailureIsAnException(run(List.of(java), "throws"));
    }

    @Test
    void theJvmFindsNoMistakeInOurCalls() throws Exception {
        String java = java(System.getProperty("java.home"));
        assertThat(run(List.of(java, "-Xcheck:jni"), "throws"))
                .filteredOn(line -> line.contains("WARNING") || line.contains("FATAL"))
                .isEmpty();
    }

    private static void assertEveryFailureIsAnException(List<String> lines) throws Exception {
        assertThat(lines).last().isEqualTo("end");
        for (Class<?> type : NativeCalls.classes()) {
            for (Method method : NativeCalls.natives(type)) {
                String name = type.getSimpleName() + "." + method.getName() + " ";
                List<String> ends =
                        lines.stream()
                                .filter(line -> line.startsWith(name))
                                .collect(Collectors.toList());
                assertThat(ends).as(name).hasSize(1);
                List<Class<?>> takes = Arrays.asList(method.getParameterTypes());
                if (takes.stream().anyMatch(one -> one == String.class || one.isArray())) {
                    assertThat(ends.get(0)).contains("IllegalArgumentException");
                }
                assertThat(ends.get(0)).doesNotContain("Error", "NullPointer", "IllegalState");
            }
        }
        assertThat(lines)
                .anyMatch(
                        line -> line.startsWith("NativeLibrary.nativePanic [NativePanicException"))
                .anyMatch(
                        line -> line.matches("NativeEnumerator.nativeDiscover .*RedisException.*"));
    }

    private List<String> run(List<String> java, String loader) throws Exception {
        Path output = Files.createTempFile(folder, "calls", ".txt");
        List<String> command = new ArrayList<>(java);
        command.addAll(
                List.of("-Djava.io.tmpdir=" + folder, "-XX:ErrorFile=" + folder.resolve("hs_err")));
        command.addAll(List.of("-cp", System.getProperty("java.class.path")));
        command.addAll(List.of(NativeCalls.class.getName(), loader));
        Process calls =
                new ProcessBuilder(command)
                        .directory(folder.toFile())
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .start();
        try {
            boolean ended = calls.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS);
            String text = Files.readString(output);
            assertThat(ended).as("it ended\n%s", text).isTrue();
            assertThat(calls.exitValue()).as("exit code\n%s", text).isZero();
            return text.lines().collect(Collectors.toList());
        } finally {
            calls.destroyForcibly();
        }
    }

    /** Those of {@value #JAVA_HOMES} and of Linux's usual place; first of all this one's own. */
    static List<String> otherJavas() throws IOException {
        List<Path> homes = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"))));
        String given = System.getenv(JAVA_HOMES);
        if (given != null) {
            Stream.of(given.split(File.pathSeparator)).map(Path::of).forEach(homes::add);
        }
        Path usual = Path.of("/usr/lib/jvm");
        if (Files.isDirectory(usual)) {
            try (Stream<Path> found = Files.list(usual)) {
                found.forEach(homes::add);
            }
        }
        List<String> javas = new ArrayList<>();
        for (Path home : homes) {
            Path java = home.resolve("bin/java");
            if (Files.isExecutable(java) && !javas.contains(java.toRealPath().toString())) {
                javas.add(java.toRealPath().toString());
            }
        }
        return javas;
    }

    private static String java(String home) {
        return Path.of(home, "bin", "java").toString();
    }
}
