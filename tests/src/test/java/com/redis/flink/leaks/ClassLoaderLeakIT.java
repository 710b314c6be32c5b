package com.redis.flink.leaks;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.List;

/**
 * A job leaves neither threads nor class loaders nor the native library in the cluster; {@code
 * ./dev leaks} runs more of them.
 */
class ClassLoaderLeakIT {

    private static final int RUNS = 6;
    private static final int STAGES = 4;

    @Test
    void levelsOff() throws Exception {
        List<String> log = new ArrayList<>();
        try (RepeatedSubmission submissions = new RepeatedSubmission()) {
            String leaks = submissions.leaks(RUNS, STAGES, log::add);
            // The leaks come first: who prints the message may cut it.
            assertThat(leaks).as("%s%s", leaks, String.join("\n", log)).isEmpty();
        }
    }
}
