package com.redis.flink.sink.writer;

import com.redis.flink.sink.AbstractRedisSinkConfig;
import com.redis.flink.sink.SinkTraceConfiguration;
import com.redis.flink.sink.SinkTraceContents;
import com.redis.flink.sink.SinkTraceLevel;

import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.JsonNodeFactory;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.util.Map;

import javax.annotation.Nullable;

/**
 * Tells of writes on the logger {@value #LOGGER}, each as one JSON object: those that are sent at
 * level INFO, those that failed here at WARN. What Redis rejects, the engine tells of on the same
 * logger. It knows records and nothing of connections, so it cannot show a password.
 */
final class SinkTrace {

    static final String LOGGER = "com.redis.flink.sink.trace";

    private static final Logger LOG = LoggerFactory.getLogger(LOGGER);

    private final String command;
    private final boolean metadata;
    private final boolean values;

    private SinkTrace(SinkTraceContents contents, String command) {
        this.command = command;
        metadata = contents != SinkTraceContents.NONE;
        values = contents == SinkTraceContents.ALL;
    }

    /** Returns what traces the writes of a command; null: they are not traced. */
    @Nullable
    static SinkTrace ofWrites(AbstractRedisSinkConfig config, String command) {
        return level(config) == SinkTraceLevel.ALL ? of(config, command) : null;
    }

    /** Returns what traces the failures of a command; null: they are not traced. */
    @Nullable
    static SinkTrace ofFailures(AbstractRedisSinkConfig config, String command) {
        return level(config) == SinkTraceLevel.NONE ? null : of(config, command);
    }

    private static SinkTraceLevel level(AbstractRedisSinkConfig config) {
        SinkTraceConfiguration configuration = config.getTraceConfiguration();
        return configuration == null ? SinkTraceLevel.NONE : configuration.getLevel();
    }

    private static SinkTrace of(AbstractRedisSinkConfig config, String command) {
        return new SinkTrace(config.getTraceConfiguration().getContents(), command);
    }

    /**
     * Tells that a record is on its way.
     *
     * @param stream null: it goes to none, but to its key
     * @param key null: it has none
     * @param bytes what it takes in a batch
     * @param value its fields as a map, or a text
     */
    void sent(@Nullable String stream, @Nullable String key, int bytes, Object value) {
        if (!LOG.isInfoEnabled()) {
            return;
        }
        ObjectNode event = event("sent");
        if (metadata) {
            putIfKnown(event, "stream", stream);
            putIfKnown(event, "key", key);
            event.put("size", bytes);
        }
        if (values) {
            if (value instanceof Map) {
                ObjectNode fields = event.putObject("value");
                ((Map<?, ?>) value).forEach((name, text) -> fields.put(cut(name), cut(text)));
            } else {
                event.put("value", cut(value));
            }
        }
        LOG.info("{}", event);
    }

    /**
     * Tells that nothing could be made of a record.
     *
     * @param key null: not known, or it has none
     */
    void failed(@Nullable String key, Object record, Throwable cause) {
        if (!LOG.isWarnEnabled()) {
            return;
        }
        ObjectNode event = event("failed");
        if (metadata) {
            putIfKnown(event, "key", key);
            // The message of an exception may tell of the value.
            event.put(
                    "error",
                    values
                            ? DeadLetterTexts.shorten(DeadLetterTexts.error(cause))
                            : cause.getClass().getName());
        }
        if (values) {
            event.put("value", cut(DeadLetterTexts.record(record)));
        }
        LOG.warn("{}", event);
    }

    private ObjectNode event(String outcome) {
        return JsonNodeFactory.instance
                .objectNode()
                .put("command", command)
                .put("outcome", outcome);
    }

    private static void putIfKnown(ObjectNode event, String name, @Nullable String value) {
        if (value != null) {
            event.put(name, DeadLetterTexts.shorten(value));
        }
    }

    private static String cut(Object text) {
        return DeadLetterTexts.shorten((String) text);
    }
}
