package com.redis.flink.chaos.job;

import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.runtime.state.StateInitializationContext;
import org.apache.flink.runtime.state.StateSnapshotContext;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.runtime.state.VoidNamespaceSerializer;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.TreeMap;

/**
 * Keeps in keyed state which numbers it has counted. What it holds at a checkpoint it writes to a
 * file once that checkpoint is complete: so the files say what a job that is restored from there
 * goes on with, and not what was counted and rolled back. The same is in a file {@code taken-…}
 * before the checkpoint can complete: for who knows better which ones have.
 *
 * <p>An operator and not a {@code KeyedProcessFunction}, since only that may look at all keys.
 */
final class CountOperator extends AbstractStreamOperator<Tuple2<String, Long>>
        implements OneInputStreamOperator<Tuple2<String, Long>, Tuple2<String, Long>> {

    private static final long serialVersionUID = 1L;
    private static final Logger LOG = LoggerFactory.getLogger(CountOperator.class);

    private final String folder;
    private final String run;

    private transient ValueStateDescriptor<long[]> descriptor;
    private transient ValueState<long[]> state;
    private transient TreeMap<Long, String> taken;

    CountOperator(String folder, String run) {
        this.folder = folder;
        this.run = run;
    }

    @Override
    public void initializeState(StateInitializationContext context) throws Exception {
        super.initializeState(context);
        descriptor =
                new ValueStateDescriptor<>(
                        "seen", PrimitiveArrayTypeInfo.LONG_PRIMITIVE_ARRAY_TYPE_INFO);
        state = context.getKeyedStateStore().getState(descriptor);
        taken = new TreeMap<>();
        LOG.info("{} starts from checkpoint {}", run, context.getRestoredCheckpointId());
    }

    @Override
    public void processElement(StreamRecord<Tuple2<String, Long>> element) throws Exception {
        String key = element.getValue().f0;
        long number = element.getValue().f1;
        long[] before = state.value() == null ? NumberRuns.NOTHING : state.value();
        long[] after = NumberRuns.add(before, number);
        if (NumberRuns.duplicates(after) > NumberRuns.duplicates(before)) {
            LOG.warn("{} counts {} {} again", run, key, number);
        } else if (NumberRuns.runs(after) != 1) {
            LOG.warn("{} counts {} {} out of order: {}", run, key, number, NumberRuns.print(after));
        }
        state.update(after);
    }

    @Override
    public void snapshotState(StateSnapshotContext context) throws Exception {
        super.snapshotState(context);
        StringBuilder text = new StringBuilder();
        getKeyedStateBackend()
                .applyToAllKeys(
                        VoidNamespace.INSTANCE,
                        VoidNamespaceSerializer.INSTANCE,
                        descriptor,
                        (key, value) ->
                                text.append(key)
                                        .append(' ')
                                        .append(NumberRuns.print(value.value()))
                                        .append('\n'));
        taken.put(context.getCheckpointId(), text.toString());
        write("taken-" + run, context.getCheckpointId(), text.toString());
    }

    @Override
    public void notifyCheckpointComplete(long checkpointId) throws Exception {
        super.notifyCheckpointComplete(checkpointId);
        String text = taken.get(checkpointId);
        taken.headMap(checkpointId, true).clear();
        if (text != null) {
            write(run, checkpointId, text);
        }
    }

    private void write(String prefix, long checkpointId, String text) throws Exception {
        int subtask = getRuntimeContext().getTaskInfo().getIndexOfThisSubtask();
        int subtasks = getRuntimeContext().getTaskInfo().getNumberOfParallelSubtasks();
        String name = prefix + "-" + checkpointId + "-" + subtask + "-" + subtasks;
        Path fresh = Files.createTempFile(Path.of(folder), ".", ".tmp");
        Files.writeString(fresh, text);
        Files.move(fresh, Path.of(folder, name), StandardCopyOption.ATOMIC_MOVE);
    }
}
