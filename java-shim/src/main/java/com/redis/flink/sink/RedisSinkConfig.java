package com.redis.flink.sink;

import com.redis.flink.config.OptionChecks;

import org.apache.flink.annotation.PublicEvolving;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;

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
        super(builder, "flink-sink-" + OptionChecks.notBlank("topicName", builder.topicName));
        topicName = builder.topicName;
        numPartitions = OptionChecks.requiredAtLeast("numPartitions", builder.numPartitions, 1);
        OptionChecks.deadLetterStream(
                "failedSerializationStreamName",
                getFailedSerializationStreamName(),
                topicName,
                numPartitions);
        maxLen = OptionChecks.atLeast("maxLen", builder.maxLen, 0L);
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
    void addOwnSettings(ObjectNode settings) {
        settings.put("topic", topicName)
                .put("numPartitions", numPartitions)
                .put("maxLen", maxLen)
                .put("approximateTrimming", approximateTrimming);
    }

    /**
     * Returns {@code EXACTLY_ONCE} or {@code AT_LEAST_ONCE}: another word for flushOnCheckpoint.
     */
    public DeliveryGuarantee getDeliveryGuarantee() {
        return isFlushOnCheckpoint()
                ? DeliveryGuarantee.EXACTLY_ONCE
                : DeliveryGuarantee.AT_LEAST_ONCE;
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

        /** Null: not set. */
        private Boolean flushOnCheckpoint;

        /** Null: not set. */
        private DeliveryGuarantee deliveryGuarantee;

        private Builder() {}

        @Override
        protected Builder self() {
            return this;
        }

        /** Sets the topic; its streams are {@code topic:0} and on. Required. */
        public Builder topicName(String topicName) {
            this.topicName = topicName;
            return this;
        }

        /** Sets how many partitions, and so streams, the topic has, 1 or more. Required. */
        public Builder numPartitions(int numPartitions) {
            this.numPartitions = numPartitions;
            return this;
        }

        /**
         * Sets whether records become visible only when the checkpoint that holds them completes;
         * default {@code false}.
         *
         * <p>{@code false}: at least once. Records are written as they come, and a checkpoint
         * completes only when Redis has confirmed all of them. After a failure, records since the
         * last completed checkpoint are written again.
         *
         * <p>{@code true}: exactly once. Records are written to staging streams as they come, and
         * moved to the topic when the checkpoint has completed. Needs checkpoints: without them
         * only the end of a bounded input makes records visible. Give the sink a {@code uid}.
         */
        @Override
        public Builder flushOnCheckpoint(boolean flushOnCheckpoint) {
            this.flushOnCheckpoint = flushOnCheckpoint;
            return this;
        }

        /**
         * Sets the same in Flink's words: {@code AT_LEAST_ONCE}, the default, is {@link
         * #flushOnCheckpoint flushOnCheckpoint(false)}, {@code EXACTLY_ONCE} is {@code
         * flushOnCheckpoint(true)}. {@code NONE} is refused: there is nothing to gain by it. Null:
         * as flushOnCheckpoint says.
         */
        public Builder deliveryGuarantee(DeliveryGuarantee deliveryGuarantee) {
            this.deliveryGuarantee = deliveryGuarantee;
            return this;
        }

        /**
         * Sets how many entries each stream keeps ({@code XADD MAXLEN}), 0 or more; default 0: all
         * of them. Entries that fall out are gone, read or not.
         */
        public Builder maxLen(long maxLen) {
            this.maxLen = maxLen;
            return this;
        }

        /**
         * Sets whether {@link #maxLen} may be exceeded by some entries, which costs Redis much
         * less; default {@code true}.
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
            super.flushOnCheckpoint(resolveFlushOnCheckpoint());
            return new RedisSinkConfig(this);
        }

        private boolean resolveFlushOnCheckpoint() {
            if (deliveryGuarantee == null) {
                return flushOnCheckpoint != null && flushOnCheckpoint;
            }
            if (deliveryGuarantee == DeliveryGuarantee.NONE) {
                throw OptionChecks.invalid(
                        "deliveryGuarantee",
                        deliveryGuarantee.name(),
                        "AT_LEAST_ONCE or EXACTLY_ONCE (NONE would lose records and be no faster:"
                                + " this sink waits for Redis at checkpoints only)");
            }
            boolean exactlyOnce = deliveryGuarantee == DeliveryGuarantee.EXACTLY_ONCE;
            if (flushOnCheckpoint != null && flushOnCheckpoint != exactlyOnce) {
                throw OptionChecks.invalid(
                        "deliveryGuarantee",
                        deliveryGuarantee.name()
                                + " and option flushOnCheckpoint is "
                                + flushOnCheckpoint,
                        "one of the two, or "
                                + deliveryGuarantee.name()
                                + " with flushOnCheckpoint("
                                + exactlyOnce
                                + ")");
            }
            return exactlyOnce;
        }
    }
}
