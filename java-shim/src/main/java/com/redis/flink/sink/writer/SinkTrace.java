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

/**
 * Tells of writes on the logger {@value #LOGGER}, each as one JSON object: those that are sent at
 * level INFO, those that failed here at WARN. What Redis rejects, the engine tells of on the same
 * logger. It knows records and nothing of connections, so it cannot show a password.
 */
final class SinkTrace {

    static final String LOGGER = "com.redis.flink.sink.trace";

    private static final Logger LOG = LoggerFactory.getLogger(LOGGER);

    private final SinkTraceLevel level;
    private final boolean metadata;
    private final boolean values;

    SinkTrace(SinkTraceConfiguration configuration) {
        SinkTraceContents contents = SinkTraceContents.NONE;
        if (configuration == null) {
            level = SinkTraceLevel.NONE;
        } else {
            level = configuration.getLevel();
            contents = configuration.getContents();
        }
        metadata = contents != SinkTraceContents.NONE;
        values = contents == SinkTraceContents.ALL;
    }

    static SinkTrace of(AbstractRedisSinkConfig config) {
        return new SinkTrace(config.getTraceConfiguration());
    }

    /** Has the engine tell of what Redis rejects, if failures are told of. */
    static void addTo(ObjectNode settings, AbstractRedisSinkConfig config) {
        if (of(config).failures()) {
            settings.put("trace", config.getTraceConfiguration().getContents().name());
        }
    }

    /** Whether writes are told of. */
    boolean writes() {
        return level == SinkTraceLevel.ALL;
    }

    /** Whether failures are told of. */
    boolean failures() {
        return level != SinkTraceLevel.NONE;
    }

    /** The form's last record is on its way, and takes so many bytes. */
    void sent(RecordForm<?> form, int bytes) {
        sent(form, form.stream(), form.key, bytes, values ? form.value() : null);
    }

    /** The same of a write that has waited in a buffer. */
    void sent(RecordForm<?> form, KeyedWrite upsert, int bytes) {
        sent(form, null, upsert.key, bytes, values ? upsert.value() : null);
    }

    private void sent(RecordForm<?> form, String stream, String key, int bytes, Object value) {
        if (!LOG.isInfoEnabled()) {
            return;
        }
        ObjectNode event = event(form, "sent");
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

    /** Nothing could be made of the form's record in work. */
    void failed(RecordForm<?> form, Object record, Throwable cause) {
        if (!LOG.isWarnEnabled()) {
            return;
        }
        ObjectNode event = event(form, "failed");
        if (metadata) {
            putIfKnown(event, "key", form.key);
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

    private static ObjectNode event(RecordForm<?> form, String outcome) {
        return JsonNodeFactory.instance
                .objectNode()
                .put("command", form.command)
                .put("outcome", outcome);
    }

    private static void putIfKnown(ObjectNode event, String name, String value) {
        if (value != null) {
            event.put(name, DeadLetterTexts.shorten(value));
        }
    }

    private static String cut(Object text) {
        return DeadLetterTexts.shorten((String) text);
    }
}
