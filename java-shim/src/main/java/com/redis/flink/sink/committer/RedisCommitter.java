package com.redis.flink.sink.committer;

import com.redis.flink.bridge.CommitterEngine;

import org.apache.flink.annotation.Internal;
import org.apache.flink.api.connector.sink2.Committer;

import java.io.IOException;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Moves staged epochs to the topic when their checkpoint has completed, and again when the job is
 * restored: what is there already, stays as it is.
 *
 * <p>The engine tries again what may pass. What it gives up, and what is gone, fails the job: none
 * of it is signalled as a failed committable, which Flink would only count. The counts of {@code
 * SinkCommitterMetricGroup} are Flink's.
 *
 * <p>All of it runs in the task's thread.
 */
@Internal
public final class RedisCommitter implements Committer<RedisCommittable> {

    /** The epochs of a lane are committed one after the other, so that keys keep their order. */
    private static final Comparator<RedisCommittable> ORDER =
            Comparator.comparing(RedisCommittable::lane)
                    .thenComparingLong(RedisCommittable::epoch)
                    .thenComparingInt(RedisCommittable::partition);

    private final CommitterEngine redis;

    public RedisCommitter(CommitterEngine redis) {
        this.redis = redis;
    }

    @Override
    public void commit(Collection<CommitRequest<RedisCommittable>> requests)
            throws IOException, InterruptedException {
        if (requests.isEmpty()) {
            return;
        }
        List<RedisCommittable> committables =
                requests.stream()
                        .map(CommitRequest::getCommittable)
                        .sorted(ORDER)
                        .collect(Collectors.toList());
        redis.commit(RedisCommittable.toJson(committables));
    }

    @Override
    public void close() {
        redis.close();
    }
}
