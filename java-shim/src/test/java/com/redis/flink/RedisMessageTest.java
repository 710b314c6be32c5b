package com.redis.flink;

import static com.redis.flink.Entries.fromStream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;

import com.redis.flink.wire.RecordBatch;

import org.junit.jupiter.api.Test;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;

/** What a job sees of a message, and what becomes of it in a sink. */
class RedisMessageTest {

    private static final byte[] NOT_UTF8 = {(byte) 0xff, 0, (byte) 0xc3, '('};

    @Test
    void ofGivesBackWhatItWasGiven() {
        RedisMessage message = RedisMessage.of("k1", Map.of("data", "v1"));

        assertThat(message.getKey()).isEqualTo("k1");
        assertThat(message.getData()).containsExactly(entry("data", "v1"));
        assertThat(message.getId()).isNull();
        assertThat(message.getStream()).isNull();
    }

    @Test
    void isAPojo() {
        RedisMessage message = new RedisMessage();
        assertThat(message.getKey()).isNull();
        assertThat(message.getData()).isEmpty();

        message.setKey("k1");
        message.setData(Map.of("data", "v1"));

        assertThat(message).isEqualTo(RedisMessage.of("k1", Map.of("data", "v1")));
        message.setData(null);
        assertThat(message.getData()).isEmpty();
    }

    @Test
    void keyAndDataDecideEqualityAndNotTheOrigin() {
        RedisMessage read = fromStream("data", "v1", "key", "k1");
        RedisMessage made = RedisMessage.of("k1", new HashMap<>(Map.of("data", "v1")));

        assertThat(read).isEqualTo(made).hasSameHashCodeAs(made).hasToString(made.toString());
        assertThat(read.toString()).isEqualTo("RedisMessage{key=k1, data={data=v1}}");
        assertThat(read).isNotEqualTo(RedisMessage.of("k2", Map.of("data", "v1")));
        assertThat(read).isNotEqualTo(RedisMessage.of("k1", Map.of("data", "v2")));
        assertThat(read).isNotEqualTo(RedisMessage.of(null, Map.of("data", "v1")));
    }

    @Test
    void theFirstFieldNamedKeyIsTheKey() {
        RedisMessage message =
                fromStream("a", "1", "key", "k1", "key", "more", "keys", "2", "ä", "日本");

        assertThat(message.getKey()).isEqualTo("k1");
        assertThat(message.getData())
                .containsExactly(
                        entry("a", "1"),
                        entry("key", "more"),
                        entry("keys", "2"),
                        entry("ä", "日本"));
        assertThat(message.getStream()).isEqualTo("orders:2");
        assertThat(message.getId()).isEqualTo("1718-3");
    }

    @Test
    void anEntryWithoutAKeyHasNone() {
        assertThat(fromStream("a", "1").getKey()).isNull();
        assertThat(fromStream("a", "1").getData()).containsExactly(entry("a", "1"));
        assertThat(fromStream("key", "").getKey()).isEmpty();
        assertThat(fromStream("key", "").getData()).isEmpty();
    }

    @Test
    void bothHalvesOfAnIdAreUnsigned() {
        assertThat(RedisMessage.ofEntry("s", -1, -2, new byte[0], 0).getId())
                .isEqualTo("18446744073709551615-18446744073709551614");
    }

    @Test
    void theLastOfRepeatedFieldsIsInTheMap() {
        assertThat(fromStream("a", "1", "b", "2", "a", "3").getData())
                .containsExactly(entry("a", "3"), entry("b", "2"));
    }

    @Test
    void whatNobodyChangedIsWrittenAsItWas() {
        byte[][] strings = {utf8("a"), NOT_UTF8, utf8("key"), utf8("k1"), utf8("a"), utf8("2")};
        RedisMessage message = fromStream(strings);
        assertThat(message.getData()).containsEntry("a", "2");
        assertThat(message.getKey()).isEqualTo("k1");

        assertThat(written(message)).isEqualTo(batch(3, strings));
    }

    @Test
    void anotherKeyLeavesTheDataAsItWas() {
        RedisMessage message =
                fromStream(utf8("a"), NOT_UTF8, utf8("key"), utf8("k1"), utf8("a"), utf8("2"));

        RedisMessage renamed = message.withKey("k2");
        assertThat(written(renamed))
                .isEqualTo(
                        batch(
                                3,
                                utf8("key"),
                                utf8("k2"),
                                utf8("a"),
                                NOT_UTF8,
                                utf8("a"),
                                utf8("2")));
        assertThat(renamed.getId()).isEqualTo("1718-3");
        assertThat(written(message.withKey(null)))
                .isEqualTo(batch(2, utf8("a"), NOT_UTF8, utf8("a"), utf8("2")));
        assertThat(message.getKey()).isEqualTo("k1");

        assertThat(written(fromStream("a", "1").withKey("k2")))
                .isEqualTo(batch(2, utf8("key"), utf8("k2"), utf8("a"), utf8("1")));
    }

    @Test
    void aChangeOfTheMapIsWritten() {
        RedisMessage message = fromStream("key", "k1", "a", "1", "a", "2");
        message.getData().put("b", "3");

        assertThat(written(message))
                .isEqualTo(
                        batch(
                                3,
                                utf8("key"),
                                utf8("k1"),
                                utf8("a"),
                                utf8("2"),
                                utf8("b"),
                                utf8("3")));
        message.getData().remove("a");
        assertThat(written(message))
                .isEqualTo(batch(2, utf8("key"), utf8("k1"), utf8("b"), utf8("3")));
    }

    @Test
    void otherDataKeepsTheKeyAndTheOrigin() {
        RedisMessage message = fromStream("key", "k1", "a", "1");
        message.setData(Map.of("b", "2"));

        assertThat(message).isEqualTo(RedisMessage.of("k1", Map.of("b", "2")));
        assertThat(message.getId()).isEqualTo("1718-3");
        assertThat(written(message))
                .isEqualTo(batch(2, utf8("key"), utf8("k1"), utf8("b"), utf8("2")));
    }

    @Test
    void aChangeOfACopyStaysThere() {
        RedisMessage message = fromStream("key", "k1", "a", "1");
        message.getData().put("b", "2");
        RedisMessage copy = message.copy();
        copy.getData().put("c", "3");
        copy.setKey("k2");

        assertThat(message).isEqualTo(RedisMessage.of("k1", Map.of("a", "1", "b", "2")));
        assertThat(copy).isEqualTo(RedisMessage.of("k2", Map.of("a", "1", "b", "2", "c", "3")));
        assertThat(copy.getStream()).isEqualTo("orders:2");
    }

    @Test
    void aNullInTheDataIsNamed() {
        RecordBatch batch = new RecordBatch();
        batch.begin(0);

        assertThatThrownBy(
                        () ->
                                RedisMessage.of("k1", Collections.singletonMap("a", null))
                                        .writeTo(batch))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "RedisMessage with key 'k1': the value of field 'a' is null; Redis has no"
                                + " null, leave the field out or set it to \"\"");
        assertThatThrownBy(
                        () ->
                                RedisMessage.of(null, Collections.singletonMap(null, "v"))
                                        .writeTo(batch))
                .hasMessageStartingWith("RedisMessage with key null: a field's name is null");
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] written(RedisMessage message) {
        RecordBatch batch = new RecordBatch();
        batch.begin(7);
        message.writeTo(batch);
        batch.end();
        return Arrays.copyOf(batch.bytes(), batch.length());
    }

    private static byte[] batch(int pairs, byte[]... strings) {
        RecordBatch batch = new RecordBatch();
        batch.begin(7);
        batch.raw(Entries.strings(strings), pairs);
        batch.end();
        return Arrays.copyOf(batch.bytes(), batch.length());
    }
}
