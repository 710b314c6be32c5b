package com.redis.flink.sink.writer;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The latest of each key, until it is written. Belongs to one thread. */
final class UpsertBuffer {

    private final Map<String, Upsert> latest = new LinkedHashMap<>();

    /**
     * Those that Redis will, as far as we can tell, reject, for it to say why, and those that they
     * must not replace. All of them are written, before the latest.
     */
    private final List<Upsert> settled = new ArrayList<>();

    private long bytes;

    void put(Upsert upsert) {
        if (!upsert.isValid()) {
            Upsert before = latest.remove(upsert.key);
            if (before != null) {
                settled.add(before);
            }
            settled.add(upsert);
            bytes += upsert.keep();
            return;
        }
        Upsert before = latest.get(upsert.key);
        if (before == null) {
            bytes += upsert.keep();
            latest.put(upsert.key, upsert);
        } else {
            bytes += before.merge(upsert);
        }
    }

    /** About how many bytes it holds. */
    long bytes() {
        return bytes;
    }

    /** What is to be written, in this order: one of each key, as a rule. */
    List<Upsert> upserts() {
        List<Upsert> all = new ArrayList<>(settled);
        all.addAll(latest.values());
        return all;
    }

    void clear() {
        latest.clear();
        settled.clear();
        bytes = 0;
    }
}
