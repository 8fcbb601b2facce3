//! Where a fault can strike.

use serde::{Deserialize, Serialize};

use super::requests::{Requests, read_id, write_id};

/// Where a fault can strike, and which of what passes there is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Point {
    /// A request has come in, its body not read and nothing done about it, not even counted
    /// in a limit.
    Request(Requests),
    /// The answer to a request is about to leave. What was asked for has been done, unless
    /// another fault has answered.
    Answer(Requests),
    /// A connection has been accepted and nothing read from it.
    Connection(Server),
    /// A client's payload has come in at a gateway.
    Received(Payloads),
    /// A gateway is about to send a payload.
    Sent(Payloads),
    /// An audio packet is passing.
    Packet(Packets),
}

impl From<Requests> for Point {
    fn from(requests: Requests) -> Point {
        Point::Request(requests)
    }
}

impl From<Server> for Point {
    fn from(server: Server) -> Point {
        Point::Connection(server)
    }
}

impl From<Packets> for Point {
    fn from(packets: Packets) -> Point {
        Point::Packet(packets)
    }
}

/// One of the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Server {
    /// OAuth and REST, and the simulator's own interface.
    Http,
    /// The same over TLS.
    Https,
    /// The gateway.
    Gateway,
    /// The voice gateway.
    Voice,
}

/// Some of the payloads of one of the two gateways: all, unless narrowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payloads {
    pub(super) gateway: GatewayKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) op: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<String>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "write_id",
        deserialize_with = "read_id"
    )]
    pub(super) bot: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) shard: Option<u64>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "write_id",
        deserialize_with = "read_id"
    )]
    pub(super) guild: Option<u64>,
}

/// Which gateway payloads belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GatewayKind {
    Main,
    Voice,
}

impl Payloads {
    /// Those of the gateway.
    pub fn gateway() -> Payloads {
        Payloads::of(GatewayKind::Main)
    }

    /// Those of the voice gateway.
    pub fn voice() -> Payloads {
        Payloads::of(GatewayKind::Voice)
    }

    fn of(gateway: GatewayKind) -> Payloads {
        Payloads {
            gateway,
            op: None,
            event: None,
            bot: None,
            shard: None,
            guild: None,
        }
    }

    /// Of these, those with this opcode.
    #[must_use]
    pub fn op(self, op: u64) -> Payloads {
        let op = Some(op);
        Payloads { op, ..self }
    }

    /// Of these, the events of this name, such as `VOICE_SERVER_UPDATE`; sent by the gateway
    /// only.
    #[must_use]
    pub fn event(self, name: impl Into<String>) -> Payloads {
        let event = Some(name.into());
        Payloads { event, ..self }
    }

    /// Of these, those to and from this application's bot. Before it has logged in a
    /// connection is nobody's.
    #[must_use]
    pub fn of_bot(self, application: u64) -> Payloads {
        let bot = Some(application);
        Payloads { bot, ..self }
    }

    /// Of these, those to and from this shard; of the gateway only.
    #[must_use]
    pub fn of_shard(self, shard: u64) -> Payloads {
        let shard = Some(shard);
        Payloads { shard, ..self }
    }

    /// Of these, those of connections to this guild; of the voice gateway only.
    #[must_use]
    pub fn of_guild(self, guild: u64) -> Payloads {
        let guild = Some(guild);
        Payloads { guild, ..self }
    }

    pub(crate) fn include(&self, payload: &Payload<'_>) -> bool {
        self.gateway == payload.gateway
            && fits(self.op, Some(payload.op))
            && fits(self.event.as_deref(), payload.event)
            && fits(self.bot, payload.bot)
            && fits(self.shard, payload.shard)
            && fits(self.guild, payload.guild)
    }
}

/// A payload, as far as faults look at it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payload<'a> {
    pub(crate) gateway: GatewayKind,
    pub(crate) op: u64,
    pub(crate) event: Option<&'a str>,
    pub(crate) bot: Option<u64>,
    pub(crate) shard: Option<u64>,
    pub(crate) guild: Option<u64>,
}

/// Some of the packets of audio connections: all, unless narrowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packets {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) direction: Option<Direction>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<PacketKind>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "write_id",
        deserialize_with = "read_id"
    )]
    pub(super) bot: Option<u64>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "write_id",
        deserialize_with = "read_id"
    )]
    pub(super) guild: Option<u64>,
}

/// Where a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    Received,
    Sent,
}

/// What a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PacketKind {
    /// IP discovery, by which a client learns its own address.
    Discovery,
    /// What keeps a way through a NAT open. It does not tell whose it is.
    KeepAlive,
    /// Everything else: sound, and what accompanies it.
    Audio,
}

impl Packets {
    /// All in both directions.
    pub fn all() -> Packets {
        Packets::default()
    }

    /// Those that clients send.
    pub fn received() -> Packets {
        Packets::in_direction(Direction::Received)
    }

    /// Those that are sent to clients.
    pub fn sent() -> Packets {
        Packets::in_direction(Direction::Sent)
    }

    fn in_direction(direction: Direction) -> Packets {
        Packets {
            direction: Some(direction),
            ..Packets::all()
        }
    }

    /// Of these, those of this kind.
    #[must_use]
    pub fn kind(self, kind: PacketKind) -> Packets {
        let kind = Some(kind);
        Packets { kind, ..self }
    }

    /// Of these, those to and from this application's bot.
    #[must_use]
    pub fn of_bot(self, application: u64) -> Packets {
        let bot = Some(application);
        Packets { bot, ..self }
    }

    /// Of these, those of connections to this guild.
    #[must_use]
    pub fn of_guild(self, guild: u64) -> Packets {
        let guild = Some(guild);
        Packets { guild, ..self }
    }

    pub(crate) fn include(&self, packet: Packet) -> bool {
        fits(self.direction, Some(packet.direction))
            && fits(self.kind, Some(packet.kind))
            && fits(self.bot, packet.bot)
            && fits(self.guild, packet.guild)
    }
}

/// A packet, as far as faults look at it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet {
    pub(crate) direction: Direction,
    pub(crate) kind: PacketKind,
    pub(crate) bot: Option<u64>,
    pub(crate) guild: Option<u64>,
}

fn fits<T: PartialEq>(wanted: Option<T>, found: Option<T>) -> bool {
    wanted.is_none() || wanted == found
}
