package com.redis.flink.bridge;

import org.apache.flink.annotation.Internal;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The native engine, loaded once for each class loader that holds this class: every job of a
 * session cluster has a copy of its own, which goes when its class loader goes.
 */
@Internal
public final class NativeLibrary {

    private static final String JVM_FOLDER_PROPERTY = "java.io.tmpdir";

    private static final Logger LOG = LoggerFactory.getLogger(NativeLibrary.class);

    // Both guarded by the class's lock.
    private static final Map<Path, String> OFFERED = new LinkedHashMap<>();
    private static boolean loaded;

    private NativeLibrary() {}

    /** Says where Flink keeps temporary files, for who loads the library first. */
    public static synchronized void offerFolders(String... folders) {
        for (String folder : folders) {
            add(OFFERED, folder, "Flink's io.tmp.dirs");
        }
    }

    /**
     * Loads the library unless that was done. When it fails the next call tries again.
     *
     * @throws IOException saying what was tried and why it failed
     * @throws IllegalArgumentException if the system property {@value WorkerThreads#PROPERTY} is no
     *     number of threads
     */
    public static synchronized void load() throws IOException {
        if (!loaded) {
            int workerThreads = WorkerThreads.parse(System.getProperty(WorkerThreads.PROPERTY));
            Map<Path, String> folders = new LinkedHashMap<>();
            add(
                    folders,
                    System.getProperty(NativeLoader.FOLDER_PROPERTY),
                    NativeLoader.FOLDER_PROPERTY);
            OFFERED.forEach(folders::putIfAbsent);
            add(folders, System.getProperty(JVM_FOLDER_PROPERTY), JVM_FOLDER_PROPERTY);
            String version = versionOfThisJar();
            refuseOtherPackage(NativeLibrary.class.getName());
            Path from =
                    new NativeLoader(
                                    System.getProperty("os.name"),
                                    System.getProperty("os.arch"),
                                    folders,
                                    NativeLibrary.class.getClassLoader()::getResourceAsStream,
                                    NativeLibrary::systemLoad,
                                    NativeLibrary::nativeInit,
                                    LOG::warn)
                            .load(version);
            NativeFailure.register();
            nativeWorkerThreads(workerThreads);
            loaded = true;
            LOG.info("Loaded the native engine {} from {}.", version, from);
        }
        nativeLogLevel(NativeLogs.level());
    }

    /** The library's functions bear the names of our classes, so it knows them under these only. */
    static void refuseOtherPackage(String className) throws IOException {
        // Not as a name: what relocates classes changes names in texts, too.
        String ours = "com-redis-flink".replace('-', '.');
        if (!className.equals(ours + ".bridge.NativeLibrary")) {
            throw new IOException(
                    "The connector's classes were moved to another package: "
                            + ours
                            + ".bridge.NativeLibrary is "
                            + className
                            + " in this jar, and the native library cannot find it there. Do not"
                            + " relocate (shade) "
                            + ours
                            + "; exclude it where packages beside it are relocated.");
        }
    }

    /** The build writes it beside the library, from the Rust workspace's. */
    private static String versionOfThisJar() throws IOException {
        try (InputStream version =
                NativeLibrary.class
                        .getClassLoader()
                        .getResourceAsStream("native/flink_redis.version")) {
            if (version == null) {
                throw new IOException(
                        "This jar has no native/flink_redis.version, so no native library either:"
                                + " it was not made by the connector's build.");
            }
            return new String(version.readAllBytes(), StandardCharsets.UTF_8).trim();
        }
    }

    /** Returns the version that the library answers with. */
    public static String version() throws IOException {
        load();
        return nativeInit();
    }

    /** Takes out what the engine has logged so far, for {@link NativeLogs}; null: nothing. */
    static String drainLogs() {
        return nativeDrainLogs();
    }

    private static void add(Map<Path, String> folders, String folder, String namedBy) {
        if (folder != null && !folder.isEmpty()) {
            try {
                folders.putIfAbsent(Paths.get(folder).toAbsolutePath(), namedBy);
            } catch (InvalidPathException e) {
                LOG.warn("Not a folder for the native library: {} ({})", folder, namedBy, e);
            }
        }
    }

    // The JVM binds a library to the class loader of the class that calls System.load: it has to be
    // this one.
    private static void systemLoad(Path file) {
        System.load(file.toString());
    }

    /** Installs the panic hook and the collector of log events; returns the version. */
    private static native String nativeInit();

    /** Panics in the engine; for the test that proves that the JVM lives on. */
    static native void nativePanic();

    private static native void nativeLogLevel(int level);

    private static native void nativeWorkerThreads(int count);

    private static native String nativeDrainLogs();
}
