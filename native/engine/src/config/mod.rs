//! Settings as Java sends them (JSON), validated.
//!
//! Java's builders have validated already; what is checked here is what the engine relies on, so that it is safe by itself.
//!
//! * [`connection`] how to reach Redis
//! * [`source`] what a source is told, and its splits
//! * [`sink`] what a sink is told

mod connection;
mod sink;
mod source;

pub use connection::{ConnectionSettings, Node, Secret, SentinelSettings, TlsMaterial};
pub use sink::{SinkKind, SinkSettings, Staging};
pub use source::{AckStrategy, SourceSettings, Split, SplitPosition, StartPosition};

use serde_json::error::Category;

use crate::error::{Error, Result};

/// The number of a partition, from 0.
pub type Partition = u32;

/// Reads JSON of the control plane. The message never holds any of the text: it may be a password. So of what serde says, which quotes
/// values of a wrong type, only the names of missing fields are told, and the place.
pub fn parse<T: serde::de::DeserializeOwned>(what: &str, json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|error| {
        let text = error.to_string();
        let why = match error.classify() {
            _ if text.starts_with("missing field `") => return Error::Settings(format!("{what}: {text}")),
            Category::Data => "a value or a field that is not expected",
            Category::Syntax | Category::Eof | Category::Io => "no JSON",
        };
        Error::Settings(format!("{what}: {why}, at line {} column {}", error.line(), error.column()))
    })
}

fn not_blank(option: &str, value: &str) -> Result<()> {
    match value.trim().is_empty() {
        true => Err(Error::Settings(format!("{option} is '{value}': a text that is not blank is needed"))),
        false => Ok(()),
    }
}

fn at_least(option: &str, value: u64, min: u64) -> Result<()> {
    match value < min {
        true => Err(Error::Settings(format!("{option} is {value}: at least {min} is needed"))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"{"connection":{"host":"h","port":6379,"user":"u","password":"s3cret","clientName":"c",
        "connectTimeoutMillis":1,"commandTimeoutMillis":1,"retryTimeoutMillis":0},"topic":"t","numPartitions":2,"group":"g",
        "ackStrategy":"NOACK","startingId":"$","stoppingId":null,"batchSize":1,"blockMillis":1,"maxBufferedBytes":1,"claimMinIdleMillis":1}"#;

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
