package com.redis.flink.bench;

import com.redis.flink.bench.lab.Server;
import com.sun.management.OperatingSystemMXBean;

import java.lang.management.ManagementFactory;
import java.util.EnumMap;
import java.util.Map;

/** The time that passed and the CPU that was used, by this process and by the server. */
public final class Spent {

    private static final OperatingSystemMXBean PROCESS =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    private final double seconds;
    private final double cpu;
    private final double serverCpu;

    private Spent(double seconds, double cpu, double serverCpu) {
        this.seconds = seconds;
        this.cpu = cpu;
        this.serverCpu = serverCpu;
    }

    /** Returns what was spent up to now, counted from some moment in the past. */
    public static Spent untilNow(Server server) {
        double serverCpu = server.cpuSeconds();
        return new Spent(System.nanoTime() / 1e9, PROCESS.getProcessCpuTime() / 1e9, serverCpu);
    }

    /** Returns what was spent from then on. */
    public Spent since(Spent then) {
        return new Spent(seconds - then.seconds, cpu - then.cpu, serverCpu - then.serverCpu);
    }

    public double seconds() {
        return seconds;
    }

    /** Returns user and system time of this process, in seconds. */
    public double cpu() {
        return cpu;
    }

    /** Returns user and system time of the server, in seconds. */
    public double serverCpu() {
        return serverCpu;
    }

    /** Returns rate and CPU for so many records. */
    public Map<Metric, Double> on(long records) {
        Map<Metric, Double> measured = new EnumMap<>(Metric.class);
        measured.put(Metric.RATE, records / seconds / 1e3);
        measured.put(Metric.CPU, cpu / records * 1e6);
        measured.put(Metric.SERVER_CPU, serverCpu / records * 1e6);
        return measured;
    }

    /** Returns rate and CPU for so many bytes of values. */
    public Map<Metric, Double> onBytes(long bytes) {
        Map<Metric, Double> measured = new EnumMap<>(Metric.class);
        measured.put(Metric.MEGABYTES, bytes / seconds / 1e6);
        measured.put(Metric.CPU_OF_BYTES, cpu / bytes * 1e9);
        measured.put(Metric.SERVER_CPU_OF_BYTES, serverCpu / bytes * 1e9);
        return measured;
    }
}
