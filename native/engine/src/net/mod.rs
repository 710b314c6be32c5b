//! The network below the client.
//!
//! * [`dial`] opens a stream to a server, [`tls`] encrypts it
//! * [`hedge`] asks several servers, or tries several addresses, one a little after the other

pub(crate) mod dial;
pub(crate) mod hedge;
pub(crate) mod tls;
