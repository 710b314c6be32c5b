package com.redis.flink.sink.writer;

import com.redis.flink.bridge.WriterEngine;

import org.apache.flink.api.common.operators.ProcessingTimeService;

import java.io.IOException;
import java.util.concurrent.ScheduledFuture;

/**
 * Gives a sink's engine its pulse: calls {@link WriterEngine#tick} in the task's thread, also while
 * there is no record. So connects get their credentials, log events come out in time, and a
 * connection that is gone for good fails the job at once.
 */
final class EngineTimer {

    /** While something is in flight, or a connect waits for credentials. */
    static final long BUSY_MILLIS = 100;

    static final long IDLE_MILLIS = 1_000;

    private final WriterEngine engine;
    private final ProcessingTimeService timers;
    private ScheduledFuture<?> next;

    private EngineTimer(WriterEngine engine, ProcessingTimeService timers) {
        this.engine = engine;
        this.timers = timers;
    }

    /**
     * Returns a timer that runs until it is cancelled. The first tick is soon: a writer connects.
     */
    static EngineTimer start(WriterEngine engine, ProcessingTimeService timers) {
        EngineTimer timer = new EngineTimer(engine, timers);
        timer.schedule(BUSY_MILLIS);
        return timer;
    }

    private void schedule(long millis) {
        next = timers.registerTimer(timers.getCurrentProcessingTime() + millis, this::onTimer);
    }

    private void onTimer(long time) throws IOException {
        if (next != null) {
            schedule(engine.tick() ? BUSY_MILLIS : IDLE_MILLIS);
        }
    }

    /** Ends the ticks, before the engine is closed. */
    void cancel() {
        if (next != null) {
            next.cancel(false);
            next = null;
        }
    }
}
