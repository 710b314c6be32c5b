package com.redis.flink.sink.writer;

import org.apache.flink.api.common.operators.ProcessingTimeService;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Delayed;
import java.util.concurrent.FutureTask;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/** A clock that the test turns. Timers fire in the millisecond after theirs, as Flink's do. */
public final class ManualTimers implements ProcessingTimeService {

    private final List<Timer> timers = new ArrayList<>();
    private long now = 1_000_000;
    private int registered;

    @Override
    public long getCurrentProcessingTime() {
        return now;
    }

    @Override
    public ScheduledFuture<?> registerTimer(long time, ProcessingTimeCallback callback) {
        Timer timer = new Timer(time, callback);
        timers.add(timer);
        registered++;
        return timer;
    }

    public void advance(long millis) {
        for (long end = now + millis; now < end; ) {
            now++;
            for (Timer timer : List.copyOf(timers)) {
                if (timer.time < now) {
                    timers.remove(timer);
                    timer.fire();
                }
            }
        }
    }

    public int pending() {
        timers.removeIf(FutureTask::isCancelled);
        return timers.size();
    }

    public int registered() {
        return registered;
    }

    private static final class Timer extends FutureTask<Void> implements ScheduledFuture<Void> {

        private final long time;

        Timer(long time, ProcessingTimeCallback callback) {
            super(
                    () -> {
                        callback.onProcessingTime(time);
                        return null;
                    });
            this.time = time;
        }

        void fire() {
            if (isCancelled()) {
                return;
            }
            run();
            try {
                get();
            } catch (Exception e) {
                throw new AssertionError("a timer failed", e);
            }
        }

        @Override
        public long getDelay(TimeUnit unit) {
            return 0;
        }

        @Override
        public int compareTo(Delayed other) {
            return 0;
        }
    }
}
