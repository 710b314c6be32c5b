//! Settings as Java sends them (JSON), validated.
//!
//! Java's builders have validated already; what is checked here is what the engine relies on, so that it is safe by
//! itself.
//!
//! Java is also the one place of the defaults: it sends every field.
//!
//! * [`connection`] how to connect to Redis, to which [`deployment`], with which [`secret`]s
//! * [`source`] the settings of a source, and its splits
//! * [`sink`] the settings of a sink
//! * [`json`] reads them, with [`checks`] of the values

mod checks;
mod connection;
mod deployment;
mod json;
mod secret;
mod sink;
mod source;
#[cfg(test)]
pub(crate) mod testing;

pub use crate::stream::Partition;
pub use connection::ConnectionSettings;
pub use deployment::{AddressMap, Deployment, Node, SentinelSettings};
pub use json::parse;
pub use secret::{Secret, TlsMaterial};
pub use sink::{SinkKind, SinkSettings, Staging, TraceContents};
pub use source::{AckStrategy, SourceSettings, Split, SplitPosition, StartPosition};

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"{"connection":{"deployment":{"single":{"host":"h","port":6379,"database":0}},"user":"u",
        "password":"s3cret","clientName":"c","connectTimeoutMillis":1,"commandTimeoutMillis":1,"retryTimeoutMillis":0,
        "keepaliveMillis":30000,"minBackoffMillis":50,"maxBackoffMillis":2000},"topic":"t","numPartitions":2,
        "group":"g","ackStrategy":"NOACK","startingId":"$","stoppingId":null,"batchSize":1,"blockMillis":1,
        "maxBufferedBytes":1,"claimMinIdleMillis":1}"#;

    #[test]
    fn reads_what_java_sends() {
        let settings = SourceSettings::from_json(SOURCE).unwrap();
        assert_eq!(settings.ack_strategy, AckStrategy::NoAck);
        assert_eq!(settings.starting_id, StartPosition::Latest);
        assert_eq!(settings.stopping_id, None);
    }

    #[test]
    fn quotes_nothing_of_what_it_refuses() {
        for refused in [
            SOURCE.replace("6379", "\"s3cret\""),
            SOURCE.replace("\"NOACK\"", "\"s3cret\""),
            SOURCE.replace("\"topic\"", "\"s3cret\""),
            SOURCE.replace("\"startingId\":\"$\"", "\"startingId\":\"s3cret\""),
            "\"s3cret\"".to_owned(),
            "s3cret".to_owned(),
        ] {
            let message = SourceSettings::from_json(&refused).unwrap_err().to_string();
            assert!(message.starts_with("source settings: "), "{message}");
            assert!(!message.contains("s3cret"), "{message}");
            assert!(message.contains(" at line "), "{message}");
        }
        let message = SourceSettings::from_json(&SOURCE.replace("\"group\":\"g\",", "")).unwrap_err().to_string();
        assert!(message.contains("missing field `group`"), "{message}");
    }

    #[test]
    fn shows_no_password() {
        let settings = SourceSettings::from_json(SOURCE).unwrap();
        assert!(!format!("{settings:?}").contains("s3cret"));
        assert_eq!(settings.connection.endpoint(), "redis://u@h:6379");
        let broken = SourceSettings::from_json(&SOURCE.replace("\"port\":6379", "\"port\":true")).unwrap_err();
        assert!(!broken.to_string().contains("s3cret"), "{broken}");
    }

    #[test]
    fn names_the_option() {
        for (from, to, message) in [
            ("\"host\":\"h\"", "\"host\":\" \"", "host is ' '"),
            ("\"numPartitions\":2", "\"numPartitions\":0", "numPartitions is 0: at least 1"),
            ("\"blockMillis\":1", "\"blockMillis\":0", "blockMillis is 0: at least 1"),
            ("\"startingId\":\"$\"", "\"startingId\":\"x\"", "a value or a field that is not expected"),
        ] {
            let error = SourceSettings::from_json(&SOURCE.replace(from, to)).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
        }
    }
}
