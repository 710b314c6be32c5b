package com.redis.flink.sink.writer;

import java.nio.file.Files;
import java.nio.file.Path;

/** Finds the files that both languages test against, wherever in the checkout the tests run. */
public final class Golden {

    private Golden() {}

    public static Path file(String name) {
        for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
            Path file = at.resolve("tests/golden").resolve(name);
            if (Files.exists(file)) {
                return file;
            }
        }
        throw new AssertionError(
                "no tests/golden/" + name + " above " + Path.of("").toAbsolutePath());
    }
}
