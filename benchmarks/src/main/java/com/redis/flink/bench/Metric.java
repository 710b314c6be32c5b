package com.redis.flink.bench;

/** What is measured. */
public enum Metric {
    RATE("rate", "1000 records/s"),
    CPU("cpu", "CPU s per million"),
    SERVER_CPU("server-cpu", "server CPU s per million"),
    MEGABYTES("rate", "MB/s"),
    CPU_OF_BYTES("cpu", "CPU s per GB"),
    SERVER_CPU_OF_BYTES("server-cpu", "server CPU s per GB"),
    P50("p50-ms", "p50, ms"),
    P99("p99-ms", "p99, ms"),
    MAX("max-ms", "max, ms"),
    CORE("core-percent", "% of a core"),
    COMMANDS("server-commands", "server commands/s"),
    RSS("rss-mib", "RSS above the idle job, MiB"),
    SERVER_MEMORY("server-mib", "server memory for clients, MiB");

    private final String key;
    private final String label;

    Metric(String key, String label) {
        this.key = key;
        this.label = label;
    }

    /** Returns its name in a line of figures. */
    public String key() {
        return key;
    }

    /** Returns its name and unit for people. */
    public String label() {
        return label;
    }
}
