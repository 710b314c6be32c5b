package com.redis.flink.bench.jobs;

import com.redis.flink.bench.Contender;
import com.redis.flink.bench.lab.Latencies;
import com.redis.flink.bench.lab.Meter;
import com.redis.flink.bench.lab.Server;
import com.redis.flink.bench.lab.Topic;
import com.redis.flink.bench.reference.JedisSink;
import com.redis.flink.bench.reference.JedisSource;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

import redis.clients.jedis.params.XAddParams;

import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Jobs with the reference connector. Objects are reused between operators, which is in its favour:
 * copying its records costs, copying ours does not.
 */
public final class Reference implements JobDefinition {

    /** Records in a pipeline, and entries of a stream in a reply. */
    public static final int BATCH = 1000;

    private final Consumer<StreamExecutionEnvironment> definition;

    private Reference(Consumer<StreamExecutionEnvironment> definition) {
        this.definition = definition;
    }

    /** Reads a topic and discards what it read. */
    public static Reference read(Server server, Topic topic, int count, boolean acknowledge) {
        return new Reference(
                env ->
                        entries(env, server, topic, count, acknowledge)
                                .sinkTo(new DiscardingSink<>())
                                .name("discard"));
    }

    /** Reads a topic and says how long each entry took. */
    public static Reference timed(Server server, Topic topic) {
        return new Reference(
                env ->
                        entries(env, server, topic, BATCH, true)
                                .map(
                                        fields -> {
                                            Latencies.received(fields.get("data"));
                                            return fields;
                                        })
                                .returns(Types.MAP(Types.STRING, Types.STRING))
                                .sinkTo(new DiscardingSink<>()));
    }

    /**
     * Copies a topic to another one, at least once.
     *
     * @param batch entries of a stream in a reply, and records in a pipeline
     */
    public static Reference copy(Server server, Topic from, Topic to, int batch) {
        List<String> streams = List.copyOf(to.streams());
        JedisSink.Command<Map<String, String>> command =
                (fields, pipeline) -> {
                    int hash = fields.get("key").hashCode() & Integer.MAX_VALUE;
                    String stream = streams.get(hash % streams.size());
                    pipeline.xadd(stream, XAddParams.xAddParams(), fields);
                };
        return new Reference(
                env ->
                        entries(env, server, from, batch, true)
                                .sinkTo(new JedisSink<>(Server.HOST, server.port(), batch, command))
                                .uid("write"));
    }

    private static DataStream<Map<String, String>> entries(
            StreamExecutionEnvironment env,
            Server server,
            Topic topic,
            int count,
            boolean acknowledge) {
        env.getConfig().enableObjectReuse();
        return env.fromSource(
                        new JedisSource(
                                Server.HOST,
                                server.port(),
                                topic.streams(),
                                Topic.GROUP,
                                count,
                                acknowledge),
                        WatermarkStrategy.noWatermarks(),
                        "read")
                .uid("read")
                .map(Meter.counting())
                .returns(Types.MAP(Types.STRING, Types.STRING));
    }

    @Override
    public Contender.Kind kind() {
        return Contender.Kind.REFERENCE;
    }

    @Override
    public void define(StreamExecutionEnvironment env) {
        definition.accept(env);
    }
}
