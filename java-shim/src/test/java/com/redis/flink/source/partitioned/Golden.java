package com.redis.flink.source.partitioned;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;

/**
 * The golden bytes in {@code tests/golden} of the repository, from whichever of its folders the
 * tests run.
 */
public final class Golden {

    private Golden() {}

    public static byte[] read(String name) throws IOException {
        Path folder = Paths.get("").toAbsolutePath();
        while (!Files.isDirectory(folder.resolve("tests/golden"))) {
            folder = folder.getParent();
            if (folder == null) {
                throw new IOException(
                        "no folder tests/golden above " + Paths.get("").toAbsolutePath());
            }
        }
        return Files.readAllBytes(folder.resolve("tests/golden").resolve(name));
    }
}
