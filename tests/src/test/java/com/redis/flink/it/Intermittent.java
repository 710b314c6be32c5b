package com.redis.flink.it;

import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;

/**
 * Lets records pass, at a pace that leaves time for checkpoints, and fails the job with every so
 * many of them. The test sees how many records each checkpoint holds.
 */
public final class Intermittent<T> implements MapFunction<T, T>, CheckpointedFunction {

    private static final long serialVersionUID = 1L;

    private final Shared<Map<Long, LongAdder>> held = new Shared<>(new ConcurrentHashMap<>());
    private final Shared<AtomicInteger> failures = new Shared<>(new AtomicInteger());
    private final int every;
    private final long paceMillis;

    private int seen;
    private transient long passed;
    private transient ListState<Long> state;

    /**
     * @param every 0: never
     */
    public Intermittent(int every, long paceMillis) {
        this.every = every;
        this.paceMillis = paceMillis;
    }

    /** How often it has failed the job. */
    public int failures() {
        return failures.get().get();
    }

    /** How many records that checkpoint holds, of all subtasks. */
    public long heldBy(long checkpoint) {
        LongAdder records = held.get().get(checkpoint);
        return records == null ? 0 : records.sum();
    }

    @Override
    public T map(T record) throws Exception {
        if (paceMillis > 0) {
            Thread.sleep(paceMillis);
        }
        if (++seen == every) {
            failures.get().incrementAndGet();
            throw new IllegalStateException("the test wants this job to fail");
        }
        passed++;
        return record;
    }

    @Override
    public void snapshotState(FunctionSnapshotContext context) throws Exception {
        state.update(List.of(passed));
        held.get().computeIfAbsent(context.getCheckpointId(), id -> new LongAdder()).add(passed);
    }

    @Override
    public void initializeState(FunctionInitializationContext context) throws Exception {
        state =
                context.getOperatorStateStore()
                        .getListState(new ListStateDescriptor<>("passed", Types.LONG));
        for (long before : state.get()) {
            passed += before;
        }
    }
}
