//! HTTP as it is: what an answer says, each byte of it, and how a connection ends.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use discord_sim::Sim;
use reqwest::Response;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::PATIENCE;

/// The answer to the bot's request for something.
pub(crate) async fn get(sim: &Sim, path: &str) -> Response {
    let url = format!("{}/api/v10{path}", sim.api_url());
    let token = format!("Bot {}", sim.application().bot_token);
    let request = reqwest::Client::new().get(url);
    request.header("authorization", token).send().await.unwrap()
}

/// The value of a header, or nothing.
pub(crate) fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

/// A connection over which one request was sent.
pub(crate) struct Wire(TcpStream);

/// How a connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// In good order (FIN).
    Closed,
    /// Not so (RST).
    Reset,
}

impl Wire {
    /// Sends the request for something as the bot.
    pub(crate) async fn get(sim: &Sim, path: &str) -> Wire {
        Wire::send(sim, &format!("GET /api/v10{path}"), "").await
    }

    /// Sends a request with a body as the bot.
    pub(crate) async fn send(sim: &Sim, request: &str, body: &str) -> Wire {
        let mut wire = Wire::connect(sim).await;
        let token = sim.application().bot_token;
        let length = body.len();
        let request = format!(
            "{request} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bot {token}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        wire.0.write_all(request.as_bytes()).await.unwrap();
        wire
    }

    /// Connects, and sends nothing.
    pub(crate) async fn connect(sim: &Sim) -> Wire {
        let url = sim.api_url();
        let address = url.trim_start_matches("http://");
        Wire(TcpStream::connect(address).await.unwrap())
    }

    /// All that comes until the connection ends.
    pub(crate) async fn read_to_end(&mut self) -> (String, End) {
        let mut bytes = Vec::new();
        let reading = tokio::time::timeout(PATIENCE, self.0.read_to_end(&mut bytes));
        let end = match reading.await.expect("an end in time") {
            Ok(_) => End::Closed,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => End::Reset,
            Err(error) => panic!("{error}"),
        };
        (String::from_utf8(bytes).unwrap(), end)
    }

    /// Head and body of an answer after which the connection ends.
    pub(crate) async fn answer(&mut self) -> (String, String, End) {
        let (text, end) = self.read_to_end().await;
        let (head, body) = text.split_once("\r\n\r\n").expect("a whole head");
        (head.to_ascii_lowercase(), body.to_owned(), end)
    }

    /// What comes within a time in which the connection does not end.
    pub(crate) async fn read_for(&mut self, time: Duration) -> String {
        let mut bytes = Vec::new();
        let until = Instant::now() + time;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            let mut buffer = [0; 4096];
            match tokio::time::timeout(left, self.0.read(&mut buffer)).await {
                Ok(Ok(length @ 1..)) => bytes.extend(&buffer[..length]),
                Ok(end) => panic!("the connection has ended: {end:?}"),
                Err(_) => break,
            }
        }
        String::from_utf8(bytes).unwrap()
    }

    /// Whether the server still takes what is sent, after it has said that it is done.
    pub(crate) async fn is_read(&mut self) -> bool {
        for _ in 0..2 {
            if self.0.write_all(b"more").await.is_err() {
                return false;
            }
            tokio::task::yield_now().await;
        }
        true
    }
}
