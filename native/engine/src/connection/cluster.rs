//! A cluster: who owns which slots.

use crate::connection::Servers;
use crate::connection::table::{Slots, Table};
use crate::error::{Error, Result};

/// The slots, as the first node says that answers.
pub(super) async fn slots(_servers: &Servers, _last: Option<&Table>) -> Result<Slots> {
    Err(Error::Settings("useClusterApi is not there yet".into()))
}
