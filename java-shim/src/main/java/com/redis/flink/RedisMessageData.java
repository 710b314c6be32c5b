package com.redis.flink;

import java.io.Serializable;
import java.util.AbstractMap;
import java.util.AbstractSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * The fields that were decoded from an entry, as a map that tells its message when it is changed
 * for the first time. So a message whose data was only looked at still is the entry's bytes.
 * Writing what is there already is no change.
 *
 * <p>{@link AbstractMap} and the default methods of {@link Map} make all other ways to write out of
 * the ones that are overridden here: {@code put}, {@code remove}, {@code clear}, and of an iterator
 * {@code remove} and {@code setValue}. Reading changes nothing and is safe from any thread.
 */
final class RedisMessageData extends AbstractMap<String, String> implements Serializable {

    private static final long serialVersionUID = 1L;

    private final transient Map<String, String> fields;

    /** Whom a change is told; null: nobody. */
    private final transient RedisMessage message;

    /**
     * For Kryo, which fills a map that it makes: where jobs send maps without saying their type.
     */
    private RedisMessageData() {
        this(new LinkedHashMap<>(), null);
    }

    /**
     * Shows fields as the data of a message.
     *
     * @param fields owned by this map from here on
     */
    RedisMessageData(Map<String, String> fields, RedisMessage message) {
        this.fields = fields;
        this.message = message;
    }

    /** Returns whether changes are told to that message. */
    boolean isOf(RedisMessage other) {
        return message == other;
    }

    @Override
    public int size() {
        return fields.size();
    }

    @Override
    public boolean containsKey(Object name) {
        return fields.containsKey(name);
    }

    @Override
    public String get(Object name) {
        return fields.get(name);
    }

    @Override
    public String put(String name, String value) {
        int size = fields.size();
        String previous = fields.put(name, value);
        if (fields.size() != size || !Objects.equals(previous, value)) {
            changed();
        }
        return previous;
    }

    @Override
    public String remove(Object name) {
        int size = fields.size();
        String previous = fields.remove(name);
        if (fields.size() != size) {
            changed();
        }
        return previous;
    }

    @Override
    public void clear() {
        if (!fields.isEmpty()) {
            fields.clear();
            changed();
        }
    }

    @Override
    public Set<Map.Entry<String, String>> entrySet() {
        return new Fields();
    }

    private void changed() {
        if (message != null) {
            message.changed(this);
        }
    }

    /** A plain map is what travels by Java's serialization. */
    private Object writeReplace() {
        return new LinkedHashMap<>(fields);
    }

    private final class Fields extends AbstractSet<Map.Entry<String, String>> {

        @Override
        public int size() {
            return fields.size();
        }

        @Override
        public void clear() {
            RedisMessageData.this.clear();
        }

        @Override
        public Iterator<Map.Entry<String, String>> iterator() {
            Iterator<Map.Entry<String, String>> left = fields.entrySet().iterator();
            return new Iterator<Map.Entry<String, String>>() {
                @Override
                public boolean hasNext() {
                    return left.hasNext();
                }

                @Override
                public Map.Entry<String, String> next() {
                    return new Field(left.next());
                }

                @Override
                public void remove() {
                    left.remove();
                    changed();
                }
            };
        }
    }

    private final class Field implements Map.Entry<String, String> {

        private final Map.Entry<String, String> field;

        private Field(Map.Entry<String, String> field) {
            this.field = field;
        }

        @Override
        public String getKey() {
            return field.getKey();
        }

        @Override
        public String getValue() {
            return field.getValue();
        }

        @Override
        public String setValue(String value) {
            String previous = field.setValue(value);
            if (!Objects.equals(previous, value)) {
                changed();
            }
            return previous;
        }

        @Override
        public boolean equals(Object other) {
            return field.equals(other);
        }

        @Override
        public int hashCode() {
            return field.hashCode();
        }

        @Override
        public String toString() {
            return field.toString();
        }
    }
}
