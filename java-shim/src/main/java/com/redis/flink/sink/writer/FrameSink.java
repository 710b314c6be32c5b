package com.redis.flink.sink.writer;

import java.io.IOException;

/** Where frames go: the engine, but for unit tests. */
interface FrameSink {

    /**
     * Takes over the frame's records; the array may be written to afterwards. Waits while there is
     * no room.
     */
    void write(byte[] frame, int length) throws IOException, InterruptedException;

    /** Waits until Redis has confirmed all that was written. */
    void flush() throws IOException, InterruptedException;

    /** Lets go of everything, in bounded time, without a flush. */
    void close();
}
