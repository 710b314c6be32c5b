//! Asks several servers the same question: the next one when the one before it is slow ("hedged requests").

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::select;

use crate::address::Address;
use crate::error::{Error, FaultKind, Result};

/// The time for which one server alone is waited for: a server that silently can't be reached costs this, and not its
/// whole timeout.
pub(crate) const HEAD_START: Duration = Duration::from_millis(500);

/// Returns the first answer. Servers are asked in their order, each when the one before it has failed or is slow.
///
/// # Errors
/// At once where a server refuses this user: the others would, too. When none answers, the one that tells users most.
pub(crate) async fn first_answer<T, A, H>(
    servers: Vec<Address>,
    head_start: impl Fn() -> H,
    ask: impl Fn(Address) -> A,
) -> Result<T>
where
    A: Future<Output = Result<T>>,
    H: Future<Output = ()>,
{
    let mut asked = Vec::new();
    let once = servers.into_iter().filter(|server| {
        !asked.contains(server) && {
            asked.push(server.clone());
            true
        }
    });
    staggered(once.collect::<Vec<_>>(), head_start, ask, |error| rank(error) == REFUSED).await.map_err(|failed| {
        let clearest = failed.into_iter().reduce(|one, other| if rank(&other) > rank(&one) { other } else { one });
        clearest.unwrap_or(Error::Internal("there is no server to ask".to_owned()))
    })
}

/// Returns the first success. Each way is tried when the one before it has failed, or when its head start is over.
///
/// # Errors
/// All failures, in the order in which they came, up to one that decides.
pub(crate) async fn staggered<S, T, E, A, H>(
    ways: Vec<S>,
    head_start: impl Fn() -> H,
    attempt: impl Fn(S) -> A,
    decides: impl Fn(&E) -> bool,
) -> Result<T, Vec<E>>
where
    A: Future<Output = Result<T, E>>,
    H: Future<Output = ()>,
{
    let mut ways = ways.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut failed = Vec::new();
    loop {
        attempts.extend(ways.next().map(&attempt));
        let ended = select! {
            biased;
            ended = attempts.next() => ended,
            () = head_start() => continue,
        };
        match ended {
            Some(Ok(success)) => return Ok(success),
            Some(Err(error)) => {
                let decided = decides(&error);
                failed.push(error);
                if decided {
                    return Err(failed);
                }
            }
            None => return Err(failed),
        }
    }
}

/// Returns how much an error tells users about why a question has no answer.
fn rank(error: &Error) -> u8 {
    match error {
        Error::Redis(fault) => match fault.kind {
            // The name is wrong, or that of a server that is gone.
            FaultKind::UnknownHost => 0,
            FaultKind::Authentication | FaultKind::Permission => REFUSED,
            _ if fault.is_temporary() => 1,
            // The server answers, and trying again will not help; another one may know better.
            _ => 2,
        },
        _ => REFUSED,
    }
}

/// The rank of an error by which the server refuses this user.
const REFUSED: u8 = 3;

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;
    use crate::error::Fault;

    async fn head_start() {
        tokio::time::sleep(HEAD_START).await;
    }

    fn servers(ports: impl IntoIterator<Item = u16>) -> Vec<Address> {
        ports.into_iter().map(|port| Address::tcp("h", port)).collect()
    }

    fn port(server: &Address) -> u16 {
        match server {
            Address::Tcp { port, .. } => *port,
            Address::Unix { .. } => 0,
        }
    }

    fn fault(kind: FaultKind, message: &str) -> Error {
        Fault::new(kind, message).into()
    }

    #[tokio::test(start_paused = true)]
    async fn goes_on_where_one_is_silent_or_refuses() {
        let ask = async |server: Address| match port(&server) {
            1 => pending().await,
            2 => Err(fault(FaultKind::Connection, "refused")),
            port => Ok(port),
        };
        let begin = tokio::time::Instant::now();
        assert_eq!(first_answer(servers([1, 2, 2, 3, 4]), head_start, ask).await.unwrap(), 3);
        assert!(begin.elapsed() < Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_user_who_is_refused_is_refused_by_all() {
        let ask = async |server: Address| match port(&server) {
            1 => Err(fault(FaultKind::UnknownHost, "unknown")),
            2 => Err(fault(FaultKind::Authentication, "wrong")),
            port => Ok(port),
        };
        assert_eq!(first_answer(servers([1, 2, 3]), head_start, ask).await.unwrap_err().to_string(), "wrong");
    }

    #[tokio::test]
    async fn of_many_faults_gives_the_one_that_tells_most() {
        let ask = async |server: Address| -> Result<()> {
            Err(match port(&server) {
                1 => fault(FaultKind::UnknownHost, "unknown"),
                4 => fault(FaultKind::Server, "no"),
                port => fault(FaultKind::Connection, &format!("refused {port}")),
            })
        };
        for (ports, expected) in [(1..2, "unknown"), (1..4, "refused 2"), (1..5, "no")] {
            assert_eq!(first_answer(servers(ports), head_start, ask).await.unwrap_err().to_string(), expected);
        }
    }
}
