//! A cluster: who owns which slots.
//!
//! It is asked with `CLUSTER SLOTS`: every server from Redis 6.2 to 8 and Valkey 9 has it, and it tells all that is
//! needed, masters and their slots. What `CLUSTER SHARDS` (7.0) tells besides, health and replicas, is not: replicas
//! are not read from. A question has a connection of its own: it is asked at the start and after faults, so one that
//! was kept would be lost with the others.

use std::net::IpAddr;

use redis::Value;

use crate::address::Address;
use crate::client::connector::Connector;
use crate::client::handshake::HandshakeParams;
use crate::client::topology::slot_map::{SlotMap, Topology};
use crate::config::Deployment;
use crate::error::{Context, Error, Fault, Result};
use crate::net::hedge;
use crate::random;

/// Returns the slots as the first node reports them that answers: one of the masters known last, or one that the
/// settings name.
pub(in crate::client) async fn slots(connector: &Connector, last: Option<&Topology>) -> Result<SlotMap> {
    let mut nodes: Vec<Address> = match last {
        Some(Topology::Cluster(slots)) => slots.addresses().cloned().collect(),
        _ => Vec::new(),
    };
    // At another one each time: a node that has been cut off from the others is not always believed.
    random::rotate(&mut nodes);
    let settings = connector.settings();
    nodes.extend(settings.deployment.contacts());
    let name = format!("{}-topology", settings.client_name);
    let params = HandshakeParams { reply_timeout: settings.connect_timeout(), ..connector.params(&name) };
    hedge::first_answer(nodes, || connector.head_start(), |node| ask(connector, node, &params)).await
}

async fn ask(connector: &Connector, node: Address, params: &HandshakeParams<'_>) -> Result<SlotMap> {
    let mut connection = connector.open(&node, params).await?;
    let answer = match connection.call(redis::cmd("CLUSTER").arg("SLOTS")).await {
        Err(Error::Redis(fault)) if fault.server_text().contains("cluster support disabled") => {
            Err(fault.into_permanent("; the server is not a node of a cluster: set useClusterApi(false)").into())
        }
        answer => answer,
    };
    let Value::Array(ranges) = answer.context(|| format!("CLUSTER SLOTS of {node}"))? else {
        return Err(unreadable());
    };
    if ranges.is_empty() {
        return Err(
            Fault::from_server(&format!("CLUSTERDOWN {node} knows no node of the cluster that has slots")).into()
        );
    }
    let mut known = Vec::with_capacity(ranges.len());
    for range in ranges {
        let (first, last, named) = read(range).ok_or_else(unreadable)?;
        known.extend(reached(named, &node, &connector.settings().deployment).map(|master| (first, last, master)));
    }
    Ok(SlotMap::new(known))
}

/// Returns the address at which a node is reached that the node `source` has named; `None`: it has no address that is
/// known.
pub(in crate::client) fn reached(named: Address, source: &Address, deployment: &Deployment) -> Option<Address> {
    match (&named, source) {
        // It has no host name, and the cluster is set to announce those (`cluster-preferred-endpoint-type`, Redis 7.0).
        (Address::Tcp { host, .. }, _) if host == "?" => None,
        // The host of the node that names it; before 7.0 it is that node itself, which does not know its own address
        // yet.
        (Address::Tcp { host, port }, Address::Tcp { host: source, .. }) if is_any(host) => {
            Some(Address::tcp(source, *port))
        }
        _ => Some(deployment.reachable(named)),
    }
}

/// Returns whether an announced host is empty, or one of the addresses that stand for all interfaces: a node was told
/// to announce what it binds to.
fn is_any(host: &str) -> bool {
    host.is_empty() || host.parse().is_ok_and(|address: IpAddr| address.is_unspecified())
}

/// Reads a range of slots and its master: `[first, last, [host, port, …], replicas …]`
/// (<https://redis.io/docs/latest/commands/cluster-slots/>).
fn read(range: Value) -> Option<(u16, u16, Address)> {
    let Value::Array(parts) = range else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = parts.as_slice() else { return None };
    let (host, port) = match master.as_slice() {
        [Value::BulkString(host), Value::Int(port), ..] => (std::str::from_utf8(host).ok()?, port),
        [Value::Nil, Value::Int(port), ..] => ("", port),
        _ => return None,
    };
    let named = Address::tcp(host, u16::try_from(*port).ok()?);
    Some((u16::try_from(*first).ok()?, u16::try_from(*last).ok()?, named))
}

fn unreadable() -> Error {
    Error::protocol("the reply to CLUSTER SLOTS can't be read; is this Redis 6.2 or newer?")
}
