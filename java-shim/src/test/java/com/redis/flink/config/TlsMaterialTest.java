package com.redis.flink.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.redis.flink.config.tls.Pem;

import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;

/** Whatever form certificates and keys have, the engine gets PEM; what is wrong is named. */
class TlsMaterialTest {

    private static final String PASSWORD = TestCertificates.PASSWORD;
    private static final String KEY_PASSWORD = "auch-geheim";

    @TempDir private static Path stores;

    private static Path pkcs12;

    /** Two keys, with a password of their own. */
    private static Path jks;

    private static Path trust;
    private static String certificate;
    private static byte[] key;

    @TempDir private Path folder;

    @BeforeAll
    static void makeStores() throws Exception {
        pkcs12 = TestCertificates.keyStore(stores.resolve("client.p12"), "PKCS12", "c", PASSWORD);
        jks = TestCertificates.keyStore(stores.resolve("client.jks"), "JKS", "one", KEY_PASSWORD);
        TestCertificates.keyStore(jks, "JKS", "two", KEY_PASSWORD);
        trust = TestCertificates.trustStore(stores.resolve("trust.p12"), pkcs12, "c");
        certificate = TestCertificates.certificate(pkcs12, "c");
        key = TestCertificates.key(pkcs12, "c", PASSWORD);
    }

    @Test
    void storesByFile() throws Exception {
        ObjectNode tls =
                read(
                        MtlsParameters.builder()
                                .keyStore(pkcs12.toString())
                                .keyStorePassword(PASSWORD)
                                .trustStore(trust.toString())
                                .trustStorePassword(PASSWORD));

        assertThat(tls.path("certificates").asText()).isEqualTo(certificate);
        assertThat(tls.path("key").asText()).isEqualTo(Pem.encode("PRIVATE KEY", key));
        assertThat(tls.path("ca").asText()).isEqualTo(certificate);
    }

    @Test
    void storesByContent() throws Exception {
        ObjectNode tls =
                read(
                        MtlsParameters.builder()
                                .keyStore(Files.readAllBytes(pkcs12))
                                .keyStorePassword(PASSWORD)
                                .keyStoreType("PKCS12")
                                .trustStore(Files.readAllBytes(trust))
                                .trustStoreType("PKCS12")
                                .trustStorePassword(PASSWORD));

        assertThat(tls.path("certificates").asText()).isEqualTo(certificate);
        assertThat(tls.path("key").asText()).isEqualTo(Pem.encode("PRIVATE KEY", key));
        assertThat(tls.path("ca").asText()).isEqualTo(certificate);
    }

    @Test
    void aKeyOfSeveralIsNamed() throws Exception {
        MtlsParameters.Builder store =
                MtlsParameters.builder()
                        .keyStore(jks.toString())
                        .keyStorePassword(PASSWORD)
                        .keyPassword(KEY_PASSWORD);

        assertThatThrownBy(() -> read(store))
                .hasMessageStartingWith("option keyStore \"" + jks + "\": it has the keys [")
                .hasMessageContaining("one")
                .hasMessageEndingWith("]; name one with option keyAlias");
        assertThatThrownBy(() -> read(store.keyAlias("three")))
                .hasMessageContaining("it has no key 'three' (option keyAlias), only [");

        assertThat(read(store.keyAlias("two")).path("certificates").asText())
                .isEqualTo(TestCertificates.certificate(jks, "two"));
        assertThat(read(store).path("key").asText())
                .isEqualTo(
                        Pem.encode("PRIVATE KEY", TestCertificates.key(jks, "two", KEY_PASSWORD)));
    }

    @Test
    void whatIsWrongWithAStoreIsSaid() {
        MtlsParameters.Builder store =
                MtlsParameters.builder().keyStore(jks.toString()).keyAlias("one");
        assertFails(
                store.keyStorePassword("s3cret"),
                "keyStore \"" + jks + "\": its password is wrong");
        assertFails(
                store.keyStorePassword(PASSWORD).keyPassword("s3cret"),
                "its key can't be decrypted; check option keyPassword");
        assertFails(
                store.keyStoreType("ABC"),
                "Java knows no store type 'ABC'; PKCS12 or JKS is usual");
        assertFails(
                MtlsParameters.builder().keyStore("/no/such.p12"),
                "option keyStore \"/no/such.p12\": it can't be read (there is no such file); it"
                        + " must be readable on the job manager and on every task manager, or give"
                        + " its content with option keyStore");
        assertFails(
                MtlsParameters.builder().keyStore(new byte[] {1, 2, 3}),
                "option keyStore: it can't be opened as pkcs12; check its type and password");
        assertFails(
                MtlsParameters.builder().keyStore(trust.toString()).keyStorePassword(PASSWORD),
                "it has no key");
        assertFails(
                MtlsParameters.builder()
                        .certificates(certificate)
                        .key(Pem.encode("PRIVATE KEY", key))
                        .trustStore(pkcs12.toString())
                        .trustStorePassword(PASSWORD),
                "option trustStore \"" + pkcs12 + "\": it has no trusted certificate");
    }

    @Test
    void oneFileMayHoldCertificateAndKeyAndOtherText() throws Exception {
        Path all = folder.resolve("client.pem");
        String plain = Pem.encode("PRIVATE KEY", key);
        Files.writeString(
                all, "subject=Ä\r\n" + (certificate + plain).replace("\n", "\r\n") + certificate);

        ObjectNode tls =
                read(
                        MtlsParameters.builder()
                                .certificateFile(all.toString())
                                .keyFile(all.toString())
                                .caFile(all.toString()));

        assertThat(tls.path("certificates").asText()).isEqualTo(certificate + certificate);
        assertThat(tls.path("ca").asText()).isEqualTo(certificate + certificate);
        assertThat(tls.path("key").asText()).isEqualTo(plain);
    }

    @ParameterizedTest
    @ValueSource(strings = {"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"})
    void everyFormOfKeyThatTheEngineReadsIsPassedOn(String label) throws Exception {
        String pem = Pem.encode(label, key);

        assertThat(
                        read(pem(
                                        "-----BEGIN EC PARAMETERS-----\n"
                                                + "Bgg=\n"
                                                + "-----END EC PARAMETERS-----\n"
                                                + pem))
                                .path("key")
                                .asText())
                .isEqualTo(pem);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "PBEWithHmacSHA256AndAES_256",
                "PBEWithHmacSHA512AndAES_128",
                "PBEWithSHA1AndDESede"
            })
    void anEncryptedKeyIsDecrypted(String scheme) throws Exception {
        String encrypted = TestCertificates.encrypted(key, scheme, KEY_PASSWORD);

        assertThat(read(pem(encrypted).keyPassword(KEY_PASSWORD)).path("key").asText())
                .isEqualTo(Pem.encode("PRIVATE KEY", key));
        assertFails(pem(encrypted), "option key: the key is encrypted; set option keyPassword");
        assertFails(
                pem(encrypted).keyPassword("s3cret"),
                "option key: the key can't be decrypted; check option keyPassword");
    }

    @Test
    void whatIsWrongWithAPemTextIsSaid() {
        String secret = Base64.getEncoder().encodeToString(key);
        assertFails(pem("s3cret"), "option key: it has no private key in PEM form");
        assertFails(
                pem(
                        "-----BEGIN PRIVATE KEY-----\ns3cret!"
                                + secret
                                + "\n-----END PRIVATE KEY-----"),
                "option key: its block PRIVATE KEY is damaged");
        assertFails(
                pem(
                        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n"
                                + secret
                                + "\n-----END RSA PRIVATE KEY-----"),
                "option key: it is encrypted in OpenSSL's old form; convert it with: openssl"
                        + " pkcs8");
        assertFails(
                pem(Pem.encode("OPENSSH PRIVATE KEY", key)),
                "a key of the form OPENSSH PRIVATE KEY is not supported; convert it with: openssl");
        assertFails(
                pem(Pem.encode("ENCRYPTED PRIVATE KEY", key)).keyPassword("s3cret"),
                "option key: it is damaged, or encrypted in a way that Java can't read; convert"
                        + " it");
        assertFails(
                MtlsParameters.builder().certificates("nothing").key("nothing"),
                "option certificates: it has no certificate in PEM form");
        assertFails(
                MtlsParameters.builder()
                        .certificates(certificate + Pem.encode("CERTIFICATE", key))
                        .key("nothing"),
                "option certificates: certificate 2 in it is none, or is damaged");
    }

    @Test
    void aFileThatCannotBeReadIsNamed() {
        assertFails(
                MtlsParameters.builder().certificateFile(folder.toString()).keyFile("/k"),
                "option certificateFile \"" + folder + "\": it can't be read (");
        assertFails(
                MtlsParameters.builder().certificates(certificate).keyFile("/no/such.key"),
                "option keyFile \"/no/such.key\": it can't be read (there is no such file); it must"
                        + " be readable on the job manager and on every task manager, or give its"
                        + " content with option key");
    }

    private static MtlsParameters.Builder pem(String key) {
        return MtlsParameters.builder().certificates(certificate).key(key);
    }

    private static ObjectNode read(MtlsParameters.Builder parameters) throws IOException {
        ConnectionOptions.Builder options =
                ConnectionOptions.builder().mtlsParameters(parameters.build());
        return TlsMaterial.read(new TlsOptions(options, RedisUri.NONE)).toJson();
    }

    /** No secret is in any part of the exception: those of the tests, and the key itself. */
    private static void assertFails(MtlsParameters.Builder parameters, String message) {
        assertThatThrownBy(() -> read(parameters))
                .hasMessageContaining(message)
                .satisfies(
                        failure -> {
                            StringWriter all = new StringWriter();
                            failure.printStackTrace(new PrintWriter(all));
                            assertThat(all.toString())
                                    .doesNotContain("s3cret", PASSWORD, KEY_PASSWORD)
                                    .doesNotContain(
                                            Base64.getEncoder()
                                                    .encodeToString(key)
                                                    .substring(0, 32));
                        });
    }
}
