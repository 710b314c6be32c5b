package com.redis.flink.bridge;

import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonProcessingException;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.time.Instant;
import java.util.function.Function;

/**
 * Brings what the engine logs into SLF4J, and so into Flink's logs. The engine keeps its events in
 * a bounded ring; whoever calls into it takes them out afterwards, on the caller's thread. An event
 * of the Rust module {@code flink_redis_engine::a::b} goes to the logger {@code
 * com.redis.flink.native.a.b}, and one of the target {@value #TRACES} to the logger of the sinks'
 * traces.
 */
final class NativeLogs {

    static final String ROOT = "com.redis.flink.native";

    /** What the engine tells in a sink's place: writes that Redis rejected. */
    private static final String TRACES = "sink.trace";

    private static final String TRACE_LOGGER = "com.redis.flink.sink.trace";

    private static final Logger LOG = LoggerFactory.getLogger(ROOT);
    private static final ObjectMapper JSON = new ObjectMapper();

    /** An event that comes out this long after it happened is shown with its time. */
    private static final long LATE_MILLIS = 2_000;

    private static final int ERROR = 1;
    private static final int WARN = 2;
    private static final int INFO = 3;
    private static final int DEBUG = 4;
    private static final int TRACE = 5;

    private NativeLogs() {}

    /**
     * Gives out events.
     *
     * @param events as the engine gives them, see docs/architecture.md; null: none
     */
    static void publish(String events) {
        if (events != null) {
            publish(events, LoggerFactory::getLogger, System.currentTimeMillis());
        }
    }

    /** Returns how much the logger {@value #ROOT} lets through now: 0 nothing to 5 trace. */
    static int level() {
        return level(LOG);
    }

    static int level(Logger logger) {
        if (logger.isTraceEnabled()) {
            return TRACE;
        }
        if (logger.isDebugEnabled()) {
            return DEBUG;
        }
        if (logger.isInfoEnabled()) {
            return INFO;
        }
        if (logger.isWarnEnabled()) {
            return WARN;
        }
        return logger.isErrorEnabled() ? ERROR : 0;
    }

    static void publish(String json, Function<String, Logger> loggers, long nowMillis) {
        JsonNode drained;
        try {
            drained = JSON.readTree(json);
        } catch (JsonProcessingException e) {
            loggers.apply(ROOT).warn("The native engine logged what cannot be read: {}", json, e);
            return;
        }
        long dropped = drained.path("dropped").asLong();
        if (dropped > 0) {
            loggers.apply(ROOT).warn("{} log events of the native engine were dropped.", dropped);
        }
        for (JsonNode event : drained.path("events")) {
            Logger logger = loggers.apply(loggerName(event.path("target").asText()));
            log(logger, event.path("level").asInt(), message(event, nowMillis));
        }
    }

    /**
     * SLF4J has a time of its own for each event. Where that is wrong the message has the right
     * one.
     */
    private static String message(JsonNode event, long nowMillis) {
        String message = event.path("message").asText();
        long happened = event.path("time").asLong();
        if (nowMillis - happened <= LATE_MILLIS) {
            return message;
        }
        return message + " (at " + Instant.ofEpochMilli(happened) + ")";
    }

    static String loggerName(String target) {
        String name = target;
        if (name.startsWith("flink_redis")) {
            int crate = name.indexOf("::");
            name = crate < 0 ? "" : name.substring(crate + 2);
        }
        if (name.equals(TRACES)) {
            return TRACE_LOGGER;
        }
        return name.isEmpty() ? ROOT : ROOT + "." + name.replace("::", ".");
    }

    private static void log(Logger logger, int level, String message) {
        switch (level) {
            case ERROR:
                logger.error("{}", message);
                break;
            case WARN:
                logger.warn("{}", message);
                break;
            case INFO:
                logger.info("{}", message);
                break;
            case DEBUG:
                logger.debug("{}", message);
                break;
            default:
                logger.trace("{}", message);
                break;
        }
    }
}
