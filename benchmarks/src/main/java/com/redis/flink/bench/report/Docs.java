package com.redis.flink.bench.report;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Puts reports into docs/performance.md, each between its two markers, {@code <!-- bench read -->}
 * and {@code <!-- end of bench read -->}, and the pictures beside it.
 */
public final class Docs {

    private final Path page;

    public Docs(Path folder) {
        page = folder.resolve("performance.md");
    }

    /**
     * Replaces what is said of a benchmark.
     *
     * @param where machine, versions and date
     * @param command that was run
     */
    public void put(Report report, String where, String command) throws IOException {
        String name = report.benchmark();
        String begin = "<!-- bench " + name + " -->\n";
        String end = "<!-- end of bench " + name + " -->";
        String text = Files.readString(page);
        int from = text.indexOf(begin);
        int to = text.indexOf(end);
        if (from < 0 || to < from) {
            throw new IOException(page + " has not the markers of benchmark " + name);
        }
        StringBuilder section = new StringBuilder("\n![").append(name).append("](pictures/");
        section.append(name).append(".svg)\n\n").append(wrapped(report.setting())).append("\n");
        section.append(report.tables()).append("\n");
        report.notes().forEach(note -> section.append(wrapped(note)).append("\n"));
        section.append(wrapped("`" + command + "`: " + where + ".")).append("\n");
        Files.writeString(
                page, text.substring(0, from + begin.length()) + section + text.substring(to));
        Path pictures = Files.createDirectories(page.resolveSibling("pictures"));
        Files.writeString(pictures.resolve(name + ".svg"), Picture.of(report));
    }

    /** Breaks lines at 120 columns. */
    private static String wrapped(String text) {
        StringBuilder lines = new StringBuilder();
        int length = 0;
        for (String word : text.split(" ")) {
            if (length > 0 && length + 1 + word.length() > 120) {
                lines.append("\n");
                length = 0;
            }
            lines.append(length > 0 ? " " : "").append(word);
            length += (length > 0 ? 1 : 0) + word.length();
        }
        return lines.append("\n").toString();
    }
}
