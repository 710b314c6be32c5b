package com.redis.flink.bench.report;

import com.redis.flink.bench.lab.Server;

import org.apache.flink.runtime.util.EnvironmentInformation;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.Locale;

/** Says where and when something was measured. */
public final class Machine {

    private Machine() {}

    /** Returns how many threads of all processes wanted a core in the last minute, on average. */
    public static double load() {
        return ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage();
    }

    /**
     * Returns processor, versions and date in a line.
     *
     * @param load before the benchmark: whether others used the machine
     */
    public static String describe(Server server, double load) {
        return String.format(
                Locale.ROOT,
                "%d cores (%s), load before %.1f, %s, Redis %s, JDK %s, Flink %s; %s",
                Runtime.getRuntime().availableProcessors(),
                processor(),
                load,
                System.getProperty("os.name"),
                server.version(),
                System.getProperty("java.version"),
                EnvironmentInformation.getVersion(),
                LocalDate.now());
    }

    private static String processor() {
        try (var lines = Files.lines(Path.of("/proc/cpuinfo"))) {
            return lines.filter(line -> line.startsWith("model name"))
                    .map(line -> line.substring(line.indexOf(':') + 1).trim())
                    .findFirst()
                    .orElse(System.getProperty("os.arch"));
        } catch (IOException notLinux) {
            return System.getProperty("os.arch");
        }
    }
}
