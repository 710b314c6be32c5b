package com.redis.flink.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.redis.flink.config.tls.Pem;

import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.util.InstantiationUtil;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** What changes while a job runs is asked for at every connect, and what does not is not. */
class CurrentCredentialsTest {

    private static final String PASSWORD = TestCertificates.PASSWORD;

    @TempDir private static Path stores;

    private static String oldCertificate;
    private static String newCertificate;
    private static byte[] oldKey;
    private static byte[] newKey;

    @TempDir private Path folder;

    @BeforeAll
    static void makeCertificates() throws Exception {
        Path store = stores.resolve("keys.p12");
        TestCertificates.keyStore(store, "PKCS12", "old", PASSWORD);
        TestCertificates.keyStore(store, "PKCS12", "new", PASSWORD);
        oldCertificate = TestCertificates.certificate(store, "old");
        newCertificate = TestCertificates.certificate(store, "new");
        oldKey = TestCertificates.key(store, "old", PASSWORD);
        newKey = TestCertificates.key(store, "new", PASSWORD);
    }

    @Test
    void filesAreReadAgainAtEveryConnect() throws Exception {
        Path certificate = folder.resolve("client.crt");
        Path key = folder.resolve("client.key");
        ConnectionOptions options =
                ConnectionOptions.builder()
                        .mtlsParameters(
                                MtlsParameters.builder()
                                        .certificateFile(certificate.toString())
                                        .keyFile(key.toString())
                                        .build())
                        .build();
        assertThat(options.toJson().path("tls")).as("the files say it").isEmpty();

        Files.writeString(certificate, oldCertificate);
        Files.writeString(key, Pem.encode("PRIVATE KEY", oldKey));
        JsonNode before = current(options);
        Files.writeString(certificate, newCertificate);
        Files.writeString(key, Pem.encode("PRIVATE KEY", newKey));
        JsonNode after = current(options);

        assertThat(before.at("/tls/certificates").asText()).isEqualTo(oldCertificate);
        assertThat(before.at("/tls/key").asText()).isEqualTo(Pem.encode("PRIVATE KEY", oldKey));
        assertThat(after.at("/tls/certificates").asText()).isEqualTo(newCertificate);
        assertThat(after.at("/tls/key").asText()).isEqualTo(Pem.encode("PRIVATE KEY", newKey));
        assertThat(after.has("user")).as("constant, as in the settings").isFalse();
        assertThat(serialized(options))
                .contains(key.toString())
                .doesNotContain(oldCertificate, newCertificate);
    }

    @Test
    void aChangedFileOfAuthoritiesIsNoticed() throws Exception {
        Path ca = folder.resolve("ca.crt");
        ConnectionOptions options = ConnectionOptions.builder().caFile(ca.toString()).build();

        Files.writeString(ca, oldCertificate);
        assertThat(current(options).at("/tls/ca").asText()).isEqualTo(oldCertificate);
        Files.writeString(ca, oldCertificate + newCertificate);
        assertThat(current(options).at("/tls/ca").asText())
                .isEqualTo(oldCertificate + newCertificate);
        Files.delete(ca);
        assertThatThrownBy(() -> current(options))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith(
                        "rediss://localhost:6379: option caFile \""
                                + ca
                                + "\": it can't be read (there is no such file)");
    }

    @Test
    void constantsAreInTheSettingsAndNobodyAsks() throws Exception {
        String encrypted =
                TestCertificates.encrypted(oldKey, "PBEWithHmacSHA256AndAES_256", "s3cret");
        ConnectionOptions options =
                ConnectionOptions.builder()
                        .mtlsParameters(
                                MtlsParameters.builder()
                                        .certificates(oldCertificate)
                                        .key(encrypted)
                                        .keyPassword("s3cret")
                                        .build())
                        .caCertificates(newCertificate)
                        .build();

        assertThat(options.credentials()).isEmpty();
        JsonNode tls = options.toJson().path("tls");
        assertThat(tls.path("ca").asText()).isEqualTo(newCertificate);
        assertThat(tls.path("certificates").asText()).isEqualTo(oldCertificate);
        assertThat(tls.path("key").asText()).isEqualTo(Pem.encode("PRIVATE KEY", oldKey));
        assertThat(serialized(options))
                .contains(encrypted)
                .doesNotContain(Pem.encode("PRIVATE KEY", oldKey));
        assertThat(options.toString()).isEqualTo("rediss://localhost:6379 (flink)");
        assertThat(options.tls.toString())
                .doesNotContain("s3cret", "BEGIN")
                .contains("certificateFile=(content)", "ca=caCertificates");
        assertThat(InstantiationUtil.clone(options)).isEqualTo(options);
    }

    @Test
    void theProviderIsAskedEachTime() throws Exception {
        ConnectionOptions options =
                ConnectionOptions.builder()
                        .credentialsProvider(new CountingProvider())
                        .useTls(true)
                        .caCertificates(oldCertificate)
                        .build();

        assertThat(current(options).toString())
                .isEqualTo("{\"user\":\"app\",\"password\":\"token-1\"}");
        assertThat(current(options).path("password").asText()).isEqualTo("token-2");
        assertThat(options.toJson().at("/tls/ca").asText()).isEqualTo(oldCertificate);
        assertThat(options.toJson().path("password").asText()).isEmpty();
        assertThat(InstantiationUtil.clone(options).credentials()).isPresent();
    }

    @Test
    void aProviderThatFailsIsNamed() {
        assertThatThrownBy(
                        () ->
                                current(
                                        provided(
                                                () -> {
                                                    throw new IllegalStateException("no token");
                                                })))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith("redis://localhost:6379: option credentialsProvider: ")
                .hasMessageContaining("has failed with java.lang.IllegalStateException;")
                .hasRootCauseMessage("no token");
        assertThatThrownBy(() -> current(provided(() -> null)))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(" gave null; it must give user and password");
    }

    @Test
    void aProviderThatIsInterruptedLeavesTheThreadSo() {
        assertThatThrownBy(
                        () ->
                                current(
                                        provided(
                                                () -> {
                                                    throw new InterruptedException();
                                                })))
                .hasMessageContaining(" was interrupted");
        assertThat(Thread.interrupted()).isTrue();
    }

    @Test
    void credentialsDoNotShowThePassword() throws Exception {
        Credentials credentials = new Credentials("ann", "s3cret");

        assertThat(credentials).hasToString("Credentials{user=ann}");
        assertThat(InstantiationUtil.clone(credentials)).isEqualTo(credentials);
        assertThat(credentials).isNotEqualTo(new Credentials("ann", "other"));
        assertThat(new Credentials(null, null)).isEqualTo(new Credentials("default", ""));
    }

    private static ConnectionOptions provided(CredentialsProvider provider) {
        return ConnectionOptions.builder().credentialsProvider(provider).build();
    }

    private static JsonNode current(ConnectionOptions options) throws IOException {
        return new ObjectMapper().readTree(options.credentials().orElseThrow().get());
    }

    private static String serialized(ConnectionOptions options) throws IOException {
        return new String(InstantiationUtil.serializeObject(options), StandardCharsets.ISO_8859_1);
    }

    private static final class CountingProvider implements CredentialsProvider {

        private static final long serialVersionUID = 1L;
        private int asked;

        @Override
        public Credentials get() {
            asked++;
            return new Credentials("app", "token-" + asked);
        }
    }
}
