package com.redis.flink.config.tls;

import org.apache.flink.annotation.Internal;

import java.io.IOException;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.NoSuchAlgorithmException;
import java.util.Set;

import javax.crypto.Cipher;
import javax.crypto.EncryptedPrivateKeyInfo;
import javax.crypto.SecretKey;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;

/**
 * A private key in PEM form. No message and no cause of an exception here comes from the key's own
 * bytes.
 */
@Internal
public final class PemKey {

    private static final String ENCRYPTED = "ENCRYPTED PRIVATE KEY";

    /** PKCS#8, PKCS#1 and SEC1: what the engine reads. */
    private static final Set<String> PLAIN =
            Set.of("PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY");

    private static final String CONVERT =
            "; convert it with: openssl pkcs8 -topk8 -v2 aes-256-cbc -in <old> -out <new>";

    private PemKey() {}

    /** Returns the first key of a PEM text, not encrypted any more. */
    public static String read(FileOrContent source, String password) throws IOException {
        for (Pem block : Pem.blocks(source.readText())) {
            if (block.label.endsWith("PRIVATE KEY")) {
                return plain(block, source, password);
            }
        }
        throw source.wrong("it has no private key in PEM form (-----BEGIN PRIVATE KEY-----)");
    }

    private static String plain(Pem block, FileOrContent source, String password)
            throws IOException {
        if (block.label.equals(ENCRYPTED)) {
            return Pem.encode("PRIVATE KEY", decrypt(block.der(source), source, password));
        }
        if (!PLAIN.contains(block.label)) {
            throw source.wrong("a key of the form " + block.label + " is not supported" + CONVERT);
        }
        if (block.hasHeader()) {
            throw source.wrong("it is encrypted in OpenSSL's old form" + CONVERT);
        }
        return Pem.encode(block.label, block.der(source));
    }

    private static byte[] decrypt(byte[] der, FileOrContent source, String password)
            throws IOException {
        if (password.isEmpty()) {
            throw source.wrong("the key is encrypted; set option keyPassword");
        }
        EncryptedPrivateKeyInfo encrypted = parse(der, source);
        String scheme = scheme(encrypted);
        PBEKeySpec secret = new PBEKeySpec(password.toCharArray());
        try {
            SecretKey key = SecretKeyFactory.getInstance(scheme).generateSecret(secret);
            Cipher cipher = Cipher.getInstance(scheme);
            cipher.init(Cipher.DECRYPT_MODE, key, encrypted.getAlgParameters());
            return encrypted.getKeySpec(cipher).getEncoded();
        } catch (NoSuchAlgorithmException e) {
            throw source.wrong("Java can't decrypt its encryption " + scheme + CONVERT);
        } catch (GeneralSecurityException e) {
            throw source.wrong("the key can't be decrypted; check option keyPassword");
        } finally {
            secret.clearPassword();
        }
    }

    private static EncryptedPrivateKeyInfo parse(byte[] der, FileOrContent source)
            throws IOException {
        try {
            return new EncryptedPrivateKeyInfo(der);
        } catch (IOException | RuntimeException e) {
            throw source.wrong(
                    "it is damaged, or encrypted in a way that Java can't read" + CONVERT);
        }
    }

    /**
     * The name under which Java knows the encryption. Of PBES2, which OpenSSL uses, the parameters
     * tell what it is in detail, and that in their {@code toString} only.
     */
    private static String scheme(EncryptedPrivateKeyInfo encrypted) {
        String name = encrypted.getAlgName();
        AlgorithmParameters parameters = encrypted.getAlgParameters();
        boolean isPbes2 = name.equals("PBES2") || name.equals("1.2.840.113549.1.5.13");
        return isPbes2 && parameters != null ? parameters.toString() : name;
    }
}
