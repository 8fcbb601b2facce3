//! A WebSocket client that sends what it is told to, for what real clients never do.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use discord_sim::Sim;
use flate2::read::ZlibDecoder;
use flate2::{Decompress, FlushDecompress};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
};

/// A frame of the voice gateway, which sends both kinds.
#[derive(Debug)]
pub(crate) enum Frame {
    Text(Value),
    Binary(Vec<u8>),
}

/// A connection to either gateway.
pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// What reads the frames of a connection with `compress=zlib-stream`.
    inflater: Option<Decompress>,
    /// How many frames were compressed.
    pub(crate) compressed: usize,
}

impl Socket {
    fn new(stream: WebSocketStream<MaybeTlsStream<TcpStream>>) -> Socket {
        Socket {
            stream,
            inflater: None,
            compressed: 0,
        }
    }

    /// Connects without TLS.
    pub(crate) async fn connect(url: &str) -> Socket {
        let (stream, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        Socket {
            inflater: url.contains("zlib-stream").then(|| Decompress::new(true)),
            ..Socket::new(stream)
        }
    }

    /// Connects to a voice endpoint.
    pub(crate) async fn connect_voice(sim: &Sim, endpoint: &str, version: u8) -> Socket {
        Socket::try_voice(sim, endpoint, &format!("?v={version}"))
            .await
            .unwrap()
    }

    /// Tries that with a query of one's own, trusting the simulator's authority and nothing
    /// else.
    pub(crate) async fn try_voice(
        sim: &Sim,
        endpoint: &str,
        query: &str,
    ) -> Result<Socket, tungstenite::Error> {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(sim.authority_pem().as_bytes()).unwrap();
        roots.add(authority).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = Some(Connector::Rustls(Arc::new(config)));
        let url = format!("wss://{endpoint}/{query}");
        let (socket, _) = connect_async_tls_with_config(url, None, false, connector).await?;
        Ok(Socket::new(socket))
    }

    pub(crate) async fn send(&mut self, op: u64, d: Value) {
        self.send_text(&json!({ "op": op, "d": d }).to_string())
            .await;
    }

    pub(crate) async fn send_binary(&mut self, bytes: Vec<u8>) {
        self.stream.send(Message::binary(bytes)).await.unwrap();
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    /// The next payload.
    ///
    /// # Panics
    ///
    /// If the server closes instead, or it is an event that is not all it must be.
    pub(crate) async fn receive(&mut self) -> Value {
        let payload = self.receive_any().await;
        super::strict::check(&payload);
        payload
    }

    async fn receive_any(&mut self) -> Value {
        loop {
            let message = tokio::time::timeout(super::PATIENCE, self.stream.next()).await;
            match message
                .expect("a payload in time")
                .expect("an open connection")
                .unwrap()
            {
                Message::Text(text) => {
                    assert!(self.inflater.is_none(), "not compressed: {text}");
                    return serde_json::from_str(&text).unwrap();
                }
                Message::Binary(bytes) => return self.inflate(&bytes),
                Message::Close(frame) => panic!("closed: {frame:?}"),
                _ => {}
            }
        }
    }

    /// The next frame of the voice gateway.
    ///
    /// # Panics
    ///
    /// If the server closes instead.
    pub(crate) async fn receive_frame(&mut self) -> Frame {
        loop {
            let message = tokio::time::timeout(super::PATIENCE, self.stream.next()).await;
            match message
                .expect("a frame in time")
                .expect("an open connection")
                .unwrap()
            {
                Message::Text(text) => return Frame::Text(serde_json::from_str(&text).unwrap()),
                Message::Binary(bytes) => return Frame::Binary(bytes.into()),
                Message::Close(frame) => panic!("closed: {frame:?}"),
                _ => {}
            }
        }
    }

    fn inflate(&mut self, bytes: &[u8]) -> Value {
        self.compressed += 1;
        let mut text = Vec::new();
        let Some(inflater) = &mut self.inflater else {
            ZlibDecoder::new(bytes).read_to_end(&mut text).unwrap();
            return serde_json::from_slice(&text).unwrap();
        };
        assert!(bytes.ends_with(&[0, 0, 0xff, 0xff]), "not flushed");
        text.reserve(1 << 20);
        inflater
            .decompress_vec(bytes, &mut text, FlushDecompress::Sync)
            .unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    /// The next text frame, whatever is in it.
    pub(crate) async fn receive_text(&mut self) -> String {
        let message = tokio::time::timeout(super::PATIENCE, self.stream.next()).await;
        let message = message.expect("a frame in time");
        let message = message.expect("an open connection").unwrap();
        message.into_text().unwrap().to_string()
    }

    /// The next payload with this opcode.
    pub(crate) async fn receive_op(&mut self, op: u64) -> Value {
        loop {
            let payload = self.receive().await;
            if payload["op"] == op {
                return payload;
            }
        }
    }

    /// The data of the next event of this name.
    pub(crate) async fn receive_event(&mut self, name: &str) -> Value {
        loop {
            let mut payload = self.receive().await;
            if payload["t"] == name {
                return payload["d"].take();
            }
        }
    }

    /// Waits until the server closes; its code.
    pub(crate) async fn closed(self) -> u16 {
        let frame = self.ended().await.flatten();
        frame.expect("a close code").0
    }

    /// Waits until the connection ends; the close frame, if there is one, and the code and
    /// reason in that.
    pub(crate) async fn ended(self) -> Option<Option<(u16, String)>> {
        self.rest().await.1
    }

    /// All payloads in text frames until the connection ends, and its end as
    /// [`ended`](Socket::ended) tells it.
    pub(crate) async fn rest(mut self) -> (Vec<Value>, Option<Option<(u16, String)>>) {
        let mut payloads = Vec::new();
        loop {
            let message = tokio::time::timeout(super::PATIENCE, self.stream.next()).await;
            match message.expect("an end in time") {
                Some(Ok(Message::Text(text))) => {
                    payloads.push(serde_json::from_str(&text).unwrap());
                }
                Some(Ok(Message::Close(frame))) => {
                    let frame = frame.map(|frame| (frame.code.into(), frame.reason.to_string()));
                    return (payloads, Some(frame));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return (payloads, None),
            }
        }
    }

    /// Whether nothing comes for so long, not even an end.
    pub(crate) async fn is_silent(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.stream.next())
            .await
            .is_err()
    }

    /// Drops the connection without a word.
    pub(crate) fn vanish(self) {
        drop(self.stream);
    }

    /// Closes with a code.
    pub(crate) async fn close(mut self, code: u16) {
        let frame = tungstenite::protocol::CloseFrame {
            code: code.into(),
            reason: "".into(),
        };
        self.stream.close(Some(frame)).await.unwrap();
        while let Some(Ok(_)) = self.stream.next().await {}
    }
}
