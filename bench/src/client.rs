//! One HTTP/1.1 connection, as little of it as a load generator needs: keep-alive, one request
//! at a time, bodies by `Content-Length`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

const HEAD_END: &[u8] = b"\r\n\r\n";
const LENGTH: &[u8] = b"content-length:";

/// An open connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What came back. The body stands in the connection's buffer until the next request.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    body: Range<usize>,
}

impl Connection {
    /// Connects from an address of this machine: all of 127.0.0.0/8 are.
    pub(crate) async fn open(server: SocketAddr, from: Ipv4Addr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((from, 0)))?;
        let stream = socket.connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: vec![0; 64 * 1024],
        })
    }

    /// Sends a whole request and waits for the whole answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        let mut head = None;
        loop {
            if filled == self.buffer.len() {
                self.buffer.resize(filled * 2, 0);
            }
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            if head.is_none() {
                head = parse_head(&self.buffer[..filled])?;
            }
            if let Some((status, body)) = &head
                && filled >= body.end
            {
                if filled > body.end {
                    return Err(io::Error::other("more bytes than Content-Length says"));
                }
                return Ok(Answer {
                    status: *status,
                    body: body.clone(),
                });
            }
        }
    }

    /// The body of the last answer.
    pub(crate) fn body(&self, answer: &Answer) -> &[u8] {
        self.buffer.get(answer.body.clone()).unwrap_or_default()
    }
}

/// Status and place of the body, once the head is there.
fn parse_head(bytes: &[u8]) -> io::Result<Option<(u16, Range<usize>)>> {
    let Some(end) = bytes
        .windows(HEAD_END.len())
        .position(|four| four == HEAD_END)
    else {
        return Ok(None);
    };
    let malformed = || io::Error::other("not an HTTP/1.1 answer with a Content-Length");
    let head = &bytes[..end];
    let status = head.get(9..12).and_then(number).ok_or_else(malformed)?;
    let length = head
        .split(|byte| *byte == b'\n')
        .filter(|line| {
            line.get(..LENGTH.len())
                .is_some_and(|name| name.eq_ignore_ascii_case(LENGTH))
        })
        .find_map(|line| number(line[LENGTH.len()..].trim_ascii()))
        .ok_or_else(malformed)?;
    let start = end + HEAD_END.len();
    Ok(Some((
        u16::try_from(status).map_err(|_| malformed())?,
        start..start + length,
    )))
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_when_they_are_whole() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nx: y\r\n\r\nabc";
        assert!(parse_head(&answer[..30]).unwrap().is_none());
        assert_eq!(parse_head(answer).unwrap(), Some((200, 44..47)));
        let lower = b"HTTP/1.1 404 Not Found\r\ncontent-length:12\r\n\r\n";
        assert_eq!(parse_head(lower).unwrap(), Some((404, 45..57)));
        assert!(parse_head(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
    }
}
