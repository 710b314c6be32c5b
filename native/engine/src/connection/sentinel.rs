//! Sentinels: who the master is.

use crate::config::SentinelSettings;
use crate::connection::{Address, Servers};
use crate::error::{Error, Result};

/// The master, as the first sentinel says that answers.
pub(super) async fn master(_servers: &Servers, _sentinel: &SentinelSettings) -> Result<Address> {
    Err(Error::Settings("sentinels are not there yet".into()))
}
