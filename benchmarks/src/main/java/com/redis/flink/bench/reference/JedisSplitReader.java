package com.redis.flink.bench.reference;

import org.apache.flink.connector.base.source.reader.RecordsBySplits;
import org.apache.flink.connector.base.source.reader.RecordsWithSplitIds;
import org.apache.flink.connector.base.source.reader.splitreader.SplitReader;
import org.apache.flink.connector.base.source.reader.splitreader.SplitsChange;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.params.XReadGroupParams;
import redis.clients.jedis.resps.StreamEntry;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads all streams of a reader with one command. Flink's fetcher thread calls everything here. */
final class JedisSplitReader implements SplitReader<StreamEntry, JedisSplit> {

    /** How long a reader that is to end may have to wait. */
    private static final int BLOCK_MILLIS = 100;

    private static final StreamEntryID BEGIN = new StreamEntryID(0, 0);

    private final JedisSource source;
    private final Jedis jedis;
    private final XReadGroupParams params;

    /** Of each stream the last pending entry that was read again, and then what is new. */
    private final Map<String, StreamEntryID> after = new LinkedHashMap<>();

    JedisSplitReader(JedisSource source) {
        this.source = source;
        jedis = source.connect();
        params = XReadGroupParams.xReadGroupParams().count(source.count()).block(BLOCK_MILLIS);
        if (!source.acknowledges()) {
            params.noAck();
        }
    }

    @Override
    public RecordsWithSplitIds<StreamEntry> fetch() {
        RecordsBySplits.Builder<StreamEntry> records = new RecordsBySplits.Builder<>();
        List<Map.Entry<String, List<StreamEntry>>> reply =
                jedis.xreadGroup(source.group(), "reader", params, after);
        if (reply == null) {
            return records.build();
        }
        for (Map.Entry<String, List<StreamEntry>> stream : reply) {
            String name = stream.getKey();
            List<StreamEntry> entries = stream.getValue();
            if (after.get(name) != StreamEntryID.XREADGROUP_UNDELIVERED_ENTRY) {
                after.put(
                        name,
                        entries.isEmpty()
                                ? StreamEntryID.XREADGROUP_UNDELIVERED_ENTRY
                                : entries.get(entries.size() - 1).getID());
            }
            if (!entries.isEmpty()) {
                records.addAll(name, entries);
            }
        }
        return records.build();
    }

    @Override
    public void handleSplitsChanges(SplitsChange<JedisSplit> change) {
        change.splits().forEach(split -> after.put(split.splitId(), BEGIN));
    }

    @Override
    public void wakeUp() {
        // A fetch returns within BLOCK_MILLIS.
    }

    @Override
    public void close() {
        jedis.close();
    }
}
