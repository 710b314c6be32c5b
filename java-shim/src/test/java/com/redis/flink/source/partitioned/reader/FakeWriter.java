package com.redis.flink.source.partitioned.reader;

import com.redis.flink.bridge.WriterEngine;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** A native writer that keeps the batches it is given, and the calls in their order. */
final class FakeWriter implements WriterEngine {

    final List<String> calls = new ArrayList<>();
    final List<String> batches = new ArrayList<>();

    /** A further list of the calls, which a test may share with a {@link FakeReader}. */
    List<String> order = new ArrayList<>();

    String settings;

    /** Returns all batches, one after the other. */
    String text() {
        return String.join("", batches);
    }

    @Override
    public void write(byte[] batch, int length) {
        batches.add(new String(batch, 0, length, StandardCharsets.UTF_8));
        call("write");
    }

    @Override
    public void flush() {
        call("flush");
    }

    @Override
    public boolean tick() {
        return false;
    }

    @Override
    public void close() {
        call("close");
    }

    private void call(String name) {
        calls.add(name);
        order.add(name);
    }
}
