package com.redis.flink.bridge;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Calls every native method with whatever makes it fail, in a thread whose context class loader is
 * of no use: so it is when a call has outlived its job. Prints what each call ended with. A JVM of
 * its own runs this, for what is wrong may end it.
 */
final class NativeCalls {

    private static final int TIMES = 30;

    /** Of a server that is not there; what is a source's or a sink's does not harm the other. */
    private static final String SETTINGS =
            "{\"connection\":{\"deployment\":{\"single\":{\"host\":\"localhost\",\"port\":1,"
                    + "\"database\":0}},\"keepaliveMillis\":1000,\"minBackoffMillis\":50,"
                    + "\"maxBackoffMillis\":2000,\"user\":\"default\","
                    + "\"password\":\"\",\"clientName\":\"test\",\"connectTimeoutMillis\":1000,"
                    + "\"commandTimeoutMillis\":1000,\"retryTimeoutMillis\":1},"
                    + "\"topic\":\"t\",\"numPartitions\":1,";

    static final String SOURCE =
            SETTINGS
                    + "\"group\":\"g\",\"ackStrategy\":\"NOACK\",\"startingId\":\"$\","
                    + "\"stoppingId\":null,\"batchSize\":1,\"blockMillis\":1,"
                    + "\"maxBufferedBytes\":1,\"claimMinIdleMillis\":1}";

    private static final String SINK = SETTINGS + "\"maxInFlightBytes\":1000}";
    private static final String REQUEST = "{\"parallelism\":1,\"restored\":false,\"known\":[]}";

    private NativeCalls() {}

    public static void main(String[] arguments) throws Exception {
        NativeLibrary.load();
        Thread.currentThread().setContextClassLoader(loader(arguments[0]));
        for (Class<?> type : classes()) {
            callAll(type);
        }
        System.out.println("end");
    }

    private static ClassLoader loader(String kind) throws IOException {
        switch (kind) {
            case "none":
                return null;
            case "closed":
                URLClassLoader closed = new URLClassLoader(new URL[0], null);
                closed.close();
                return closed;
            case "throws":
                return new ThrowingLoader();
            default:
                throw new IllegalArgumentException(kind);
        }
    }

    /** As Flink's for a job that is over. */
    private static final class ThrowingLoader extends ClassLoader {

        ThrowingLoader() {
            super(null);
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) {
            throw new IllegalStateException("Trying to access closed classloader.");
        }
    }

    /** Those of the bridge that have native methods. */
    static List<Class<?>> classes() throws Exception {
        Path place =
                Path.of(
                        NativeLibrary.class
                                .getProtectionDomain()
                                .getCodeSource()
                                .getLocation()
                                .toURI());
        if (Files.isDirectory(place)) {
            return classes(place);
        }
        try (FileSystem jar = FileSystems.newFileSystem(place, (ClassLoader) null)) {
            return classes(jar.getPath("/"));
        }
    }

    private static List<Class<?>> classes(Path root) throws Exception {
        List<Class<?>> found = new ArrayList<>();
        String packageName = NativeLibrary.class.getPackageName();
        try (Stream<Path> files = Files.list(root.resolve(packageName.replace('.', '/')))) {
            for (Path file : files.sorted().collect(Collectors.toList())) {
                String name = file.getFileName().toString();
                if (name.endsWith(".class")) {
                    String simple = name.substring(0, name.length() - ".class".length());
                    Class<?> type = Class.forName(packageName + "." + simple);
                    if (!natives(type).isEmpty()) {
                        found.add(type);
                    }
                }
            }
        }
        return found;
    }

    /** What closes comes last. */
    static List<Method> natives(Class<?> type) {
        return Stream.of(type.getDeclaredMethods())
                .filter(method -> Modifier.isNative(method.getModifiers()))
                .sorted(
                        Comparator.comparing(
                                        (Method method) -> method.getName().equals("nativeClose"))
                                .thenComparing(Method::getName))
                .collect(Collectors.toList());
    }

    private static void callAll(Class<?> type) throws Exception {
        for (Method method : natives(type)) {
            method.setAccessible(true);
            Set<String> ends = new LinkedHashSet<>();
            for (long handle : new long[] {0, Long.MAX_VALUE, open(type)}) {
                for (Object[] values : combinations(method, handle)) {
                    ends.add(callUntilItThrows(method, values));
                }
            }
            if (Arrays.asList(method.getParameterTypes()).contains(long.class)) {
                ends.add(callAndClose(type, method));
            }
            System.out.println(type.getSimpleName() + "." + method.getName() + " " + ends);
        }
    }

    private static String callUntilItThrows(Method method, Object[] values) throws Exception {
        String end = call(method, values);
        for (int i = 0; i < TIMES && end.equals("returned"); i++) {
            end = call(method, values);
        }
        return end;
    }

    private static String call(Method method, Object[] values) throws IllegalAccessException {
        try {
            method.invoke(null, values);
            return "returned";
        } catch (InvocationTargetException e) {
            return e.getCause().getClass().getSimpleName();
        }
    }

    /** One thread calls, and waits if it can, while another one closes. */
    private static String callAndClose(Class<?> type, Method method) throws Exception {
        long handle = open(type);
        Method close = NativeObject.class.getDeclaredMethod("nativeClose", long.class);
        close.setAccessible(true);
        Thread closing = new Thread(() -> closeQuietly(close, handle));
        closing.setContextClassLoader(Thread.currentThread().getContextClassLoader());
        closing.start();
        Object[] values = combinations(method, handle).get(0);
        String end = callUntilItThrows(method, values);
        closing.join();
        return end;
    }

    private static void closeQuietly(Method close, long handle) {
        try {
            close.invoke(null, handle);
        } catch (ReflectiveOperationException e) {
            System.out.println("close: " + e);
        }
    }

    /** A new object; 0 for a class that has none. */
    private static long open(Class<?> type) throws Exception {
        Class<?> opened = type == NativeObject.class ? NativeWriter.class : type;
        for (Method method : natives(opened)) {
            if (method.getName().equals("nativeOpen")) {
                method.setAccessible(true);
                for (String settings : new String[] {SOURCE, SINK}) {
                    try {
                        return (long) method.invoke(null, settings);
                    } catch (InvocationTargetException e) {
                        // These are another one's settings.
                    }
                }
                throw new AssertionError("no settings for " + type);
            }
        }
        return 0;
    }

    private static List<Object[]> combinations(Method method, long handle) {
        List<Object[]> all = new ArrayList<>();
        all.add(new Object[method.getParameterCount()]);
        for (int i = 0; i < method.getParameterCount(); i++) {
            List<Object[]> longer = new ArrayList<>();
            for (Object value : values(method.getParameterTypes()[i], i, handle)) {
                for (Object[] shorter : all) {
                    Object[] one = shorter.clone();
                    one[i] = value;
                    longer.add(one);
                }
            }
            all = longer;
        }
        return all;
    }

    private static List<?> values(Class<?> type, int index, long handle) {
        if (type == long.class) {
            return index == 0 ? List.of(handle) : List.of(1L, -1L);
        }
        if (type == int.class) {
            return List.of(8, -1);
        }
        if (type == String.class) {
            return Arrays.asList(null, "", "no JSON \ud800", "{}", "[]", REQUEST);
        }
        if (type == byte[].class) {
            return Arrays.asList(null, new byte[0], new byte[] {9, 0, 0, 0, 0, 0, 0, 0});
        }
        if (type == byte[][].class) {
            return Arrays.asList(null, new byte[0][], new byte[1][]);
        }
        if (type == int[].class) {
            return Arrays.asList(null, new int[0], new int[] {0, -1});
        }
        throw new AssertionError("say what a " + type + " may be");
    }
}
