package com.redis.flink.sink;

import com.redis.flink.text.ForeignText;

import org.apache.flink.api.common.RuntimeExecutionMode;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.dag.Transformation;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.ExecutionOptions;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.transformations.WithBoundedness;

import java.util.Collection;

/**
 * Refuses jobs of which an exactly-once sink would lose the last records: where Flink takes no
 * checkpoint after a source has come to its end, nothing would bring to the topic what is staged by
 * then, and the job would finish all the same. Runs when the job's graph is made; no writer is told
 * of these settings.
 *
 * <p>Without checkpoints at all, and in batch mode, Flink commits at the end by itself.
 */
final class FinalCheckpoint {

    private FinalCheckpoint() {}

    /**
     * Checks the job that a sink is in.
     *
     * @throws IllegalArgumentException a source of the input ends, and with it the checkpoints
     */
    static void require(DataStream<?> input, String topic) {
        StreamExecutionEnvironment env = input.getExecutionEnvironment();
        boolean isTaken =
                env.getConfiguration()
                        .get(CheckpointingOptions.ENABLE_CHECKPOINTS_AFTER_TASKS_FINISH);
        if (!isTaken
                && env.getCheckpointConfig().isCheckpointingEnabled()
                && !isBatch(env)
                && input.getTransformation().getTransitivePredecessors().stream()
                        .anyMatch(source -> has(source, Boundedness.BOUNDED))) {
            throw new IllegalArgumentException(
                    "sink "
                            + ForeignText.shown(topic)
                            + ": flushOnCheckpoint(true) needs a checkpoint after the end of the"
                            + " input, and "
                            + CheckpointingOptions.ENABLE_CHECKPOINTS_AFTER_TASKS_FINISH.key()
                            + " is false: the last records would never be in the topic; set it to"
                            + " true, its default, or use flushOnCheckpoint(false)");
        }
    }

    private static boolean isBatch(StreamExecutionEnvironment env) {
        RuntimeExecutionMode mode = env.getConfiguration().get(ExecutionOptions.RUNTIME_MODE);
        return mode == RuntimeExecutionMode.BATCH
                || mode == RuntimeExecutionMode.AUTOMATIC
                        && env.getTransformations().stream()
                                .map(Transformation::getTransitivePredecessors)
                                .flatMap(Collection::stream)
                                .noneMatch(source -> has(source, Boundedness.CONTINUOUS_UNBOUNDED));
    }

    private static boolean has(Transformation<?> transformation, Boundedness boundedness) {
        return transformation instanceof WithBoundedness
                && ((WithBoundedness) transformation).getBoundedness() == boundedness;
    }
}
