package com.redis.flink.testing;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.nio.file.Path;

class DirectoriesTest {

    /** Flink leaves files behind: not in the folder that the machine's other programs share. */
    @Test
    void temporaryFilesOfTestsStayInTheBuildFolder() {
        assertThat(Path.of(System.getProperty("java.io.tmpdir")))
                .isDirectory()
                .startsWith(Path.of("build").toAbsolutePath());
    }
}
