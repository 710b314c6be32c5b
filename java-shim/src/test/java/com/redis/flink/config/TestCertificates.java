package com.redis.flink.config;

import com.redis.flink.config.tls.Pem;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

import javax.crypto.Cipher;
import javax.crypto.EncryptedPrivateKeyInfo;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;

/** Certificates, keys and stores, made with the JDK's own keytool. */
final class TestCertificates {

    /** Of all stores, which want six characters. */
    static final String PASSWORD = "geheim";

    private static final long KEYTOOL_SECONDS = 60;
    private static final int OCTET_STRING = 4;
    private static final int SEQUENCE = 0x30;

    /** The object identifier 1.2.840.113549.1.5.13 (RFC 8018). */
    private static final byte[] PBES2 = {
        6, 9, 0x2a, (byte) 0x86, 0x48, (byte) 0x86, (byte) 0xf7, 0x0d, 1, 5, 0x0d
    };

    private TestCertificates() {}

    /** A key store with one key and its self-signed certificate; adds to one that is there. */
    static Path keyStore(Path file, String type, String alias, String keyPassword)
            throws Exception {
        keytool(
                "-genkeypair -keyalg EC -groupname secp256r1 -validity 2 -alias %s -dname CN=%s"
                        + " -storetype %s -keystore %s -storepass %s -keypass %s",
                alias, alias, type, file, PASSWORD, keyPassword);
        return file;
    }

    /** A store that trusts the certificate of a key store's key. */
    static Path trustStore(Path file, Path keyStore, String alias) throws Exception {
        Path certificate = file.resolveSibling(file.getFileName() + ".crt");
        keytool(
                "-exportcert -rfc -alias %s -keystore %s -storepass %s -file %s",
                alias, keyStore, PASSWORD, certificate);
        keytool(
                "-importcert -noprompt -alias ca -storetype PKCS12 -keystore %s -storepass %s"
                        + " -file %s",
                file, PASSWORD, certificate);
        return file;
    }

    static KeyStore open(Path file) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        try (InputStream bytes = Files.newInputStream(file)) {
            store.load(bytes, PASSWORD.toCharArray());
        }
        return store;
    }

    /** The certificate of a key store's key, as PEM. */
    static String certificate(Path keyStore, String alias) throws Exception {
        return Pem.encode("CERTIFICATE", open(keyStore).getCertificate(alias).getEncoded());
    }

    /** A key of a key store, as PKCS#8. */
    static byte[] key(Path keyStore, String alias, String keyPassword) throws Exception {
        return open(keyStore).getKey(alias, keyPassword.toCharArray()).getEncoded();
    }

    /** A key as encrypted PKCS#8, in PEM form; the scheme in Java's words. */
    static String encrypted(byte[] key, String scheme, String password) throws Exception {
        Cipher cipher = Cipher.getInstance(scheme);
        cipher.init(
                Cipher.ENCRYPT_MODE,
                SecretKeyFactory.getInstance(scheme)
                        .generateSecret(new PBEKeySpec(password.toCharArray())));
        byte[] parameters = cipher.getParameters().getEncoded();
        byte[] encrypted = cipher.doFinal(key);
        if (scheme.startsWith("PBEWithHmac")) {
            // The JDK reads PBES2 and does not write it.
            byte[] algorithm = der(SEQUENCE, concat(PBES2, parameters));
            byte[] info = der(SEQUENCE, concat(algorithm, der(OCTET_STRING, encrypted)));
            return Pem.encode("ENCRYPTED PRIVATE KEY", info);
        }
        return Pem.encode(
                "ENCRYPTED PRIVATE KEY",
                new EncryptedPrivateKeyInfo(cipher.getParameters(), encrypted).getEncoded());
    }

    /** A value of ASN.1 that is shorter than 64 KiB. */
    private static byte[] der(int tag, byte[] value) {
        byte[] head = {(byte) tag, (byte) 0x82, (byte) (value.length >> 8), (byte) value.length};
        return concat(head, value);
    }

    private static byte[] concat(byte[] first, byte[] second) {
        byte[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        return both;
    }

    private static void keytool(String arguments, Object... values) throws Exception {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
        for (String argument : arguments.split(" ")) {
            // A path may hold blanks, so values come in when the words are separate.
            command.add(argument);
        }
        int next = 0;
        for (int i = 1; i < command.size(); i++) {
            if (command.get(i).contains("%s")) {
                command.set(i, command.get(i).replace("%s", values[next++].toString()));
            }
        }
        // Into a file: a pipe that is read has no deadline.
        Path output = Files.createTempFile("keytool", ".txt");
        Process keytool =
                new ProcessBuilder(command)
                        .redirectInput(new File("/dev/null"))
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .start();
        try {
            boolean ended = keytool.waitFor(KEYTOOL_SECONDS, TimeUnit.SECONDS);
            if (!ended || keytool.exitValue() != 0) {
                throw new IOException("keytool: " + Files.readString(output));
            }
        } finally {
            keytool.destroyForcibly();
            Files.delete(output);
        }
    }
}
