package com.redis.flink.sink.writer;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The latest of each key, until it is written. Belongs to one thread. */
final class ReducingBuffer {

    private final Map<String, KeyedWrite> latest = new LinkedHashMap<>();

    /**
     * Those that nothing may replace, since Redis may reject either them, and is to say why, or
     * what came behind them. All of them are written, before the latest.
     */
    private final List<KeyedWrite> settled = new ArrayList<>();

    private long bytes;

    void put(KeyedWrite write) {
        KeyedWrite before = latest.get(write.key);
        if (before != null && before.isCertain() && write.isCertain()) {
            bytes += before.merge(write);
            return;
        }
        if (before != null) {
            settled.add(before);
        }
        bytes += write.keep();
        latest.put(write.key, write);
    }

    /** Returns about how many bytes it holds. */
    long bytes() {
        return bytes;
    }

    /** Returns what is to be written, in this order: one of each key, as a rule. */
    List<KeyedWrite> writes() {
        List<KeyedWrite> all = new ArrayList<>(settled);
        all.addAll(latest.values());
        return all;
    }

    void clear() {
        latest.clear();
        settled.clear();
        bytes = 0;
    }
}
