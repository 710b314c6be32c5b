package com.redis.flink.source.partitioned.reader;

import com.redis.flink.bridge.ReaderEngine;
import com.redis.flink.wire.BatchBytes;
import com.redis.flink.wire.EntryBatch;

import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A native reader that gives the batches it is told to, and writes down what is asked of it. */
final class FakeReader implements ReaderEngine {

    private static final byte[] WAKE_UP = {};

    final List<String> calls = new CopyOnWriteArrayList<>();

    /** Null: the reader is closed. */
    volatile String stats = "{\"gapReplays\":3}";

    private final BlockingQueue<byte[]> batches = new LinkedBlockingQueue<>();

    void give(BatchBytes batch) {
        batches.add(batch.build());
    }

    @Override
    public void addSplits(String splits) {
        calls.add("addSplits " + splits);
    }

    @Override
    public EntryBatch poll(int maxWaitMillis) {
        try {
            byte[] batch = batches.poll(maxWaitMillis, TimeUnit.MILLISECONDS);
            return batch == null || batch == WAKE_UP ? null : new EntryBatch(batch);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void wakeUp() {
        batches.add(WAKE_UP);
    }

    @Override
    public void pauseOrResume(int[] pause, int[] resume) {
        calls.add("pauseOrResume " + Arrays.toString(pause) + " " + Arrays.toString(resume));
    }

    @Override
    public void emitted(int partition, long milliseconds, long sequence) {
        calls.add("emitted " + partition + " " + milliseconds + "-" + sequence);
    }

    @Override
    public void checkpoint(long checkpointId, String positions) {
        calls.add("checkpoint " + checkpointId + " " + positions);
    }

    @Override
    public void complete(long checkpointId) {
        calls.add("complete " + checkpointId);
    }

    @Override
    public void abort(long checkpointId) {
        calls.add("abort " + checkpointId);
    }

    @Override
    public void close() {
        calls.add("close");
    }

    @Override
    public String stats() {
        calls.add("stats");
        if (stats == null) {
            throw new IllegalStateException("closed");
        }
        return stats;
    }
}
