//! A client that does as little as a client can: it sends commands that are encoded already, and skips over replies.

use std::io::{Read, Write};
use std::net::TcpStream;

use flink_redis_engine::resp::reply;

/// Commands that go out together, and how many replies they have.
#[derive(Default)]
pub struct Pipeline {
    bytes: Vec<u8>,
    replies: usize,
}

impl Pipeline {
    pub fn command(&mut self, arguments: &[&[u8]]) {
        self.bytes.extend_from_slice(format!("*{}\r\n", arguments.len()).as_bytes());
        for argument in arguments {
            self.bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
            self.bytes.extend_from_slice(argument);
            self.bytes.extend_from_slice(b"\r\n");
        }
        self.replies += 1;
    }
}

/// Sends pipelines in turn, so many in all, two of them in flight.
pub fn send_in_pipelines(port: u16, pipelines: &[Pipeline], count: usize) {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_nodelay(true).unwrap();
    let mut inbox = Inbox { bytes: vec![0; 1 << 20], filled: 0, taken: 0 };
    let at = |number: usize| &pipelines[number % pipelines.len()];
    socket.write_all(&at(0).bytes).unwrap();
    for number in 0..count {
        if number + 1 < count {
            socket.write_all(&at(number + 1).bytes).unwrap();
        }
        (0..at(number).replies).for_each(|_| inbox.skip_reply(&mut socket));
    }
}

struct Inbox {
    bytes: Vec<u8>,
    filled: usize,
    taken: usize,
}

impl Inbox {
    fn skip_reply(&mut self, socket: &mut TcpStream) {
        loop {
            if let Some(length) = reply::length(&self.bytes[self.taken..self.filled]).unwrap() {
                assert!(self.bytes[self.taken] != b'-', "an error reply");
                self.taken += length;
                return;
            }
            self.bytes.copy_within(self.taken..self.filled, 0);
            (self.filled, self.taken) = (self.filled - self.taken, 0);
            let received = socket.read(&mut self.bytes[self.filled..]).unwrap();
            assert!(received > 0);
            self.filled += received;
        }
    }
}
