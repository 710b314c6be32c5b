package com.redis.flink.config.tls;

import com.redis.flink.config.OptionChecks;

import org.apache.flink.annotation.Internal;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.Serializable;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyStore;
import java.security.KeyStoreException;
import java.security.PrivateKey;
import java.security.UnrecoverableKeyException;
import java.security.cert.Certificate;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;

/** A Java key store or trust store, and how to open it; gives out what is in it as PEM. */
@Internal
public final class StoreOptions implements Serializable {

    private static final long serialVersionUID = 1L;

    public final FileOrContent store;
    private final String type;
    private final String password;

    /**
     * @param option {@code keyStore} or {@code trustStore}, the beginning of all its options
     */
    public StoreOptions(String option, String file, byte[] content, String type, String password) {
        store = FileOrContent.of(option, file, option, content);
        this.type = type == null ? "" : type;
        this.password = password == null ? "" : password;
        if (store.isEmpty() && !this.type.isEmpty()) {
            throw OptionChecks.invalid(option + "Type", this.type, "only with option " + option);
        }
        if (store.isEmpty() && !this.password.isEmpty()) {
            throw OptionChecks.invalid(option + "Password", "set", "only with option " + option);
        }
    }

    /** Returns a private key of the store, with its certificates. */
    public Identity identity(String alias, String keyPassword) throws IOException {
        KeyStore opened = open();
        try {
            String name = alias.isEmpty() ? onlyKey(opened) : alias;
            if (!opened.isKeyEntry(name)) {
                throw store.wrong(
                        "it has no key '" + name + "' (option keyAlias), only " + keys(opened));
            }
            Key key = opened.getKey(name, chars(keyPassword.isEmpty() ? password : keyPassword));
            Certificate[] chain = opened.getCertificateChain(name);
            if (!(key instanceof PrivateKey) || key.getEncoded() == null || chain == null) {
                throw store.wrong(
                        "its entry '" + name + "' is no private key with a certificate chain");
            }
            StringBuilder certificates = new StringBuilder();
            for (Certificate certificate : chain) {
                certificates.append(Pem.encode("CERTIFICATE", certificate.getEncoded()));
            }
            return new Identity(
                    certificates.toString(), Pem.encode("PRIVATE KEY", key.getEncoded()));
        } catch (UnrecoverableKeyException e) {
            throw store.wrong("its key can't be decrypted; check option keyPassword");
        } catch (GeneralSecurityException e) {
            throw store.wrong("its key can't be read (" + e.getClass().getSimpleName() + ")");
        }
    }

    /** Returns the certificates that the store trusts. */
    public String trusted() throws IOException {
        KeyStore opened = open();
        try {
            StringBuilder certificates = new StringBuilder();
            for (String alias : Collections.list(opened.aliases())) {
                if (opened.isCertificateEntry(alias)) {
                    byte[] certificate = opened.getCertificate(alias).getEncoded();
                    certificates.append(Pem.encode("CERTIFICATE", certificate));
                }
            }
            if (certificates.length() == 0) {
                throw store.wrong(
                        "it has no trusted certificate; add the authorities with keytool"
                                + " -importcert");
            }
            return certificates.toString();
        } catch (GeneralSecurityException e) {
            throw store.wrong(
                    "its certificates can't be read (" + e.getClass().getSimpleName() + ")");
        }
    }

    private KeyStore open() throws IOException {
        byte[] bytes = store.read();
        String name = type.isEmpty() ? KeyStore.getDefaultType() : type;
        try {
            KeyStore opened = KeyStore.getInstance(name);
            opened.load(new ByteArrayInputStream(bytes), chars(password));
            return opened;
        } catch (KeyStoreException e) {
            throw store.wrong("Java knows no store type '" + name + "'; PKCS12 or JKS is usual");
        } catch (IOException e) {
            throw store.wrong(
                    e.getCause() instanceof UnrecoverableKeyException
                            ? "its password is wrong"
                            : "it can't be opened as " + name + "; check its type and password");
        } catch (GeneralSecurityException e) {
            throw store.wrong(
                    "it can't be opened as " + name + " (" + e.getClass().getSimpleName() + ")");
        }
    }

    private String onlyKey(KeyStore opened) throws IOException, KeyStoreException {
        List<String> keys = keys(opened);
        if (keys.size() != 1) {
            throw store.wrong(
                    keys.isEmpty()
                            ? "it has no key"
                            : "it has the keys " + keys + "; name one with option keyAlias");
        }
        return keys.get(0);
    }

    private static List<String> keys(KeyStore opened) throws KeyStoreException {
        List<String> keys = new ArrayList<>();
        for (String alias : Collections.list(opened.aliases())) {
            if (opened.isKeyEntry(alias)) {
                keys.add(alias);
            }
        }
        return keys;
    }

    /** No password: null, with which Java reads what is not encrypted. */
    private static char[] chars(String password) {
        return password.isEmpty() ? null : password.toCharArray();
    }

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof StoreOptions)) {
            return false;
        }
        StoreOptions that = (StoreOptions) other;
        return store.equals(that.store) && type.equals(that.type) && password.equals(that.password);
    }

    @Override
    public int hashCode() {
        return Objects.hash(store, type);
    }

    @Override
    public String toString() {
        return store.toString();
    }
}
