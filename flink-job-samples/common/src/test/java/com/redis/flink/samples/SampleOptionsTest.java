package com.redis.flink.samples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SampleOptionsTest {

    private static SampleOptions parse(String line) {
        String[] args = line.isEmpty() ? new String[0] : line.split(" ");
        return SampleOptions.parse(args, "uri", "host", "port", "user", "password", "records");
    }

    @Test
    void theDefaultsAreThoseOfTheDockerStack() {
        SampleOptions options = parse("");
        assertThat(options.uri()).isEqualTo("redis://redis:6379");
        assertThat(options.user()).isNull();
        assertThat(options.number("records", 1000, 1, 9999)).isEqualTo(1000);
    }

    @Test
    void takesWhatIsGiven() {
        SampleOptions options = parse("--host h --port 1 --user u --password --p --records 7");
        assertThat(options.uri()).isEqualTo("redis://h:1");
        assertThat(options.user()).isEqualTo("u");
        assertThat(options.password()).isEqualTo("--p");
        assertThat(options.number("records", 1000, 1, 9999)).isEqualTo(7);
        assertThat(parse("--uri rediss://h:2").uri()).isEqualTo("rediss://h:2");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--prot 6380 | unknown option --prot: this sample takes --uri, --host, --port",
                "--host | option --host has no value: write --host VALUE",
                "--host --port 1 | option --host has no value: write --host VALUE",
                "--port 1 --port 2 | option --port is given twice: leave one of them out",
                "--user u pw | argument 3 is no option: write --name value, of --uri",
                "--uri redis://h --port 1 | option --uri is given with --host or --port: leave"
            })
    void namesABadOptionAndTheRemedy(String line, String message) {
        assertThatThrownBy(() -> parse(line))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith(message);
    }

    @ParameterizedTest
    @CsvSource({"many", "0", "70000", "-1"})
    void namesAPortThatIsNone(String port) {
        assertThatThrownBy(() -> parse("--port " + port).uri())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "option --port: '%s' is no whole number from 1 to 65535: "
                                + "write for example --port 6379",
                        port);
    }
}
