//! Sentinels: who the master is
//! (<https://redis.io/docs/latest/develop/reference/sentinel-clients/>).

use redis::Value;

use crate::address::Address;
use crate::client::connection::Connection;
use crate::client::connector::Connector;
use crate::client::handshake::{HandshakeParams, Role};
use crate::config::SentinelSettings;
use crate::error::{Context, Error, Fault, FaultKind, Result};
use crate::net::hedge;
use crate::random;

/// Returns the master's address, as the first sentinel reports it that answers and knows it.
pub(in crate::client) async fn master(connector: &Connector, sentinel: &SentinelSettings) -> Result<Address> {
    let settings = connector.settings();
    let name = format!("{}-topology", settings.client_name);
    let params = HandshakeParams {
        name: &name,
        user: if sentinel.user.is_empty() { "default" } else { &sentinel.user },
        password: &sentinel.password,
        database: 0,
        tls: sentinel.tls,
        role: Role::Sentinel,
        reply_timeout: settings.connect_timeout(),
    };
    let mut sentinels = settings.deployment.contacts();
    // At another one each time: one that has been cut off from the others is not always believed.
    random::rotate(&mut sentinels);
    let ask = |address| ask(connector, &sentinel.master, address, &params);
    hedge::first_answer(sentinels, || connector.head_start(), ask).await
}

async fn ask(connector: &Connector, master: &str, sentinel: Address, params: &HandshakeParams<'_>) -> Result<Address> {
    let answer = async {
        let mut connection = connector.open(&sentinel, params).await?;
        let mut question = redis::cmd("SENTINEL");
        question.arg("get-master-addr-by-name").arg(master);
        connection.call(&question).await.context(|| "SENTINEL get-master-addr-by-name")
    };
    let answer = answer.await.map_err(|error| match error {
        Error::Redis(fault) if fault.kind == FaultKind::Authentication => {
            fault.context(format!("sentinel {sentinel} (options `sentinelUser` and `sentinelPassword`)")).into()
        }
        Error::Redis(fault) => fault.context(format!("sentinel {sentinel}")).into(),
        other => other,
    })?;
    let Value::Array(parts) = answer else {
        let message = format!("sentinel {sentinel}: knows no master '{master}'; check the option `sentinelMaster`");
        return Err(Fault::new(FaultKind::Server, message).into());
    };
    let texts: Option<Vec<String>> = parts.into_iter().map(|part| redis::from_redis_value(part).ok()).collect();
    match texts.as_deref() {
        Some([host, port]) => port.parse().ok().map(|port| Address::tcp(host, port)),
        _ => None,
    }
    .map(|master| connector.settings().deployment.reachable(master))
    .ok_or_else(|| Error::protocol(format!("sentinel {sentinel}: its reply can't be read; is this a sentinel?")))
}

/// Verifies that the server is a master: sentinels may not know better yet, the server itself does
/// (<https://redis.io/docs/latest/commands/role/>).
pub(in crate::client) async fn make_sure(connection: &mut Connection, address: &Address) -> Result<()> {
    let role = match connection.call(&redis::cmd("ROLE")).await {
        // Then the first write will tell.
        Err(Error::Redis(fault)) if fault.is_of_command() => return Ok(()),
        role => role.context(|| format!("{address}: ROLE"))?,
    };
    match role {
        Value::Array(parts) if parts.first() == Some(&Value::BulkString(b"master".to_vec())) => Ok(()),
        _ => {
            let message = format!("{address} is no master, though the sentinels say so");
            Err(Fault::new(FaultKind::Connection, message).into())
        }
    }
}
