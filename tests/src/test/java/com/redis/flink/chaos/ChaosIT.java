package com.redis.flink.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * Each fault once, on real parts, for all ack strategies and the exactly-once sink; {@code ./dev
 * chaos} goes on longer.
 */
class ChaosIT {

    private static final List<String> STRATEGIES =
            List.of("ON_CHECKPOINT", "ON_EMIT", "NOACK", "COMMIT_POSITION");

    private static final List<Fault> FAULTS =
            List.of(
                    Fault.RESET_CONNECTIONS,
                    Fault.RESTART_REDIS,
                    Fault.KILL_TASK_MANAGER,
                    Fault.KILL_CONNECTIONS,
                    Fault.BLACK_HOLE,
                    Fault.RESCALE,
                    Fault.PAUSE_TASK_MANAGER,
                    Fault.RESTORE_CHECKPOINT,
                    Fault.CUT_OFF_TASK_MANAGER);

    @Test
    void countsEachNumberOnce() throws Exception {
        List<String> log = Collections.synchronizedList(new ArrayList<>());
        try (ChaosRun run = new ChaosRun(1, STRATEGIES, false, log::add)) {
            try {
                run.start();
                for (Fault fault : FAULTS) {
                    run.inject(fault);
                    run.settle();
                }
                Outcome outcome = run.finish();
                assertThat(outcome.good()).as("%s%n%s", String.join("\n", log), outcome).isTrue();
            } catch (Exception | AssertionError e) {
                run.copyLogs(Path.of(System.getProperty("chaos.logs")));
                throw e;
            }
        }
    }
}
