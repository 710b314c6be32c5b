//! Reads the JSON of the control plane.

use serde_json::error::Category;

use crate::error::{Error, Result};

/// Reads `json` as a `T`; `what` names it in messages.
///
/// # Errors `Settings`. The message holds none of the text, which may be a password: of what serde says, which quotes
/// values of a wrong type, only the names of missing fields are passed on, and the place.
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
