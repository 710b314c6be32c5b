package com.redis.flink;

import org.apache.flink.annotation.Internal;
import org.apache.flink.annotation.PublicEvolving;
import org.apache.flink.api.common.typeinfo.TypeInfo;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.apache.flink.types.StringValue;

import java.io.IOException;
import java.io.Serializable;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/**
 * A message of a topic: a key, which decides the partition, and data, a map from field to value.
 *
 * <p>One that a source read is a view on the entry's bytes: key and data are decoded when they are
 * asked for, and as long as nobody changes them, a sink writes the entry's bytes as they were. So
 * repeated fields and values that are no UTF-8, which the map cannot show, still pass through
 * untouched.
 *
 * <p>Like any Flink record it belongs to one thread at a time.
 */
@PublicEvolving
@TypeInfo(RedisMessageTypeInfoFactory.class)
public final class RedisMessage implements Serializable {

    private static final long serialVersionUID = 1L;

    /** Bits of the first byte of the serialized form, version 1. */
    private static final int FROM_STREAM = 1;

    private static final int RAW = 2;
    private static final int OWN_KEY = 4;

    /** Where the message came from; null: from no stream, and the ID means nothing. */
    private String stream;

    private long idMillis;
    private long idSequence;

    /**
     * The entry as it came, shared between copies and never written to; null: the data was set in
     * Java.
     */
    private byte[] strings;

    private int pairs;

    /**
     * With {@code strings}: decoded from them, once {@code keyKnown} says so, or set in Java
     * ({@code ownKey}).
     */
    private String key;

    private boolean keyKnown;
    private boolean ownKey;

    /** With {@code strings}: decoded from them, or null as long as nobody asked. */
    private Map<String, String> data;

    /**
     * Whether somebody outside holds {@code data}, so that it may no longer be what {@code strings}
     * say.
     */
    private boolean exposed;

    /** A message without a key and without data, for setting both. */
    public RedisMessage() {
        this(null, new LinkedHashMap<>());
    }

    private RedisMessage(String key, Map<String, String> data) {
        this.key = key;
        this.data = data;
        keyKnown = true;
        ownKey = true;
    }

    private RedisMessage(RedisMessage other) {
        stream = other.stream;
        idMillis = other.idMillis;
        idSequence = other.idSequence;
        strings = other.strings;
        pairs = other.pairs;
        key = other.key;
        keyKnown = other.keyKnown;
        ownKey = other.ownKey;
        exposed = other.exposed;
        // A map that is not exposed can be decoded again; one that is may be changed on either
        // side.
        data = strings == null || exposed ? new LinkedHashMap<>(other.data) : null;
    }

    /**
     * A message with that key and data.
     *
     * @param key decides the partition; null: the partitions in turn
     * @param data fields and values, kept and not copied; null: none. Neither fields nor values may
     *     be null when the message is written or sent to another task.
     */
    public static RedisMessage of(String key, Map<String, String> data) {
        return new RedisMessage(key, orEmpty(data));
    }

    /**
     * A message that is a view on an entry.
     *
     * @param stream the stream's name
     * @param ms the entry ID's milliseconds, unsigned
     * @param seq the entry ID's sequence number, unsigned
     * @param strings the entry's strings in the batch layout, and nothing else; the message owns
     *     them, and nobody may write to them any more
     * @param pairs how many fields they hold
     */
    @Internal
    public static RedisMessage ofEntry(
            String stream, long ms, long seq, byte[] strings, int pairs) {
        RedisMessage message = new RedisMessage(null, null);
        message.keyKnown = false;
        message.ownKey = false;
        message.stream = Objects.requireNonNull(stream, "stream");
        message.idMillis = ms;
        message.idSequence = seq;
        message.strings = Objects.requireNonNull(strings, "strings");
        message.pairs = pairs;
        return message;
    }

    /** The key, or null: the message has none. */
    public String getKey() {
        if (!keyKnown) {
            key = RedisMessageStrings.key(strings, pairs);
            keyKnown = true;
        }
        return key;
    }

    /** Sets the key; null: none. */
    public void setKey(String key) {
        this.key = key;
        keyKnown = true;
        ownKey = true;
    }

    /**
     * The data, never null. The map of a message that came from a stream may be changed, and the
     * change is what will be written; of a field that the entry repeats it shows the last value.
     */
    public Map<String, String> getData() {
        exposed = true;
        return data();
    }

    /** Sets the data; the map is kept and not copied, null means none. */
    public void setData(Map<String, String> data) {
        setKey(getKey());
        strings = null;
        this.data = orEmpty(data);
    }

    /**
     * The stream entry ID as {@code milliseconds-sequence}, or null when the message came from no
     * stream.
     */
    public String getId() {
        return stream == null
                ? null
                : Long.toUnsignedString(idMillis) + "-" + Long.toUnsignedString(idSequence);
    }

    /** The stream that the message was read from, as {@code topic:partition}, or null. */
    public String getStream() {
        return stream;
    }

    /** The same message under another key; this one stays as it is. */
    @Internal
    public RedisMessage withKey(String key) {
        RedisMessage message = new RedisMessage(this);
        message.setKey(key);
        return message;
    }

    /** Copies the message; what cannot change is shared. */
    @Internal
    public RedisMessage copy() {
        return new RedisMessage(this);
    }

    /**
     * Gives the fields of the stream entry that this message makes: the key as the field {@code
     * key}, if there is one, then the data. An entry that nobody changed comes out as it was read.
     *
     * @throws IllegalArgumentException a field or a value of the data is null
     */
    @Internal
    public void writeTo(RedisMessageFields out) {
        boolean raw = isRaw();
        if (raw && !ownKey) {
            out.raw(strings, 0, strings.length, pairs);
            return;
        }
        if (key != null) {
            out.field(RedisMessageStrings.KEY_FIELD, key);
        }
        if (raw) {
            writeRawData(out);
        } else {
            for (Map.Entry<String, String> field : data.entrySet()) {
                checkField(field);
                out.field(field.getKey(), field.getValue());
            }
        }
    }

    private void writeRawData(RedisMessageFields out) {
        int keyAt = RedisMessageStrings.findKey(strings, pairs);
        if (keyAt < 0) {
            out.raw(strings, 0, strings.length, pairs);
            return;
        }
        int before = 0;
        for (int at = 0; at < keyAt; before++) {
            at = RedisMessageStrings.next(strings, RedisMessageStrings.next(strings, at));
        }
        int behind = RedisMessageStrings.next(strings, RedisMessageStrings.next(strings, keyAt));
        out.raw(strings, 0, keyAt, before);
        out.raw(strings, behind, strings.length, pairs - before - 1);
    }

    /** Writes the serialized form, version 1, that {@link #deserialize} reads. */
    void serialize(DataOutputView out) throws IOException {
        boolean raw = isRaw();
        out.writeByte(
                (stream == null ? 0 : FROM_STREAM)
                        | (raw ? RAW : 0)
                        | (raw && ownKey ? OWN_KEY : 0));
        if (stream != null) {
            StringValue.writeString(stream, out);
            out.writeLong(idMillis);
            out.writeLong(idSequence);
        }
        if (!raw || ownKey) {
            StringValue.writeString(getKey(), out);
        }
        if (raw) {
            out.writeInt(pairs);
            out.writeInt(strings.length);
            out.write(strings);
        } else {
            out.writeInt(data.size());
            for (Map.Entry<String, String> field : data.entrySet()) {
                checkField(field);
                StringValue.writeString(field.getKey(), out);
                StringValue.writeString(field.getValue(), out);
            }
        }
    }

    static RedisMessage deserialize(DataInputView in) throws IOException {
        int flags = in.readUnsignedByte();
        RedisMessage message = new RedisMessage();
        if ((flags & FROM_STREAM) != 0) {
            message.stream = StringValue.readString(in);
            message.idMillis = in.readLong();
            message.idSequence = in.readLong();
        }
        boolean raw = (flags & RAW) != 0;
        message.ownKey = !raw || (flags & OWN_KEY) != 0;
        message.keyKnown = message.ownKey;
        if (message.ownKey) {
            message.key = StringValue.readString(in);
        }
        if (raw) {
            message.data = null;
            message.pairs = in.readInt();
            message.strings = new byte[in.readInt()];
            in.readFully(message.strings);
        } else {
            for (int left = in.readInt(); left > 0; left--) {
                message.data.put(StringValue.readString(in), StringValue.readString(in));
            }
        }
        return message;
    }

    /**
     * Whether the entry's bytes still say what the data is. If not, they are let go: what the map
     * holds is the data from here on.
     */
    private boolean isRaw() {
        if (strings != null && exposed && !data.equals(RedisMessageStrings.data(strings, pairs))) {
            setData(data);
        }
        return strings != null;
    }

    private Map<String, String> data() {
        if (data == null) {
            data = RedisMessageStrings.data(strings, pairs);
        }
        return data;
    }

    private void checkField(Map.Entry<String, String> field) {
        if (field.getKey() == null || field.getValue() == null) {
            throw new IllegalArgumentException(
                    "RedisMessage with key "
                            + (key == null ? "null" : "'" + key + "'")
                            + ": "
                            + (field.getKey() == null
                                    ? "a field's name is null"
                                    : "the value of field '" + field.getKey() + "' is null")
                            + "; Redis has no null, leave the field out or set it to \"\"");
        }
    }

    private static Map<String, String> orEmpty(Map<String, String> data) {
        return data == null ? new LinkedHashMap<>() : data;
    }

    /** Key and data decide; where a message came from does not. */
    @Override
    public boolean equals(Object other) {
        if (this == other) {
            return true;
        }
        if (!(other instanceof RedisMessage)) {
            return false;
        }
        RedisMessage that = (RedisMessage) other;
        return Objects.equals(getKey(), that.getKey()) && data().equals(that.data());
    }

    @Override
    public int hashCode() {
        return 31 * Objects.hashCode(getKey()) + data().hashCode();
    }

    @Override
    public String toString() {
        return "RedisMessage{key=" + getKey() + ", data=" + data() + "}";
    }
}
