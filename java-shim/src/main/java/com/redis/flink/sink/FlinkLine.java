package com.redis.flink.sink;

import org.apache.flink.annotation.Internal;
import org.apache.flink.api.connector.sink2.Sink;

/**
 * Whether the job runs with a Flink that this jar is for. The sinks of Flink 1 and 2 differ:
 * without this, the wrong jar fails somewhere in Flink with the name of a class that is missing.
 */
@Internal
final class FlinkLine {

    /** The older one of the two contexts of Flink 1; Flink 2 does not have it. */
    private static final String ONLY_IN_FLINK_1 = Sink.class.getName() + "$InitContext";

    private FlinkLine() {}

    /**
     * Requires the major version of Flink, 1 or 2, that this jar was compiled for.
     *
     * @throws IllegalStateException the job runs with the other one
     */
    static void require(int major) {
        int running = isThere(ONLY_IN_FLINK_1) ? 1 : 2;
        if (running != major) {
            throw new IllegalStateException(
                    String.format(
                            "this jar of flink-connector-redis-native is for Flink %d, but the job"
                                    + " runs with Flink %d: use the version that ends with -%s",
                            major, running, running == 1 ? "1.20" : "2.2"));
        }
    }

    private static boolean isThere(String name) {
        try {
            Class.forName(name, false, Sink.class.getClassLoader());
            return true;
        } catch (ClassNotFoundException absent) {
            return false;
        }
    }
}
