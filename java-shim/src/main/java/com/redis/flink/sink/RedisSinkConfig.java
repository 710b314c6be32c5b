package com.redis.flink.sink;

import com.redis.flink.config.Options;

import org.apache.flink.annotation.PublicEvolving;

/**
 * What a {@link RedisSink} is told: the topic, besides what all sinks are told.
 *
 * <pre>{@code
 * RedisSinkConfig.builder().host("redis").topicName("orders").numPartitions(4).build();
 * }</pre>
 */
@PublicEvolving
public final class RedisSinkConfig extends AbstractRedisSinkConfig {

    private static final long serialVersionUID = 1L;

    private final String topicName;
    private final int numPartitions;
    private final long maxLen;
    private final boolean approximateTrimming;

    private RedisSinkConfig(Builder builder) {
        super(builder, "flink-sink-" + Options.notBlank("topicName", builder.topicName));
        topicName = builder.topicName;
        numPartitions = Options.requiredAtLeast("numPartitions", builder.numPartitions, 1);
        maxLen = Options.atLeast("maxLen", builder.maxLen, 0L);
        approximateTrimming = builder.approximateTrimming;
    }

    public static Builder builder() {
        return new Builder();
    }

    public String getTopicName() {
        return topicName;
    }

    public int getNumPartitions() {
        return numPartitions;
    }

    public long getMaxLen() {
        return maxLen;
    }

    public boolean isApproximateTrimming() {
        return approximateTrimming;
    }

    @Override
    public String toString() {
        return "RedisSinkConfig{topicName="
                + topicName
                + ", numPartitions="
                + numPartitions
                + ", connection="
                + getConnection()
                + "}";
    }

    /** Takes the options in any order; {@link #build()} validates them. */
    @PublicEvolving
    public static final class Builder extends AbstractRedisSinkConfig.Builder<Builder> {

        private String topicName;
        private Integer numPartitions;
        private long maxLen;
        private boolean approximateTrimming = true;

        private Builder() {}

        @Override
        Builder self() {
            return this;
        }

        /** The topic; its streams are {@code topic:0} and on. Required. */
        public Builder topicName(String topicName) {
            this.topicName = topicName;
            return this;
        }

        /** How many partitions, and so streams, the topic has, 1 or more. Required. */
        public Builder numPartitions(int numPartitions) {
            this.numPartitions = numPartitions;
            return this;
        }

        /**
         * How many entries each stream keeps ({@code XADD MAXLEN}), 0 or more; default 0: all of
         * them. Entries that fall out are gone, read or not.
         */
        public Builder maxLen(long maxLen) {
            this.maxLen = maxLen;
            return this;
        }

        /**
         * Whether {@link #maxLen} may be exceeded by some entries, which costs Redis much less;
         * default {@code true}.
         */
        public Builder approximateTrimming(boolean approximateTrimming) {
            this.approximateTrimming = approximateTrimming;
            return this;
        }

        /**
         * Validates the options.
         *
         * @throws IllegalArgumentException naming the option, its value, and what is allowed
         */
        public RedisSinkConfig build() {
            return new RedisSinkConfig(this);
        }
    }
}
