//! Secrets of the settings: passwords, certificates and keys.

use std::fmt;

use serde::Deserialize;

/// A text that no log, message or `Debug` shows.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Returns `text` as a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns whether the text is empty, which means that there is no secret.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the text, for the command or the key that needs it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "\"\"" } else { "***" })
    }
}

/// Certificates and a key, as PEM texts.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TlsMaterial {
    /// The authorities that sign the servers' certificates; empty: those of the system.
    #[serde(default)]
    pub ca: String,
    /// The chain of the client's certificate, its own first; empty: the client has none.
    #[serde(default)]
    pub certificates: String,
    /// The key of the client's certificate, not encrypted.
    #[serde(default)]
    pub key: Secret,
}
