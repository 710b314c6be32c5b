package com.redis.flink;

import com.redis.flink.text.ForeignText;
import com.redis.flink.wire.EntryStrings;
import com.redis.flink.wire.FieldConsumer;

import org.apache.flink.annotation.Internal;
import org.apache.flink.annotation.PublicEvolving;
import org.apache.flink.api.common.typeinfo.TypeInfo;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.apache.flink.types.StringValue;

import java.io.IOException;
import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
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
 * <p>Reading a message changes nothing that shows, and is safe from any thread, also while Flink
 * copies or writes the message: in the callback of an AsyncFunction, for example. Changes, by the
 * setters or of the map, belong to one thread at a time, and to none while others read.
 */
@PublicEvolving
@TypeInfo(RedisMessageTypeInfoFactory.class)
public final class RedisMessage implements Serializable {

    private static final long serialVersionUID = 1L;

    /** Bits of the first byte of the serialized form, version 1. */
    private static final int FROM_STREAM = 1;

    private static final int RAW = 2;
    private static final int OWN_KEY = 4;

    /** Decoded: the entry has no key. An object of its own, as it is told by its identity. */
    @SuppressWarnings("StringOperationCanBeSimplified")
    private static final String NO_KEY = new String("");

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

    /** With {@code ownKey}: the key as it was set in Java, or null. */
    private String key;

    private boolean ownKey;

    /** The data as it was set or changed in Java; null: it is what {@code strings} say. */
    private Map<String, String> data;

    /**
     * Without use. Where a job leaves messages to Kryo, in state of a generic type, what is written
     * goes by the fields, and savepoints of earlier versions have these.
     */
    @SuppressWarnings("unused")
    private boolean keyKnown;

    @SuppressWarnings("unused")
    private boolean exposed;

    /**
     * The key of {@code strings}, once somebody has asked; null until then. Any thread writes it,
     * and all write the same.
     */
    private transient String decodedKey;

    /**
     * The data of {@code strings}, once somebody has asked, and for as long as nobody changes it.
     * Any thread writes it, under the message's lock, so that all are given the same map.
     */
    private transient volatile RedisMessageData decodedData;

    /** Creates a message without a key and without data, for setting both. */
    public RedisMessage() {
        this(null, new LinkedHashMap<>());
    }

    private RedisMessage(String key, Map<String, String> data) {
        this.key = key;
        this.data = data;
        ownKey = true;
    }

    /** A message that is still to be filled in. */
    private RedisMessage(String stream, long idMillis, long idSequence) {
        this.stream = stream;
        this.idMillis = idMillis;
        this.idSequence = idSequence;
    }

    private RedisMessage(RedisMessage other) {
        this(other.stream, other.idMillis, other.idSequence);
        strings = other.strings;
        pairs = other.pairs;
        key = other.key;
        ownKey = other.ownKey;
        data = other.data == null ? null : new LinkedHashMap<>(other.data);
        decodedKey = other.decodedKey;
    }

    /**
     * Returns a message with that key and data.
     *
     * @param key decides the partition; null: the partitions in turn
     * @param data fields and values, kept and not copied; null: none. Neither fields nor values may
     *     be null when the message is written or sent to another task.
     */
    public static RedisMessage of(String key, Map<String, String> data) {
        return new RedisMessage(key, orEmpty(data));
    }

    /**
     * Returns a message that is a view on an entry.
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
        RedisMessage message = new RedisMessage(Objects.requireNonNull(stream, "stream"), ms, seq);
        message.strings = Objects.requireNonNull(strings, "strings");
        message.pairs = pairs;
        return message;
    }

    /** Returns the key, or null: the message has none. */
    public String getKey() {
        if (ownKey) {
            return key;
        }
        String decoded = decodedKey;
        if (decoded == null) {
            decoded = EntryStrings.key(strings, pairs);
            decoded = decoded == null ? NO_KEY : decoded;
            decodedKey = decoded;
        }
        return decoded == NO_KEY ? null : decoded;
    }

    /** Sets the key; null: none. */
    public void setKey(String key) {
        this.key = key;
        ownKey = true;
    }

    /**
     * Returns the data, never null. The map of a message that came from a stream may be changed,
     * and the change is what will be written; of a field that the entry repeats it shows the last
     * value.
     */
    public Map<String, String> getData() {
        Map<String, String> own = data;
        return own == null ? decodedData() : own;
    }

    /** Kryo, where a job leaves it to that, copies the map without telling it whose it is then. */
    private Map<String, String> decodedData() {
        RedisMessageData decoded = decodedData;
        if (decoded == null || !decoded.isOf(this)) {
            synchronized (this) {
                decoded = decodedData;
                if (decoded == null || !decoded.isOf(this)) {
                    decoded = new RedisMessageData(EntryStrings.data(strings, pairs), this);
                    decodedData = decoded;
                }
            }
        }
        return decoded;
    }

    /**
     * Takes note that a map which this message gave out was changed: from here on it is the data,
     * and the entry's bytes are let go. Does nothing for a map that is this message's no more.
     */
    void changed(RedisMessageData map) {
        if (decodedData == map) {
            setData(map);
        }
    }

    /**
     * Returns a value of the data as UTF-8 in an array, of a repeated field the last one, or null:
     * there is no such field. The array may be the entry's own and must not be written to.
     */
    @Internal
    public ByteBuffer valueOf(String field) {
        Map<String, String> own = data;
        if (own != null) {
            String value = own.get(field);
            return value == null ? null : ByteBuffer.wrap(value.getBytes(StandardCharsets.UTF_8));
        }
        int at = EntryStrings.findValue(strings, pairs, field);
        return at < 0 ? null : EntryStrings.bytes(strings, at);
    }

    /** Sets the data; the map is kept and not copied, null means none. */
    public void setData(Map<String, String> data) {
        setKey(getKey());
        strings = null;
        decodedData = null;
        this.data = orEmpty(data);
    }

    /**
     * Returns the stream entry ID as {@code milliseconds-sequence}, or null when the message came
     * from no stream.
     */
    public String getId() {
        return stream == null
                ? null
                : Long.toUnsignedString(idMillis) + "-" + Long.toUnsignedString(idSequence);
    }

    /** Returns the stream that the message was read from, as {@code topic:partition}, or null. */
    public String getStream() {
        return stream;
    }

    /** Returns the same message under another key; this one stays as it is. */
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
    public void writeTo(FieldConsumer out) {
        boolean raw = data == null;
        if (raw && !ownKey) {
            out.raw(strings, 0, strings.length, pairs);
            return;
        }
        String key = getKey();
        if (key != null) {
            out.field(EntryStrings.KEY_FIELD, key);
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

    private void writeRawData(FieldConsumer out) {
        int keyAt = EntryStrings.findKey(strings, pairs);
        if (keyAt < 0) {
            out.raw(strings, 0, strings.length, pairs);
            return;
        }
        int before = 0;
        for (int at = 0; at < keyAt; before++) {
            at = EntryStrings.next(strings, EntryStrings.next(strings, at));
        }
        int behind = EntryStrings.next(strings, EntryStrings.next(strings, keyAt));
        out.raw(strings, 0, keyAt, before);
        out.raw(strings, behind, strings.length, pairs - before - 1);
    }

    /** Writes the serialized form, version 1, that {@link #deserialize} reads. */
    void serialize(DataOutputView out) throws IOException {
        boolean raw = data == null;
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
        boolean fromStream = (flags & FROM_STREAM) != 0;
        RedisMessage message =
                new RedisMessage(
                        fromStream ? StringValue.readString(in) : null,
                        fromStream ? in.readLong() : 0,
                        fromStream ? in.readLong() : 0);
        boolean raw = (flags & RAW) != 0;
        message.ownKey = !raw || (flags & OWN_KEY) != 0;
        if (message.ownKey) {
            message.key = StringValue.readString(in);
        }
        if (raw) {
            message.pairs = in.readInt();
            message.strings = new byte[in.readInt()];
            in.readFully(message.strings);
        } else {
            message.data = new LinkedHashMap<>();
            for (int left = in.readInt(); left > 0; left--) {
                message.data.put(StringValue.readString(in), StringValue.readString(in));
            }
        }
        return message;
    }

    private void checkField(Map.Entry<String, String> field) {
        String key = getKey();
        if (field.getKey() == null || field.getValue() == null) {
            throw new IllegalArgumentException(
                    "RedisMessage with key "
                            + (key == null ? "null" : "'" + ForeignText.shown(key) + "'")
                            + ": "
                            + (field.getKey() == null
                                    ? "a field's name is null"
                                    : "the value of field '"
                                            + ForeignText.shown(field.getKey())
                                            + "' is null")
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
        return Objects.equals(getKey(), that.getKey()) && getData().equals(that.getData());
    }

    @Override
    public int hashCode() {
        return 31 * Objects.hashCode(getKey()) + getData().hashCode();
    }

    @Override
    public String toString() {
        return "RedisMessage{key=" + getKey() + ", data=" + getData() + "}";
    }
}
