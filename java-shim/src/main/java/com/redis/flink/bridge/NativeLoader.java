package com.redis.flink.bridge;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Takes the library out of the jar into a fresh private folder, loads it, has it prove that it
 * answers, and deletes the file (the mapping stays). Goes through the folders in turn, since one
 * may forbid to execute. What it needs of the JVM is given to it, so that failures can be tested.
 */
final class NativeLoader {

    /** A system property: the folder to put the library's copy in, before all others. */
    static final String FOLDER_PROPERTY = "flink.redis.native.dir";

    private static final String REMEDY =
            ". Set the system property "
                    + FOLDER_PROPERTY
                    + " to a folder that may be written to and executed from.";

    private final String os;
    private final String arch;
    private final Map<Path, String> folders;
    private final Function<String, InputStream> resources;
    private final Consumer<Path> systemLoad;
    private final Supplier<String> version;
    private final Consumer<String> warnings;

    /**
     * @param folders to be tried in that order, each with who named it
     */
    NativeLoader(
            String osName,
            String osArch,
            Map<Path, String> folders,
            Function<String, InputStream> resources,
            Consumer<Path> systemLoad,
            Supplier<String> version,
            Consumer<String> warnings) {
        String lower = osName.toLowerCase(Locale.ROOT);
        this.os = lower.contains("mac") ? "macos" : lower.split(" ")[0];
        this.arch = osArch.equals("amd64") ? "x86_64" : osArch;
        this.folders = folders;
        this.resources = resources;
        this.systemLoad = systemLoad;
        this.version = version;
        this.warnings = warnings;
    }

    /**
     * Loads the library and gives back the folder that worked.
     *
     * @throws IOException saying what was tried and why it failed; the cause is the last failure
     */
    Path load(String expectedVersion) throws IOException {
        StringBuilder tried = new StringBuilder();
        Throwable last = null;
        for (Map.Entry<Path, String> named : folders.entrySet()) {
            Path folder = named.getKey();
            try {
                loadFrom(folder);
                proveVersion(expectedVersion);
                if (last != null) {
                    warnings.accept(
                            "The native engine was loaded from "
                                    + folder
                                    + " since it could not be loaded from elsewhere"
                                    + tried
                                    + REMEDY);
                }
                return folder;
            } catch (IOException | UnsatisfiedLinkError | SecurityException e) {
                if (e instanceof WrongLibraryException) {
                    throw (WrongLibraryException) e;
                }
                tried.append("; in ").append(folder).append(" (").append(named.getValue());
                tried.append("): ").append(e).append(hint(e));
                last = e;
            }
        }
        throw new IOException(
                "The native engine " + resource() + " could not be loaded" + tried + REMEDY, last);
    }

    private String resource() {
        return "native/" + os + "-" + arch + "/" + fileName();
    }

    private String fileName() {
        return os.equals("macos") ? "libflink_redis.dylib" : "libflink_redis.so";
    }

    private void loadFrom(Path folder) throws IOException {
        try (InputStream library = resources.apply(resource())) {
            if (library == null) {
                throw new WrongLibraryException(
                        "The platform "
                                + os
                                + "-"
                                + arch
                                + " is not supported: this jar has no "
                                + resource()
                                + ". Take a jar that was built for it, or build one (./dev"
                                + " build).");
            }
            Files.createDirectories(folder);
            Path fresh = createPrivateFolder(folder);
            Path file = fresh.resolve(fileName());
            try {
                Files.copy(library, file);
                systemLoad.accept(file);
            } finally {
                Files.deleteIfExists(file);
                Files.deleteIfExists(fresh);
            }
        }
    }

    private static Path createPrivateFolder(Path folder) throws IOException {
        return Files.createTempDirectory(
                folder,
                "flink-redis-",
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    }

    private void proveVersion(String expected) throws WrongLibraryException {
        String answered;
        try {
            answered = version.get();
        } catch (UnsatisfiedLinkError e) {
            throw new WrongLibraryException(
                    resource() + " was loaded but is not the native engine: " + e.getMessage());
        }
        if (!expected.equals(answered)) {
            throw new WrongLibraryException(
                    "The native engine "
                            + resource()
                            + " has version "
                            + answered
                            + " but this jar has version "
                            + expected
                            + ": the jar was put together from two builds. Build it again.");
        }
    }

    /** What the linker's words mean. */
    private static String hint(Throwable failure) {
        if (failure instanceof FileAlreadyExistsException) {
            return " (it is a file, not a folder)";
        }
        if (failure instanceof AccessDeniedException) {
            return " (this process may not write there)";
        }
        String message = String.valueOf(failure.getMessage());
        if (message.contains("No space left")) {
            return " (it must have room for the library, some 5 MiB)";
        }
        if (message.contains("failed to map segment") || message.contains("ermission denied")) {
            return " (is the folder mounted noexec?)";
        }
        if (message.contains("GLIBC_")) {
            return " (the C library of this machine is too old: glibc 2.17 or newer is needed)";
        }
        if (message.contains("ld-linux") || message.contains("musl")) {
            return " (this machine has another C library: glibc 2.17 or newer is needed, not musl)";
        }
        return "";
    }

    /** No other folder would help. */
    private static final class WrongLibraryException extends IOException {

        private static final long serialVersionUID = 1L;

        WrongLibraryException(String message) {
            super(message);
        }
    }
}
