package com.redis.flink.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

class ProcessesTest {

    private static final Duration LIMIT = Duration.ofSeconds(60);

    @Test
    void whatAProgramPrintsIsReturned() {
        assertThat(Processes.run(LIMIT, List.of("sh", "-c", "echo one; echo two >&2")))
                .isEqualTo("one\ntwo\n");
    }

    @Test
    void aProgramThatFailsIsAnError() {
        assertThatThrownBy(() -> Processes.run(LIMIT, List.of("sh", "-c", "echo why; exit 3")))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("ended with 3: why");
    }

    @Test
    void aProgramThatHangsIsEnded() {
        Duration limit = Duration.ofMillis(300);
        List<String> command = List.of("sh", "-c", "echo $$; exec sleep 600");
        assertThatThrownBy(() -> Processes.run(limit, command))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("did not end in PT0.3S");
    }

    @Test
    void aProcessIsPausedAndResumed() throws IOException {
        Process process = new ProcessBuilder("sleep", "600").start();
        try {
            Processes.pause(process);
            Await.until("it is stopped", LIMIT, () -> state(process).equals("T"));
            Processes.resume(process);
            Await.until("it goes on", LIMIT, () -> !state(process).equals("T"));
        } finally {
            process.destroyForcibly();
        }
    }

    /** As Linux names it: the third word of its line. */
    private static String state(Process process) throws IOException {
        String line = Files.readString(Path.of("/proc", Long.toString(process.pid()), "stat"));
        return line.substring(line.lastIndexOf(')') + 2).split(" ")[0];
    }
}
