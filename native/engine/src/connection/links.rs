//! Connections for work on many keys: one to each server that has some of them.

use std::collections::HashMap;

use crate::connection::table::Route;
use crate::connection::{Connection, Servers};
use crate::error::{Error, Result};

pub(crate) struct Links {
    servers: Servers,
    /// What `CLIENT LIST` shows.
    name: String,
    open: HashMap<Route, Connection>,
}

impl Links {
    /// Connects to nothing yet.
    pub(crate) fn new(servers: Servers, name: String) -> Self {
        Self { servers, name, open: HashMap::new() }
    }

    /// The connection to the server that has `key`.
    pub(crate) async fn to(&mut self, key: &str) -> Result<&mut Connection> {
        let table = self.servers.table().await?;
        let route = table.route(key.as_bytes())?;
        if !self.open.contains_key(route) {
            let connection = self.servers.connect_to(route, &self.name).await?;
            self.open.insert(route.clone(), connection);
        }
        self.open.get_mut(route).ok_or(Error::Closed)
    }

    /// Takes what an error of work on `key` tells, and gives the error to go on with. The connection is of no more use.
    pub(crate) async fn failed(&mut self, key: &str, error: Error) -> Error {
        if let Ok(table) = self.servers.table().await
            && let Ok(route) = table.route(key.as_bytes())
        {
            self.open.remove(route);
        }
        self.servers.learn(key.as_bytes(), error)
    }
}
