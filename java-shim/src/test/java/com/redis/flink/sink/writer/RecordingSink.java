package com.redis.flink.sink.writer;

import com.redis.flink.bridge.StagingEngine;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** In the engine's place: writes down what it is asked for. */
public final class RecordingSink implements StagingEngine {

    /** {@code write <records>}, {@code flush}, {@code prepare}, {@code close}, in their order. */
    public final List<String> calls = new ArrayList<>();

    /** {@code target:[field=value, …]} of every record. */
    public final List<String> records = new ArrayList<>();

    public long bytes;

    /** How often it was asked, and what it answers. */
    int ticks;

    boolean busy;
    IOException failure;

    /** What is prepared next. */
    public String prepared = "[]";

    @Override
    public void write(byte[] batch, int length) {
        ByteBuffer in = ByteBuffer.wrap(batch, 0, length).order(ByteOrder.LITTLE_ENDIAN);
        in.getInt();
        int count = in.getInt();
        for (int i = 0; i < count; i++) {
            int target = in.getInt();
            int pairs = in.getInt();
            in.getInt();
            List<String> fields = new ArrayList<>();
            for (int pair = 0; pair < pairs; pair++) {
                fields.add(string(in) + "=" + string(in));
            }
            records.add(target + ":" + fields);
        }
        if (in.hasRemaining()) {
            throw new AssertionError(in.remaining() + " bytes too many in a batch");
        }
        calls.add("write " + count);
        bytes += length;
    }

    private static String string(ByteBuffer in) {
        byte[] bytes = new byte[in.getInt()];
        in.get(bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    @Override
    public void flush() {
        calls.add("flush");
    }

    @Override
    public String prepare() {
        calls.add("prepare");
        return prepared;
    }

    @Override
    public boolean tick() throws IOException {
        ticks++;
        if (failure != null) {
            throw failure;
        }
        return busy;
    }

    @Override
    public void close() {
        calls.add("close");
    }
}
