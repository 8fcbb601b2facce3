//! A bot on the voice gateway that does what it is told to, for what real ones never do.

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use discord_sim::{Settings, Sim};
use serde_json::{Value, json};
use tokio::net::UdpSocket;

use super::socket::Socket;

const INTENTS: u64 = 1 | 1 << 7;
pub(crate) const MODE: &str = "aead_aes256_gcm_rtpsize";

/// A bot that has asked to join and holds what it was given for that.
pub(crate) struct Guest {
    pub(crate) sim: Sim,
    pub(crate) gateway: Socket,
    pub(crate) guild: u64,
    pub(crate) lounge: u64,
    pub(crate) identify: Value,
    pub(crate) endpoint: String,
    pub(crate) version: u8,
}

impl Guest {
    pub(crate) async fn new() -> Guest {
        Guest::of(Settings::default(), 4).await
    }

    /// Speaks this version of the voice gateway to a simulator with these settings.
    pub(crate) async fn of(settings: Settings, version: u8) -> Guest {
        let sim = Sim::start(settings).await.unwrap();
        Guest::join(sim, version).await
    }

    /// Joins the first voice channel of the first guild as the bot of this handle.
    pub(crate) async fn join(sim: Sim, version: u8) -> Guest {
        let (guild, lounge) = (sim.guilds()[0].id, sim.guilds()[0].voice_channel.unwrap());
        let application = sim.application();
        let mut gateway = Socket::connect(&sim.gateway_url()).await;
        gateway
            .send(
                2,
                json!({ "token": application.bot_token, "intents": INTENTS, "properties": {} }),
            )
            .await;
        let join = json!({ "guild_id": guild.to_string(), "channel_id": lounge.to_string() });
        gateway.receive_event("READY").await;
        gateway.send(4, join).await;
        let mut guest = Guest {
            sim,
            gateway,
            guild,
            lounge,
            identify: json!({
                "server_id": guild.to_string(),
                "user_id": application.id.to_string(),
                "max_dave_protocol_version": 0,
            }),
            endpoint: String::new(),
            version,
        };
        let me = application.id.to_string();
        let mut state = Value::Null;
        while state["user_id"] != me {
            state = guest.gateway.receive_event("VOICE_STATE_UPDATE").await;
        }
        guest.identify["session_id"] = state["session_id"].take();
        assert!(guest.follow().await);
        guest
    }

    /// Takes what it is told of its voice server next; false if it has none any more.
    pub(crate) async fn follow(&mut self) -> bool {
        let server = self.gateway.receive_event("VOICE_SERVER_UPDATE").await;
        assert_eq!(server["guild_id"], self.guild.to_string());
        self.identify["token"] = server["token"].clone();
        let endpoint = server["endpoint"].as_str();
        endpoint.unwrap_or_default().clone_into(&mut self.endpoint);
        endpoint.is_some()
    }

    pub(crate) async fn connect(&self) -> Socket {
        let mut socket = Socket::connect_voice(&self.sim, &self.endpoint, self.version).await;
        let hello = socket.receive().await;
        assert_eq!(hello["op"], 8);
        assert_eq!(hello["d"]["v"], self.version);
        assert!(hello["d"]["heartbeat_interval"].as_f64().unwrap() > 0.0);
        socket
    }

    /// Identifies; the connection and its READY.
    pub(crate) async fn enter(&self) -> (Socket, Value) {
        let mut socket = self.connect().await;
        socket.send(0, self.identify.clone()).await;
        let ready = socket.receive_op(2).await["d"].take();
        (socket, ready)
    }

    /// Goes all the way to a key.
    pub(crate) async fn speak(&self) -> (Socket, Speaker) {
        let (mut socket, ready) = self.enter().await;
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = u16::try_from(ready["port"].as_u64().unwrap()).unwrap();
        udp.connect(("127.0.0.1", port)).await.unwrap();
        let ssrc = u32::try_from(ready["ssrc"].as_u64().unwrap()).unwrap();
        socket.send(1, select("udp", MODE)).await;
        let description = socket.receive_op(4).await["d"].take();
        let dave = &self.identify["max_dave_protocol_version"];
        assert!(description["dave_protocol_version"].as_u64() <= dave.as_u64());
        assert_eq!(description["mode"], MODE);
        let key = description["secret_key"].as_array().unwrap().iter();
        let key = key.map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap());
        let cipher = Aes256Gcm::new_from_slice(&key.collect::<Vec<_>>()).unwrap();
        (
            socket,
            Speaker {
                udp,
                ssrc,
                cipher,
                sent: 0,
            },
        )
    }
}

pub(crate) fn select(protocol: &str, mode: &str) -> Value {
    json!({ "protocol": protocol, "data": { "address": "127.0.0.1", "port": 9, "mode": mode } })
}

/// Sends packets as a client does.
pub(crate) struct Speaker {
    pub(crate) udp: UdpSocket,
    pub(crate) ssrc: u32,
    cipher: Aes256Gcm,
    sent: u16,
}

impl Speaker {
    pub(crate) async fn send(&mut self, opus: &[u8]) {
        let sequence = self.sent.to_be_bytes();
        let timestamp = (u32::from(self.sent) * 960).to_be_bytes();
        let header = [
            &[0x80, 0x78],
            &sequence[..],
            &timestamp,
            &self.ssrc.to_be_bytes(),
        ]
        .concat();
        let mut nonce = Nonce::default();
        nonce[..2].copy_from_slice(&sequence);
        let payload = Payload {
            msg: opus,
            aad: &header,
        };
        let sealed = self.cipher.encrypt(&nonce, payload).unwrap();
        self.udp
            .send(&[&header[..], &sealed, &nonce[..4]].concat())
            .await
            .unwrap();
        self.sent += 1;
    }

    /// Asks for its address, which also tells where to send to.
    pub(crate) async fn discover(&self) {
        let mut request = [0; 74];
        request[1] = 1;
        request[3] = 70;
        request[4..8].copy_from_slice(&self.ssrc.to_be_bytes());
        self.udp.send(&request).await.unwrap();
        let mut answer = [0; 74];
        assert_eq!(self.udp.recv(&mut answer).await.unwrap(), 74);
        assert_eq!(answer[1], 2);
    }

    /// The next packet that comes: its header and what is in it.
    pub(crate) async fn receive(&self) -> (Vec<u8>, Vec<u8>) {
        let mut packet = vec![0; 2_048];
        let receiving = tokio::time::timeout(super::PATIENCE, self.udp.recv(&mut packet));
        let length = receiving.await.expect("a packet in time").unwrap();
        packet.truncate(length);
        let counter = packet.split_off(length - 4);
        let sealed = packet.split_off(12);
        let mut nonce = Nonce::default();
        nonce[..4].copy_from_slice(&counter);
        let payload = Payload {
            msg: &sealed,
            aad: &packet,
        };
        let opened = self.cipher.decrypt(&nonce, payload).unwrap();
        (packet, opened)
    }
}
