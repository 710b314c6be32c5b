package com.redis.flink.source.partitioned;

import com.redis.flink.config.ConnectionConfig;
import com.redis.flink.config.ConnectionConfigBuilder;
import com.redis.flink.config.OptionChecks;

import org.apache.flink.annotation.Internal;
import org.apache.flink.annotation.PublicEvolving;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.JsonNodeFactory;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.util.Optional;

/**
 * What a {@link RedisSource} reads, from where, and how. Immutable.
 *
 * <pre>{@code
 * RedisSourceConfig.builder()
 *     .host("redis")
 *     .topicName("orders")
 *     .numPartitions(4)
 *     .consumerGroup("billing")
 *     .build();
 * }</pre>
 */
@PublicEvolving
public final class RedisSourceConfig extends ConnectionConfig {

    private static final long serialVersionUID = 1L;

    private static final Logger LOG = LoggerFactory.getLogger(RedisSourceConfig.class);

    /** Bounds what the dead letters of one reader have in flight. */
    private static final long DEAD_LETTER_IN_FLIGHT_BYTES = 1024 * 1024;

    private final String consumerGroup;
    private final String topicName;
    private final int numPartitions;
    private final AckStrategy ackStrategy;
    private final String startingId;

    /** Null: unbounded. */
    private final String stoppingId;

    private final String failedDeserializationStreamName;
    private final String otelServiceName;
    private final int batchSize;
    private final int blockMillis;
    private final long maxBufferedBytes;
    private final long claimMinIdleMillis;

    private RedisSourceConfig(Builder builder) {
        super(builder, "flink-" + OptionChecks.notBlank("consumerGroup", builder.consumerGroup));
        consumerGroup = builder.consumerGroup;
        topicName = OptionChecks.notBlank("topicName", builder.topicName);
        numPartitions = OptionChecks.requiredAtLeast("numPartitions", builder.numPartitions, 1);
        ackStrategy = builder.resolveAckStrategy();
        startingId = EntryIdOption.first("startingId", builder.startingId);
        stoppingId =
                builder.stoppingId == null
                        ? null
                        : EntryIdOption.last("stoppingId", builder.stoppingId);
        failedDeserializationStreamName =
                OptionChecks.deadLetterStream(
                        "failedDeserializationStreamName",
                        builder.failedDeserializationStreamName,
                        topicName,
                        numPartitions);
        otelServiceName = OptionChecks.textOrEmpty("otelServiceName", builder.otelServiceName);
        batchSize = OptionChecks.atLeast("batchSize", builder.batchSize, 1);
        blockMillis = OptionChecks.atLeast("blockMillis", builder.blockMillis, 1);
        maxBufferedBytes = OptionChecks.atLeast("maxBufferedBytes", builder.maxBufferedBytes, 1L);
        claimMinIdleMillis =
                OptionChecks.atLeast("claimMinIdleMillis", builder.claimMinIdleMillis, 0L);
        if (!otelServiceName.isEmpty()) {
            LOG.warn(
                    "Option otelServiceName is {}, but this version emits no spans.",
                    otelServiceName);
        }
    }

    public static Builder builder() {
        return new Builder();
    }

    public String getConsumerGroup() {
        return consumerGroup;
    }

    public String getTopicName() {
        return topicName;
    }

    public int getNumPartitions() {
        return numPartitions;
    }

    public AckStrategy getAckStrategy() {
        return ackStrategy;
    }

    /**
     * Returns whether the entries that are read are acknowledged: {@link AckStrategy#ON_CHECKPOINT}
     * and {@link AckStrategy#ON_EMIT}. The older way to ask for {@link #getAckStrategy()}.
     */
    public boolean isRequireAck() {
        return acknowledges(ackStrategy);
    }

    private static boolean acknowledges(AckStrategy strategy) {
        return strategy == AckStrategy.ON_CHECKPOINT || strategy == AckStrategy.ON_EMIT;
    }

    /** Returns {@code $}, {@code ms} or {@code ms-seq}. */
    public String getStartingId() {
        return startingId;
    }

    /** Returns {@code $} or {@code ms-seq}; empty: the source is unbounded. */
    public Optional<String> getStoppingId() {
        return Optional.ofNullable(stoppingId);
    }

    /** Returns the dead-letter stream; empty: none. */
    public String getFailedDeserializationStreamName() {
        return failedDeserializationStreamName;
    }

    public String getOtelServiceName() {
        return otelServiceName;
    }

    public int getBatchSize() {
        return batchSize;
    }

    public int getBlockMillis() {
        return blockMillis;
    }

    public long getMaxBufferedBytes() {
        return maxBufferedBytes;
    }

    public long getClaimMinIdleMillis() {
        return claimMinIdleMillis;
    }

    /**
     * Returns the source settings that the engine reads (docs/architecture.md), with the password.
     */
    @Internal
    public ObjectNode toSettings() {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.set("connection", getConnection().toJson());
        return json.put("topic", topicName)
                .put("numPartitions", numPartitions)
                .put("group", consumerGroup)
                .put("ackStrategy", ackStrategy.name())
                .put("startingId", startingId)
                .put("stoppingId", stoppingId)
                .put("batchSize", batchSize)
                .put("blockMillis", blockMillis)
                .put("maxBufferedBytes", maxBufferedBytes)
                .put("claimMinIdleMillis", claimMinIdleMillis);
    }

    /** Returns the sink settings with which dead letters are written, with the password. */
    @Internal
    public ObjectNode toDeadLetterSettings() {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.set("connection", getConnection().toJson());
        return json.put("topic", topicName)
                .put("numPartitions", numPartitions)
                .put("maxLen", 0)
                .put("approximateTrimming", false)
                .put("maxInFlightBytes", DEAD_LETTER_IN_FLIGHT_BYTES)
                .put("deadLetterStream", failedDeserializationStreamName);
    }

    @Override
    public String toString() {
        return "RedisSourceConfig{topicName="
                + topicName
                + ", numPartitions="
                + numPartitions
                + ", consumerGroup="
                + consumerGroup
                + ", ackStrategy="
                + ackStrategy
                + ", startingId="
                + startingId
                + (stoppingId == null ? "" : ", stoppingId=" + stoppingId)
                + ", connection="
                + getConnection()
                + "}";
    }

    /** Takes the options in any order; {@link #build()} validates them. */
    @PublicEvolving
    public static final class Builder extends ConnectionConfigBuilder<Builder> {

        private String consumerGroup;
        private String topicName;
        private Integer numPartitions;
        private AckStrategy ackStrategy = AckStrategy.ON_CHECKPOINT;
        private boolean ackStrategyGiven;

        /** Null: not set. */
        private Boolean requireAck;

        private Object startingId = "$";
        private Object stoppingId;
        private String failedDeserializationStreamName = "";
        private String otelServiceName = "";
        private int batchSize = 1000;
        private int blockMillis = 1000;
        private long maxBufferedBytes = 16L * 1024 * 1024;
        private long claimMinIdleMillis = 60_000;

        private Builder() {}

        @Override
        protected Builder self() {
            return this;
        }

        /**
         * Sets the consumer group, made on each partition's stream where it is missing. Required.
         */
        public Builder consumerGroup(String value) {
            consumerGroup = value;
            return this;
        }

        /** Sets the topic; its streams are {@code topic:0} and on. Required. */
        public Builder topicName(String value) {
            topicName = value;
            return this;
        }

        /** Sets how many partitions, and so streams, the topic has, 1 or more. Required. */
        public Builder numPartitions(int value) {
            numPartitions = value;
            return this;
        }

        /** Sets when entries are acknowledged; default {@link AckStrategy#ON_CHECKPOINT}. */
        public Builder ackStrategy(AckStrategy value) {
            ackStrategy = value;
            ackStrategyGiven = true;
            return this;
        }

        /**
         * Sets whether entries are acknowledged.
         *
         * @deprecated {@code true} is {@link AckStrategy#ON_CHECKPOINT}, {@code false} is {@link
         *     AckStrategy#NOACK}; use {@link #ackStrategy}. Where both are set, ackStrategy decides
         *     and must not contradict.
         */
        @Deprecated
        public Builder requireAck(boolean value) {
            requireAck = value;
            return this;
        }

        /**
         * Sets where a consumer group begins that does not exist yet: behind this ID. Default
         * {@code $}: what is added from then on; {@code 0}: everything. A group that exists goes on
         * where it is.
         *
         * @param value any object that prints as {@code $}, {@code 0}, {@code ms} or {@code
         *     ms-seq}, for example a text or Jedis' {@code StreamEntryID}
         */
        public Builder startingId(Object value) {
            startingId = value;
            return this;
        }

        /**
         * Makes the source bounded: the last ID to be read, in every partition. Default null:
         * unbounded. {@code $}: what is there when the job starts. A job that is restored keeps the
         * end it began with.
         *
         * @param value any object that prints as {@code $}, {@code ms} (all of that millisecond) or
         *     {@code ms-seq}
         */
        public Builder stoppingId(Object value) {
            stoppingId = value;
            return this;
        }

        /**
         * Sets the stream that takes entries which the deserializer rejects, whole, with the fields
         * {@code error}, {@code stream} and {@code id} added; default: empty, such an entry fails
         * the job.
         */
        public Builder failedDeserializationStreamName(String value) {
            failedDeserializationStreamName = value;
            return this;
        }

        /**
         * Sets the service that spans are reported for; default: empty, none. This version emits
         * none yet.
         */
        public Builder otelServiceName(String value) {
            otelServiceName = value;
            return this;
        }

        /**
         * Sets how many entries one {@code XREADGROUP} asks for at most, 1 or more; default 1000.
         */
        public Builder batchSize(int value) {
            batchSize = value;
            return this;
        }

        /**
         * Milliseconds that one {@code XREADGROUP} waits in Redis for entries, 1 or more; default
         * 1000. Entries never wait for it.
         */
        public Builder blockMillis(int value) {
            blockMillis = value;
            return this;
        }

        /**
         * Bytes that each parallel reader holds ready in native memory, 1 or more; default 16 MiB.
         * When full, reading stops.
         */
        public Builder maxBufferedBytes(long value) {
            maxBufferedBytes = value;
            return this;
        }

        /**
         * Milliseconds for which pending entries of consumers that are not this connector's must
         * have been idle before a fresh job takes them over, 0 or more; default 60000. A job that
         * starts without state on a group that has such entries waits for that before it reads.
         */
        public Builder claimMinIdleMillis(long value) {
            claimMinIdleMillis = value;
            return this;
        }

        /**
         * Validates the options.
         *
         * @throws IllegalArgumentException naming the option, its value, and what is allowed
         */
        public RedisSourceConfig build() {
            return new RedisSourceConfig(this);
        }

        private AckStrategy resolveAckStrategy() {
            OptionChecks.required("ackStrategy", ackStrategy);
            if (requireAck == null) {
                return ackStrategy;
            }
            if (!ackStrategyGiven) {
                return requireAck ? AckStrategy.ON_CHECKPOINT : AckStrategy.NOACK;
            }
            if (requireAck != acknowledges(ackStrategy)) {
                throw OptionChecks.invalid(
                        "ackStrategy",
                        ackStrategy + " and option requireAck is " + requireAck,
                        "ackStrategy alone (requireAck is its older form)");
            }
            return ackStrategy;
        }
    }
}
