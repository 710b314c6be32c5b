package com.redis.flink.sink;

import com.redis.flink.config.OptionChecks;

import org.apache.flink.annotation.PublicEvolving;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * What a {@link RedisJsonSink} is told: the path and the time to live, besides what all sinks are
 * told.
 *
 * <p>{@code flushOnCheckpoint(true)} keeps records back until the checkpoint and then writes the
 * latest of each key; {@code numMessagesToBuffer} and {@code flushIntervalMillis} have no effect
 * then. When more than {@code maxInFlightBytes} are kept they are written early.
 *
 * <pre>{@code
 * RedisJsonSinkConfig.builder().host("redis").ttlSeconds(3600).build();
 * }</pre>
 */
@PublicEvolving
public final class RedisJsonSinkConfig extends KeyedSinkConfig {

    private static final long serialVersionUID = 1L;

    /** Default of {@code path}: the whole document. */
    public static final String DEFAULT_PATH = "$";

    private final String path;

    private RedisJsonSinkConfig(Builder builder) {
        super(builder, "flink-sink-json");
        path = checkedPath(builder.path);
    }

    private static String checkedPath(String path) {
        OptionChecks.notBlank("path", path);
        if (!path.startsWith("$") && !path.startsWith(".")) {
            throw OptionChecks.invalid(
                    "path",
                    "\"" + path + "\"",
                    "a JSONPath, which begins with $ (the whole document), or a path of RedisJSON's"
                            + " older syntax, which begins with a dot");
        }
        return path;
    }

    public static Builder builder() {
        return new Builder();
    }

    public String getPath() {
        return path;
    }

    @Override
    void addOwnSettings(ObjectNode settings) {
        addKeyedSettings(settings, "JSON", "json").put("path", path);
    }

    @Override
    public String toString() {
        return "RedisJsonSinkConfig{path="
                + path
                + ", ttlSeconds="
                + getTtlSeconds()
                + ", connection="
                + getConnection()
                + "}";
    }

    /** Takes the options in any order; {@link #build()} validates them. */
    @PublicEvolving
    public static final class Builder extends KeyedSinkConfig.Builder<Builder> {

        private String path = DEFAULT_PATH;

        private Builder() {}

        @Override
        protected Builder self() {
            return this;
        }

        /**
         * Sets where in the key's document a record's document goes; default {@code $}: it is the
         * whole one. Another path needs a key that has a document already.
         */
        public Builder path(String path) {
            this.path = path;
            return this;
        }

        /**
         * Validates the options.
         *
         * @throws IllegalArgumentException naming the option, its value, and what is allowed
         */
        public RedisJsonSinkConfig build() {
            return new RedisJsonSinkConfig(this);
        }
    }
}
