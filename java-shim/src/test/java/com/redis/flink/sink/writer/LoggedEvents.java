package com.redis.flink.sink.writer;

import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.LoggerContext;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.config.Configuration;
import org.apache.logging.log4j.core.config.LoggerConfig;
import org.apache.logging.log4j.core.config.Property;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** What a logger is given, from now on until it is closed. */
public final class LoggedEvents extends AbstractAppender implements AutoCloseable {

    private final List<String> events = new CopyOnWriteArrayList<>();
    private final String logger;

    public LoggedEvents(String logger, Level level) {
        super("test", null, null, true, Property.EMPTY_ARRAY);
        this.logger = logger;
        start();
        LoggerConfig config = new LoggerConfig(logger, level, false);
        config.addAppender(this, null, null);
        configuration().addLogger(logger, config);
        context().updateLoggers();
    }

    /** {@code LEVEL message} of each. */
    public List<String> events() {
        return events;
    }

    @Override
    public void append(LogEvent event) {
        events.add(event.getLevel() + " " + event.getMessage().getFormattedMessage());
    }

    @Override
    public void close() {
        configuration().removeLogger(logger);
        context().updateLoggers();
        stop();
    }

    private static LoggerContext context() {
        return (LoggerContext) LogManager.getContext(false);
    }

    private static Configuration configuration() {
        return context().getConfiguration();
    }
}
