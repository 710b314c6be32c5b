package com.redis.flink.bench.report;

import com.redis.flink.bench.lab.Server;

import org.apache.flink.runtime.util.EnvironmentInformation;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;

/** Says where and when something was measured. */
public final class Machine {

    private Machine() {}

    /** Returns processor, versions and date in a line. */
    public static String describe(Server server) {
        return String.format(
                "%d cores (%s), %s, Redis %s, JDK %s, Flink %s; %s",
                Runtime.getRuntime().availableProcessors(),
                processor(),
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
