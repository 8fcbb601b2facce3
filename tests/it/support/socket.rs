//! A websocket client, as strict as browsers are.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::{Server, Token};

const PATIENCE: Duration = Duration::from_secs(20);

/// An open connection.
pub struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// Opens a connection; the answer's status and body where there is none.
    pub async fn try_open(
        server: &Server,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, (u16, String)> {
        let url = format!("ws://yuri.test{path}");
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            request
                .headers_mut()
                .insert(name, HeaderValue::from_str(value).unwrap());
        }
        let connection = TcpStream::connect(server.address).await.unwrap();
        match client_async(request, connection).await {
            Ok((stream, _)) => Ok(Self(stream)),
            Err(Error::Http(answer)) => {
                let status = answer.status().as_u16();
                let body = answer.into_body().unwrap_or_default();
                Err((status, String::from_utf8(body).unwrap()))
            }
            Err(other) => panic!("{other}"),
        }
    }

    /// Opens a connection without credentials.
    pub async fn open(server: &Server, path: &str) -> Self {
        Self::try_open(server, path, &[]).await.unwrap()
    }

    /// Opens a connection with a token.
    pub async fn signed(server: &Server, path: &str, token: &Token) -> Self {
        let basic = token.sign(server.get("/")).build().unwrap();
        let basic = basic.headers()["authorization"]
            .to_str()
            .unwrap()
            .to_owned();
        let opened = Self::try_open(server, path, &[("Authorization", &basic)]).await;
        opened.unwrap()
    }

    /// Sends a text.
    pub async fn send_text(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// Sends bytes.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        self.0.send(Message::binary(bytes.to_vec())).await.unwrap();
    }

    /// Sends a message with a name and data.
    pub async fn send(&mut self, name: &str, data: Value) {
        self.send_text(&json!({"name": name, "data": data}).to_string())
            .await;
    }

    /// The next text; `Err` with the code of the close.
    pub async fn next_text(&mut self) -> Result<String, u16> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.0.next()).await;
            match message.expect("something is sent") {
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(Some(frame)))) => return Err(frame.code.into()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next message: its name and data.
    pub async fn next(&mut self) -> (String, Value) {
        let text = self.next_text().await.expect("the connection stays open");
        let message: Value = serde_json::from_str(&text).unwrap();
        let name = message["name"].as_str().unwrap().to_owned();
        (name, message["data"].clone())
    }

    /// Checks that the next message is of this name; answers its data.
    pub async fn expect(&mut self, name: &str) -> Value {
        let (told, data) = self.next().await;
        assert_eq!(told, name, "{data}");
        data
    }

    /// Sends a ping and waits for its answer.
    pub async fn ping(&mut self) {
        self.0.send(Message::Ping("?".into())).await.unwrap();
        loop {
            let message = tokio::time::timeout(PATIENCE, self.0.next()).await;
            match message.expect("it is answered").unwrap().unwrap() {
                Message::Pong(_) => return,
                Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Whether the server has let the connection go without a goodbye.
    pub async fn is_gone(&mut self) -> bool {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.0.next()).await;
            match message.expect("it ends") {
                Some(Ok(Message::Ping(_))) => {}
                other => return matches!(other, None | Some(Err(_))),
            }
        }
    }

    /// Checks that the connection is closed next, with this code.
    pub async fn closed(&mut self, code: u16) {
        assert_eq!(self.next_text().await, Err(code));
    }
}
