package com.redis.flink.sink.writer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.redis.flink.sink.AbstractRedisSinkConfig;
import com.redis.flink.sink.KeyedWriters;
import com.redis.flink.sink.RedisHashSerializer;
import com.redis.flink.sink.RedisHashSinkConfig;
import com.redis.flink.sink.RedisJsonSinkConfig;

import org.apache.flink.api.connector.sink2.SinkWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/** When documents and hashes go to the engine, and what becomes of records that cannot. */
class ReducingWriterTest {

    private final RecordingSink sink = new RecordingSink();
    private final ManualTimers timers = new ManualTimers();
    private final TestMetrics metrics = new TestMetrics();
    private final RedisJsonSinkConfig.Builder json = RedisJsonSinkConfig.builder();
    private final RedisHashSinkConfig.Builder hash = RedisHashSinkConfig.builder();

    /** Of records {@code key=document}. */
    private SinkWriter<String> jsonWriter() {
        return open(
                KeyedWriters.json(
                        record -> record.substring(record.indexOf('=') + 1),
                        record -> record.substring(0, record.indexOf('='))),
                json.build());
    }

    /** Of records that are the fields, under the key {@code k}. */
    private SinkWriter<Map<String, String>> hashWriter() {
        return open(KeyedWriters.hash(fields -> fields, fields -> "k"), hash.build());
    }

    private <T> SinkWriter<T> open(KeyedWriters.Kind<T> kind, AbstractRedisSinkConfig config) {
        return KeyedWriters.open(kind, config, sink, timers, metrics);
    }

    private static Map<String, String> fields(String... namesAndValues) {
        Map<String, String> fields = new LinkedHashMap<>();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            fields.put(namesAndValues[i], namesAndValues[i + 1]);
        }
        return fields;
    }

    /** A JSON document. */
    private static String text(int chars) {
        return '"' + "x".repeat(chars - 2) + '"';
    }

    @Test
    void byDefaultEachRecordIsWrittenAsItComes() throws Exception {
        SinkWriter<String> documents = jsonWriter();
        documents.write("a={}", null);
        documents.write("b=1", null);
        documents.write("a=2", null);
        timers.advance(1);

        assertThat(sink.calls).containsExactly("write 3");
        assertThat(sink.records).containsExactly("0:[a={}]", "0:[b=1]", "0:[a=2]");
        documents.flush(false);
        assertThat(sink.calls).containsExactly("write 3", "flush");
        assertThat(metrics.records.getCount()).isEqualTo(3);
    }

    @Test
    void aHashHasItsKeyInFront() throws Exception {
        SinkWriter<Map<String, String>> hashes = hashWriter();
        hashes.write(fields("a", "1", "b", ""), null);
        hashes.flush(true);

        assertThat(sink.records).containsExactly("0:[k=, a=1, b=]");
    }

    @Test
    void bufferOptionsAreThoseOfTheStreamSink() throws Exception {
        json.numMessagesToBuffer(2);
        SinkWriter<String> documents = jsonWriter();
        for (int i = 0; i < 5; i++) {
            documents.write("a=" + i, null);
        }
        timers.advance(1000);

        assertThat(sink.calls).containsExactly("write 2", "write 2");
    }

    @Test
    void onCheckpointTheLatestDocumentOfEachKeyIsWritten() throws Exception {
        json.flushOnCheckpoint(true).numMessagesToBuffer(1).flushIntervalMillis(1);
        SinkWriter<String> documents = jsonWriter();
        documents.write("a=1", null);
        documents.write("b=2", null);
        documents.write("a=3", null);
        timers.advance(1000);
        assertThat(sink.calls).isEmpty();

        documents.flush(false);
        assertThat(sink.calls).containsExactly("write 2", "flush");
        assertThat(sink.records).containsExactly("0:[a=3]", "0:[b=2]");
        assertThat(metrics.records.getCount()).isEqualTo(2);
        assertThat(metrics.bytes.getCount()).isEqualTo(sink.bytes);

        documents.flush(true);
        assertThat(sink.calls).containsExactly("write 2", "flush", "flush");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "{", "{} {}", "x", "[1,]", "1e999", "\"\\ud800\""})
    void whatRedisMayRejectHidesNothing(String invalid) throws Exception {
        json.flushOnCheckpoint(true);
        SinkWriter<String> documents = jsonWriter();
        documents.write("b=" + invalid, null);
        documents.write("a=[1]", null);
        documents.write("a=" + invalid, null);
        documents.write("b=null", null);
        documents.flush(false);

        assertThat(sink.records)
                .containsExactly(
                        "0:[a=[1]]",
                        "0:[b=" + invalid + "]",
                        "0:[b=null]",
                        "0:[a=" + invalid + "]");
    }

    /** The server's limit to a text may be as low as 1 MiB. */
    @Test
    void norDoesWhatMayBeTooLong() throws Exception {
        json.flushOnCheckpoint(true);
        SinkWriter<String> documents = jsonWriter();
        documents.write("a=1", null);
        documents.write("a=" + text(1024 * 1024), null);
        documents.write("a=2", null);
        documents.write("a=3", null);
        documents.flush(false);
        assertThat(sink.records).hasSize(3).startsWith("0:[a=1]").endsWith("0:[a=3]");

        sink.records.clear();
        hash.flushOnCheckpoint(true);
        SinkWriter<Map<String, String>> hashes = hashWriter();
        hashes.write(fields("a", "1"), null);
        hashes.write(fields("b", "x".repeat(1024 * 1024)), null);
        hashes.flush(false);
        assertThat(sink.records).hasSize(2).startsWith("0:[k=, a=1]");
    }

    @Test
    void onCheckpointFieldsOfAKeyAreMerged() throws Exception {
        hash.flushOnCheckpoint(true);
        SinkWriter<Map<String, String>> hashes = hashWriter();
        Map<String, String> reused = fields("a", "1", "b", "1");
        hashes.write(reused, null);
        reused.clear();
        reused.put("not", "seen");
        hashes.write(Map.of("b", "2"), null);
        hashes.write(fields("c", "3"), null);
        hashes.flush(true);

        assertThat(sink.records).containsExactly("0:[k=, a=1, b=2, c=3]");
    }

    @Test
    void whatIsKeptBackIsBounded() throws Exception {
        json.flushOnCheckpoint(true).maxInFlightBytes(10_000);
        SinkWriter<String> documents = jsonWriter();
        for (int i = 0; i < 100; i++) {
            documents.write("same=" + text(1000), null);
        }
        assertThat(sink.calls).as("one key holds one document").isEmpty();
        for (int i = 0; i < 100; i++) {
            documents.write(i + "=" + text(1000), null);
        }
        assertThat(sink.records).hasSizeBetween(90, 101);
        documents.flush(false);
        assertThat(sink.records).hasSize(101);
    }

    @Test
    void largeBuffersGoInFramesOfTheUsualSize() throws Exception {
        json.flushOnCheckpoint(true);
        SinkWriter<String> documents = jsonWriter();
        for (int i = 0; i < 1024; i++) {
            documents.write(i + "=" + text(1024), null);
        }
        assertThat(sink.calls).isEmpty();
        documents.flush(false);

        assertThat(sink.calls).hasSizeBetween(5, 7).last().isEqualTo("flush");
        assertThat(sink.records).hasSize(1024);
    }

    /** The reckoning is not to drift, in whichever way values come and go. */
    @Test
    void theBufferKnowsItsBytes() {
        ReducingBuffer buffer = new ReducingBuffer();
        ReducingBuffer expected = new ReducingBuffer();
        buffer.put(KeyedWrite.ofFields("k", fields("a", "1", "b", "22")));
        buffer.put(KeyedWrite.ofFields("k", fields("a", "a longer one", "c", "")));
        buffer.put(KeyedWrite.ofFields("k", fields("b", "")));
        buffer.put(KeyedWrite.ofDocument("d", text(100)));
        buffer.put(KeyedWrite.ofDocument("d", "{}"));
        expected.put(KeyedWrite.ofFields("k", fields("a", "a longer one", "b", "", "c", "")));
        expected.put(KeyedWrite.ofDocument("d", "{}"));

        assertThat(buffer.bytes()).isEqualTo(expected.bytes()).isPositive();
        buffer.clear();
        assertThat(buffer.bytes()).isZero();
        assertThat(buffer.writes()).isEmpty();
    }

    @Test
    void closeDropsTheBuffer() throws Exception {
        json.flushOnCheckpoint(true);
        SinkWriter<String> documents = jsonWriter();
        documents.write("a=1", null);
        documents.close();
        documents.close();

        assertThat(sink.calls).containsExactly("close");
        assertThatThrownBy(() -> documents.write("a=1", null))
                .isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> documents.flush(false)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void aRejectedRecordFailsTheJobWhereNothingTakesIt() {
        assertThatThrownBy(
                        () ->
                                open(KeyedWriters.json(r -> null, r -> "k"), json.build())
                                        .write("o1", null))
                .isInstanceOf(IOException.class)
                .hasMessage(
                        "sink json: a record cannot be made a JSON document:"
                                + " IllegalArgumentException: the serializer gave null in the place"
                                + " of a document; to write nothing, filter the record out before"
                                + " the sink; correct the serializer or the record, or set"
                                + " failedSerializationStreamName to keep such records apart");
        hash.flushOnCheckpoint(true);
        assertThatThrownBy(() -> hashWriter().write(Map.of(), null))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("sink hash: a record cannot be made a hash")
                .hasMessageContaining("the serializer gave no fields, and Redis has no hashes");
    }

    @Test
    void rejectedRecordsBecomeDeadLetters() throws Exception {
        hash.failedSerializationStreamName("dead");
        deadLettersOfHashes();
        sink.records.clear();
        hash.flushOnCheckpoint(true);
        deadLettersOfHashes();
    }

    private void deadLettersOfHashes() throws Exception {
        long errors = metrics.errors.getCount();
        long written = metrics.records.getCount();
        RedisHashSerializer<String> serializer =
                record -> {
                    switch (record) {
                        case "null":
                            return null;
                        case "no name":
                            return Collections.singletonMap(null, "v");
                        case "no value":
                            return Collections.singletonMap("f", null);
                        case "throws":
                            throw new IllegalStateException("no such order");
                        default:
                            return new HashMap<>(Map.of("f", record));
                    }
                };
        SinkWriter<String> hashes =
                open(
                        KeyedWriters.hash(serializer, r -> r.equals("no key") ? null : "k-" + r),
                        hash.build());
        for (String record :
                new String[] {"null", "no name", "no value", "throws", "no key", "1"}) {
            hashes.write(record, null);
        }
        hashes.flush(false);

        assertThat(sink.records)
                .containsExactly(
                        "-1:[error=IllegalArgumentException: the serializer gave null, and Redis"
                                + " has no hashes without fields; to write nothing, filter the"
                                + " record out before the sink, command=HSET, key=k-null,"
                                + " value=null]",
                        "-1:[error=IllegalArgumentException: the name of a field is null; Redis has"
                                + " no null, leave the field out or set it to \"\", command=HSET,"
                                + " key=k-no name, value=no name]",
                        "-1:[error=IllegalArgumentException: the value of field 'f' is null; Redis"
                                + " has no null, leave the field out or set it to \"\","
                                + " command=HSET, key=k-no value, value=no value]",
                        "-1:[error=IllegalStateException: no such order, command=HSET,"
                                + " key=k-throws, value=throws]",
                        "-1:[error=IllegalArgumentException: the key extractor gave null in the"
                                + " place of a key; give each record one, or filter it out before"
                                + " the sink, command=HSET, value=no key]",
                        "0:[k-1=, f=1]");
        assertThat(metrics.errors.getCount() - errors).isEqualTo(5);
        assertThat(metrics.records.getCount() - written).isEqualTo(1);
    }

    @Test
    void theEngineIsToldAllSettings() {
        RedisJsonSinkConfig documents =
                json.path("$.a").ttlSeconds(60).failedSerializationStreamName("dead").build();
        assertThat(documents.toSettings().toString())
                .isEqualTo(
                        "{\"kind\":\"JSON\",\"topic\":\"json\",\"numPartitions\":1,"
                                + "\"ttlSeconds\":60,\"path\":\"$.a\","
                                + "\"maxInFlightBytes\":16777216,\"deadLetterStream\":\"dead\","
                                + "\"connection\":"
                                + documents.getConnection().toJson()
                                + "}");
        RedisHashSinkConfig hashes = hash.build();
        assertThat(hashes.toSettings().toString())
                .isEqualTo(
                        "{\"kind\":\"HASH\",\"topic\":\"hash\",\"numPartitions\":1,"
                                + "\"ttlSeconds\":0,"
                                + "\"maxInFlightBytes\":16777216,\"deadLetterStream\":\"\","
                                + "\"connection\":"
                                + hashes.getConnection().toJson()
                                + "}");
    }
}
