package com.redis.flink.it;

import com.redis.flink.testing.Await;

import org.apache.flink.api.common.functions.FlatMapFunction;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.util.Collector;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Counts in Flink's state how often each number has come. The test sees the state of the attempt
 * that lives: what an attempt has counted that failed is gone with it.
 */
public final class Ledger implements FlatMapFunction<Long, Long>, CheckpointedFunction {

    private static final long serialVersionUID = 1L;
    private static final Duration LIMIT = Duration.ofSeconds(60);

    private final Shared<AtomicReference<Map<Long, Integer>>> latest =
            new Shared<>(new AtomicReference<>(Map.of()));

    private transient Map<Long, Integer> counts;
    private transient ListState<Tuple2<Long, Integer>> state;

    /** Ends the stream here, in one task, whose state is found again in a savepoint. */
    public void from(DataStream<Long> stream) {
        stream.flatMap(this)
                .returns(Types.LONG)
                .uid("ledger")
                .setParallelism(1)
                .sinkTo(new DiscardingSink<>())
                .setParallelism(1);
    }

    /** Waits until all of [0, to) has come; fails if one of them came twice. */
    public void awaitEachOnce(long to) {
        Await.value("all of " + to, LIMIT, () -> latest.get().get().size(), size -> size >= to);
        Map<Long, Integer> wrong = new TreeMap<>(latest.get().get());
        for (long number = 0; number < to; number++) {
            wrong.remove(number, 1);
        }
        if (!wrong.isEmpty()) {
            throw new AssertionError("not once each: " + wrong);
        }
    }

    @Override
    public void flatMap(Long number, Collector<Long> out) {
        counts.merge(number, 1, Integer::sum);
    }

    @Override
    public void snapshotState(FunctionSnapshotContext context) throws Exception {
        List<Tuple2<Long, Integer>> all = new ArrayList<>();
        counts.forEach((number, count) -> all.add(Tuple2.of(number, count)));
        state.update(all);
    }

    @Override
    public void initializeState(FunctionInitializationContext context) throws Exception {
        state =
                context.getOperatorStateStore()
                        .getListState(
                                new ListStateDescriptor<>(
                                        "counts", Types.TUPLE(Types.LONG, Types.INT)));
        counts = new ConcurrentHashMap<>();
        for (Tuple2<Long, Integer> count : state.get()) {
            counts.put(count.f0, count.f1);
        }
        latest.get().set(counts);
    }
}
