package com.redis.flink.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/**
 * Certificates for tests, made once for the JVM with its own {@code keytool}: as PEM files and as
 * key stores. All but those of {@link #STRANGER} are signed by one authority.
 */
public final class Certificates {

    /** The password of every store. */
    public static final String PASSWORD = "store-pw";

    /** A server's of this machine: localhost, 127.0.0.1, ::1. */
    public static final String SERVER = "server";

    public static final String CLIENT = "client";

    /** Like {@link #SERVER}, but no longer valid. */
    public static final String EXPIRED = "expired";

    /** Of a server elsewhere: redis.example. */
    public static final String ELSEWHERE = "elsewhere";

    /** Like {@link #SERVER} and {@link #CLIENT}, but of an authority that nobody knows. */
    public static final String STRANGER = "stranger";

    private static final String HERE = "san=dns:localhost,ip:127.0.0.1,ip:::1";
    private static final List<String> TYPES = List.of("PKCS12", "JKS");
    private static final Duration KEYTOOL_TIMEOUT = Duration.ofSeconds(60);
    private static final Path FOLDER = make();

    private Certificates() {}

    /** The authority's certificate, PEM. */
    public static Path ca() {
        return FOLDER.resolve("ca.crt");
    }

    /** The named one's certificate with its authority's, PEM. */
    public static Path certificate(String name) {
        return FOLDER.resolve(name + ".crt");
    }

    /** The named one's key, PKCS#8 PEM. */
    public static Path key(String name) {
        return FOLDER.resolve(name + ".key");
    }

    /** The named one's certificates and key, PKCS#12. */
    public static Path keyStore(String name) {
        return store(name, "PKCS12");
    }

    /** The same as a JKS store. */
    public static Path javaKeyStore(String name) {
        return store(name, "JKS");
    }

    /** The authority's certificate, PKCS#12. */
    public static Path trustStore() {
        return store("trust", "PKCS12");
    }

    /** The same as a JKS store. */
    public static Path javaTrustStore() {
        return store("trust", "JKS");
    }

    private static Path store(String name, String type) {
        return store(FOLDER, name, type);
    }

    private static Path store(Path folder, String name, String type) {
        return folder.resolve(name + (type.equals("JKS") ? ".jks" : ".p12"));
    }

    private static Path make() {
        try {
            Path folder = Files.createTempDirectory("flink-redis-certificates");
            Runtime.getRuntime().addShutdownHook(new Thread(() -> Directories.delete(folder)));
            Path all = folder.resolve("all.p12");
            keytool(all, "ca", "", "bc:critical=ca:true", "ku:critical=keyCertSign,cRLSign");
            keytool(all, "other-ca", "", "bc:critical=ca:true", "ku:critical=keyCertSign");
            keytool(all, SERVER, "ca", HERE);
            keytool(all, CLIENT, "ca", HERE);
            keytool(all, EXPIRED, "ca", HERE);
            keytool(all, ELSEWHERE, "ca", "san=dns:redis.example");
            keytool(all, STRANGER, "other-ca", HERE);

            KeyStore store = KeyStore.getInstance("PKCS12");
            try (InputStream in = Files.newInputStream(all)) {
                store.load(in, PASSWORD.toCharArray());
            }
            pem(folder.resolve("ca.crt"), "CERTIFICATE", store.getCertificate("ca").getEncoded());
            for (String type : TYPES) {
                KeyStore trust = empty(type);
                trust.setCertificateEntry("ca", store.getCertificate("ca"));
                save(trust, store(folder, "trust", type));
            }
            for (String name : List.of(SERVER, CLIENT, EXPIRED, ELSEWHERE, STRANGER)) {
                Key key = store.getKey(name, PASSWORD.toCharArray());
                Certificate[] chain = store.getCertificateChain(name);
                pem(folder.resolve(name + ".key"), "PRIVATE KEY", key.getEncoded());
                byte[][] encoded = new byte[chain.length][];
                for (int i = 0; i < chain.length; i++) {
                    encoded[i] = chain[i].getEncoded();
                }
                pem(folder.resolve(name + ".crt"), "CERTIFICATE", encoded);
                for (String type : TYPES) {
                    KeyStore own = empty(type);
                    own.setKeyEntry(name, key, PASSWORD.toCharArray(), chain);
                    save(own, store(folder, name, type));
                }
            }
            return folder;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    /** A key pair and its certificate; with no signer it is its own authority. */
    private static void keytool(Path store, String name, String signer, String... extensions)
            throws IOException {
        String tool = Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
        List<String> command = new ArrayList<>(List.of(tool, "-genkeypair", "-alias", name));
        command.addAll(List.of("-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC")); // fast
        command.addAll(List.of("-keystore", store.toString(), "-storetype", "PKCS12"));
        command.addAll(List.of("-storepass", PASSWORD, "-dname", "CN=" + name));
        command.addAll(List.of("-keyalg", "EC", "-groupname", "secp256r1"));
        command.addAll(List.of("-startdate", "-10d", "-validity"));
        command.add(name.equals(EXPIRED) ? "5" : "3650");
        for (String extension : extensions) {
            command.addAll(List.of("-ext", extension));
        }
        if (!signer.isEmpty()) {
            command.addAll(List.of("-signer", signer, "-ext", "eku=serverAuth,clientAuth"));
        }
        Processes.run(KEYTOOL_TIMEOUT, command);
    }

    private static void pem(Path file, String label, byte[]... encoded) throws IOException {
        Base64.Encoder base64 = Base64.getMimeEncoder(64, new byte[] {'\n'});
        StringBuilder text = new StringBuilder();
        for (byte[] one : encoded) {
            text.append("-----BEGIN ").append(label).append("-----\n");
            text.append(base64.encodeToString(one));
            text.append("\n-----END ").append(label).append("-----\n");
        }
        Files.writeString(file, text);
    }

    private static KeyStore empty(String type) throws IOException, GeneralSecurityException {
        KeyStore store = KeyStore.getInstance(type);
        store.load(null, null);
        return store;
    }

    private static void save(KeyStore store, Path file)
            throws IOException, GeneralSecurityException {
        try (OutputStream out = Files.newOutputStream(file)) {
            store.store(out, PASSWORD.toCharArray());
        }
    }
}
