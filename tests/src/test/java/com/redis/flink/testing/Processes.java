package com.redis.flink.testing;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Programs that tests call: none runs for ever, and a bare system has what they need.
 *
 * <p>The shell's own {@code kill} sends signals: the program of that name is in the package {@code
 * procps}, which small containers do not have.
 */
public final class Processes {

    private static final Duration SIGNAL_TIMEOUT = Duration.ofSeconds(20);

    private Processes() {}

    /** Stops a process's work without a word, until {@link #resume}. */
    public static void pause(Process process) {
        signal("STOP", process);
    }

    /** Ends a {@link #pause}. */
    public static void resume(Process process) {
        signal("CONT", process);
    }

    private static void signal(String name, Process process) {
        run(SIGNAL_TIMEOUT, List.of("sh", "-c", "kill -" + name + " " + process.pid()));
    }

    /**
     * Runs a program to its end.
     *
     * @return what it printed
     * @throws IllegalStateException it failed, or did not end within the limit
     */
    public static String run(Duration limit, List<String> command) {
        try {
            Path output = Files.createTempFile("output", ".txt");
            try {
                return run(limit, command, output);
            } finally {
                Files.delete(output);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Into a file: a pipe that is read has no deadline. */
    private static String run(Duration limit, List<String> command, Path output)
            throws IOException {
        Process process =
                new ProcessBuilder(command)
                        .redirectInput(new File("/dev/null"))
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .start();
        boolean ended;
        try {
            ended = process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted: " + command, e);
        } finally {
            process.destroyForcibly();
        }
        String printed = Files.readString(output);
        if (!ended) {
            throw new IllegalStateException(command + " did not end in " + limit + ": " + printed);
        }
        if (process.exitValue() != 0) {
            throw new IllegalStateException(
                    command + " ended with " + process.exitValue() + ": " + printed);
        }
        return printed;
    }
}
