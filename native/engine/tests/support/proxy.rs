//! A network between the engine and a server that can be made bad: slow, cut, silent, or ended in the middle of a
//! reply.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::sleep;

pub struct Proxy {
    pub port: u16,
    line: Arc<Line>,
    _runtime: Runtime,
}

struct Line {
    latency_millis: AtomicU64,
    /// How many bytes of replies still pass before a connection ends; `usize::MAX`: all.
    left: AtomicUsize,
    /// Connections of an earlier generation are reset.
    reset: watch::Sender<u64>,
    /// Connections of an earlier generation carry nothing any more, and nobody is told.
    silent: watch::Sender<u64>,
    /// A word of commands, and the one of the same length that arrives in its place.
    garbled: Mutex<Option<(&'static str, &'static str)>>,
}

impl Proxy {
    /// In front of a server of this machine, with nothing wrong yet.
    pub fn to(server: u16) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_io().enable_time().build().unwrap();
        let line = Arc::new(Line {
            latency_millis: AtomicU64::new(0),
            left: AtomicUsize::new(usize::MAX),
            reset: watch::Sender::new(0),
            silent: watch::Sender::new(0),
            garbled: Mutex::default(),
        });
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::clone(&line);
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let line = Arc::clone(&shared);
                tokio::spawn(async move {
                    if let Ok(upstream) = TcpStream::connect(("127.0.0.1", server)).await {
                        line.carry(client, upstream).await;
                    }
                });
            }
        });
        Self { port, line, _runtime: runtime }
    }

    /// So long takes each part of what is sent, in either direction.
    pub fn latency(&self, latency: Duration) {
        self.line.latency_millis.store(latency.as_millis() as u64, Ordering::Relaxed);
    }

    /// After so many more bytes of replies the connection that receives them ends, in the middle of a reply as likely
    /// as not.
    pub fn truncate_after(&self, bytes: usize) {
        self.line.left.store(bytes, Ordering::Relaxed);
    }

    /// From now on this word of commands arrives as that one, of the same length.
    pub fn garble(&self, word: &'static str, into: &'static str) {
        assert_eq!(word.len(), into.len());
        *self.line.garbled.lock().unwrap() = Some((word, into));
    }

    /// All connections are reset.
    pub fn reset(&self) {
        self.line.reset.send_modify(|generation| *generation += 1);
    }

    /// All connections that are there stay open and carry nothing any more; new ones are good.
    pub fn half_open(&self) {
        self.line.silent.send_modify(|generation| *generation += 1);
    }
}

impl Line {
    async fn carry(&self, client: TcpStream, server: TcpStream) {
        let (mut reset, mut silent) = (self.reset.subscribe(), self.silent.subscribe());
        // What ends is reset, not closed.
        let _ = SockRef::from(&client).set_linger(Some(Duration::ZERO));
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let both = async {
            tokio::select! {
                () = self.pump(from_client, to_server, false) => {}
                () = self.pump(from_server, to_client, true) => {}
            }
        };
        tokio::pin!(both);
        tokio::select! {
            () = &mut both => {}
            _ = reset.changed() => {}
            _ = silent.changed() => {
                let _ = reset.changed().await;
            }
        }
    }

    async fn pump(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, replies: bool) {
        let mut part = [0; 4096];
        while let Ok(read @ 1..) = from.read(&mut part).await {
            let latency = self.latency_millis.load(Ordering::Relaxed);
            if latency > 0 {
                sleep(Duration::from_millis(latency)).await;
            }
            let passes = if replies { self.take(read) } else { self.pass_on(&mut part[..read]) };
            if to.write_all(&part[..passes]).await.is_err() {
                return;
            }
            if passes < read {
                let _ = to.shutdown().await;
                return;
            }
        }
    }

    fn pass_on(&self, commands: &mut [u8]) -> usize {
        if let Some((word, into)) = *self.garbled.lock().unwrap()
            && let Some(at) = commands.windows(word.len()).position(|part| part == word.as_bytes())
        {
            commands[at..at + word.len()].copy_from_slice(into.as_bytes());
        }
        commands.len()
    }

    /// How many of so many bytes pass. The connection that does not get all of them ends, and the line is good again.
    fn take(&self, bytes: usize) -> usize {
        let left = self.left.load(Ordering::Relaxed);
        if left == usize::MAX {
            return bytes;
        }
        self.left.store(if left < bytes { usize::MAX } else { left - bytes }, Ordering::Relaxed);
        bytes.min(left)
    }
}
