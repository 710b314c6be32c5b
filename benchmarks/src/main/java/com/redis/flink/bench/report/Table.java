package com.redis.flink.bench.report;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** A table in Markdown, aligned for whoever reads it as text. */
final class Table {

    private final List<List<String>> rows = new ArrayList<>();

    /**
     * @param first the heading of the first column
     */
    Table(String first) {
        rows.add(new ArrayList<>(List.of(first)));
    }

    void column(String heading) {
        rows.get(0).add(heading);
    }

    void row(List<String> cells) {
        rows.add(cells);
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        for (int row = 0; row < rows.size(); row++) {
            text.append(line(rows.get(row)));
            if (row == 0) {
                text.append("|");
                for (int column = 0; column < rows.get(0).size(); column++) {
                    text.append("-".repeat(width(column) + 2)).append("|");
                }
                text.append("\n");
            }
        }
        return text.toString();
    }

    private String line(List<String> cells) {
        StringBuilder line = new StringBuilder("|");
        for (int column = 0; column < cells.size(); column++) {
            String cell = cells.get(column);
            line.append(" ").append(cell);
            line.append(" ".repeat(width(column) - cell.length())).append(" |");
        }
        return line.append("\n").toString();
    }

    private int width(int column) {
        return rows.stream()
                .map(row -> row.get(column).length())
                .collect(Collectors.reducing(0, Math::max));
    }
}
