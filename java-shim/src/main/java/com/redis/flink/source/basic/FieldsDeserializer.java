package com.redis.flink.source.basic;

import com.redis.flink.RedisMessage;
import com.redis.flink.source.partitioned.reader.deserializer.RedisDeserializer;
import com.redis.flink.wire.EntryStrings;
import com.redis.flink.wire.FieldConsumer;

import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.util.Collector;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Makes a map of all fields of an entry, in the entry's order; of a field that is repeated it holds
 * the last value. Flink's own serializer for maps keeps no order, so that lasts up to the first
 * operator that copies records.
 */
final class FieldsDeserializer implements RedisDeserializer<Map<String, String>> {

    private static final long serialVersionUID = 1L;

    @Override
    public void deserialize(RedisMessage message, Collector<Map<String, String>> out) {
        Fields fields = new Fields();
        message.writeTo(fields);
        out.collect(fields.map);
    }

    @Override
    public TypeInformation<Map<String, String>> getProducedType() {
        return Types.MAP(Types.STRING, Types.STRING);
    }

    private static final class Fields implements FieldConsumer {

        private final Map<String, String> map = new LinkedHashMap<>();

        @Override
        public void field(String name, String value) {
            map.put(name, value);
        }

        @Override
        public void raw(byte[] strings, int from, int to, int pairs) {
            EntryStrings.forEach(strings, from, pairs, map::put);
        }
    }
}
