//! Where audio arrives: the UDP socket, the connections behind it, and their recordings.
//!
//! Kept apart from the rest of the state, so that packets never wait for it.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::watch;

use super::link::{Link, SharedRecording, lock};
use super::network::Network;
use crate::faults::active::Faults;
use crate::faults::point::{Direction, Packet, PacketKind};
use crate::heard::recording::Recording;
use crate::protocol::rtp::Header;
use crate::stop::Stop;

/// An IP discovery packet, request and answer alike.
const DISCOVERY: usize = 74;
/// What keeps a way through a NAT open.
const KEEP_ALIVE: usize = 8;
/// How often packets are looked for that need not be kept any longer.
const FORGET_EVERY: Duration = Duration::from_mins(1);
/// Longer than any packet that arrives over Ethernet.
const LONGEST_PACKET: usize = 2048;

/// All audio connections and recordings of a simulator.
#[derive(Debug)]
pub(crate) struct Hub {
    links: Mutex<Links>,
    recordings: Mutex<HashMap<(u64, u64), SharedRecording>>,
    heard: watch::Sender<u64>,
    pub(crate) faults: Arc<Faults>,
    keep: Duration,
}

#[derive(Debug, Default)]
struct Links {
    by_ssrc: HashMap<u32, Weak<Link>>,
}

impl Hub {
    /// A hub whose recordings keep this much.
    pub(crate) fn new(keep: Duration, faults: Arc<Faults>) -> Hub {
        Hub {
            links: Mutex::default(),
            recordings: Mutex::default(),
            heard: watch::Sender::new(0),
            faults,
            keep,
        }
    }

    /// Makes a link with a new SSRC for a bot in a guild. It works as long as it is held.
    pub(crate) fn link(&self, guild: u64, user: u64) -> Arc<Link> {
        let recording = self.recording(guild, user);
        let mut links = lock(&self.links);
        links.by_ssrc.retain(|_, link| link.strong_count() > 0);
        // Nobody should guess those of others.
        let mut ssrc = rand::random_range(1..=u32::MAX);
        while links.by_ssrc.contains_key(&ssrc) {
            ssrc = ssrc.checked_add(1).unwrap_or(1);
        }
        let link = Arc::new(Link::new(ssrc, (guild, user), recording));
        links.by_ssrc.insert(ssrc, Arc::downgrade(&link));
        link
    }

    /// Looks at what a bot has sent in a guild.
    pub(crate) fn read<R>(&self, guild: u64, user: u64, look: impl FnOnce(&Recording) -> R) -> R {
        look(&lock(&self.recording(guild, user)))
    }

    /// Changes a recording and wakes those who wait for it.
    pub(crate) fn change(&self, guild: u64, user: u64, change: impl FnOnce(&mut Recording)) {
        change(&mut lock(&self.recording(guild, user)));
        self.heard.send_modify(|count| *count += 1);
    }

    /// Follows all recordings: changes with each packet.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.heard.subscribe()
    }

    /// Reads packets until told to stop.
    pub(crate) async fn listen(&self, socket: UdpSocket, mut stop: Stop) {
        let mut buffer = vec![0; LONGEST_PACKET];
        let mut network = Network::new(self, &socket);
        let mut forgetting = tokio::time::interval(FORGET_EVERY);
        loop {
            let received = tokio::select! {
                () = stop.requested() => return,
                () = network.wait() => {
                    network.release();
                    continue;
                }
                _ = forgetting.tick() => {
                    self.forget(Instant::now());
                    continue;
                }
                received = socket.recv_from(&mut buffer) => received,
            };
            // An error here is an ICMP answer to an earlier reply, not the socket's end.
            if let Ok((length, from)) = received {
                network.receive(&buffer[..length], from);
            }
        }
    }

    /// What a packet is, and whose.
    pub(super) fn describe(
        &self,
        direction: Direction,
        packet: &[u8],
        address: SocketAddr,
    ) -> Packet {
        let (kind, ssrc) = match (packet, Header::parse(packet)) {
            ([0, 1 | 2, 0, 70, a, b, c, d, ..], _) if packet.len() == DISCOVERY => {
                let ssrc = u32::from_be_bytes([*a, *b, *c, *d]);
                (PacketKind::Discovery, Some(ssrc))
            }
            (packet, _) if packet.len() == KEEP_ALIVE => (PacketKind::KeepAlive, None),
            (_, header) => (PacketKind::Audio, header.map(|header| header.ssrc)),
        };
        // What is sent on has the SSRC of its sender, and belongs to its receiver.
        let by_ssrc = kind == PacketKind::Discovery || direction == Direction::Received;
        let link = ssrc.filter(|_| by_ssrc).and_then(|ssrc| self.find(ssrc));
        let link = link.or_else(|| self.find_at(address));
        Packet {
            direction,
            kind,
            bot: link.as_ref().map(|link| link.place.1),
            guild: link.as_ref().map(|link| link.place.0),
        }
    }

    /// Takes one packet, and sends what has to be sent because of it.
    pub(super) fn receive(
        &self,
        packet: &[u8],
        from: SocketAddr,
        mut send: impl FnMut(&[u8], SocketAddr),
    ) {
        if let Some(ssrc) = discovery_request(packet) {
            if let Some(link) = self.find(ssrc) {
                link.discover(from);
                send(&discovery_answer(ssrc, from), from);
            }
            return;
        }
        // Clients keep their way through a NAT open with these, and expect them back.
        if packet.len() == KEEP_ALIVE {
            send(packet, from);
            return;
        }
        let Some(header) = Header::parse(packet) else {
            return;
        };
        let link = self.find(header.ssrc);
        let arrival = Instant::now();
        if link.is_some_and(|link| link.receive(header, packet, (from, arrival), send)) {
            self.heard.send_modify(|count| *count += 1);
        }
    }

    /// Drops what is too old to be kept, also of those who send nothing any more.
    fn forget(&self, now: Instant) {
        let recordings: Vec<_> = lock(&self.recordings).values().cloned().collect();
        for recording in recordings {
            lock(&recording).forget(now);
        }
    }

    fn find(&self, ssrc: u32) -> Option<Arc<Link>> {
        lock(&self.links).by_ssrc.get(&ssrc)?.upgrade()
    }

    fn find_at(&self, address: SocketAddr) -> Option<Arc<Link>> {
        let links = lock(&self.links);
        let mut links = links.by_ssrc.values().filter_map(Weak::upgrade);
        links.find(|link| link.is_at(address))
    }

    fn recording(&self, guild: u64, user: u64) -> SharedRecording {
        lock(&self.recordings)
            .entry((guild, user))
            .or_insert_with(|| Arc::new(Mutex::new(Recording::new(self.keep))))
            .clone()
    }
}

/// The SSRC of an IP discovery request: type 1, length 70, SSRC, zeros.
fn discovery_request(packet: &[u8]) -> Option<u32> {
    match *packet {
        [0, 1, 0, 70, a, b, c, d, ..] if packet.len() == DISCOVERY => {
            Some(u32::from_be_bytes([a, b, c, d]))
        }
        _ => None,
    }
}

/// Type 2, length 70, SSRC, the address as text in 64 bytes, the port.
fn discovery_answer(ssrc: u32, from: SocketAddr) -> Vec<u8> {
    let mut answer = vec![0, 2, 0, 70];
    answer.extend(ssrc.to_be_bytes());
    answer.extend(ip_text(from.ip()).as_bytes());
    answer.resize(DISCOVERY - 2, 0);
    answer.extend(from.port().to_be_bytes());
    answer
}

fn ip_text(ip: IpAddr) -> String {
    ip.to_canonical().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is sent because of a packet.
    fn answer(hub: &Hub, packet: &[u8]) -> Option<Vec<u8>> {
        let from = "127.0.0.1:4000".parse().unwrap();
        let mut sent = None;
        hub.receive(packet, from, |packet, to| {
            assert_eq!(to, from);
            sent = Some(packet.to_vec());
        });
        sent
    }

    #[test]
    fn answers_ip_discovery_only_for_known_ssrcs() {
        let hub = Hub::new(Duration::from_mins(1), Arc::new(Faults::new()));
        let mut request = vec![0; DISCOVERY];
        request[..4].copy_from_slice(&[0, 1, 0, 70]);
        let link = hub.link(1, 2);
        assert_eq!(answer(&hub, &request), None);
        request[4..8].copy_from_slice(&link.ssrc.to_be_bytes());
        let sent = answer(&hub, &request).unwrap();
        assert_eq!(sent.len(), DISCOVERY);
        assert_eq!(&sent[..4], [0, 2, 0, 70]);
        assert_eq!(&sent[4..8], link.ssrc.to_be_bytes());
        assert_eq!(&sent[8..18], b"127.0.0.1\0");
        assert_eq!(&sent[72..], 4000u16.to_be_bytes());
        drop(link);
        assert_eq!(answer(&hub, &request), None);
    }

    #[test]
    fn keepalives_come_back_and_garbage_does_not() {
        let hub = Hub::new(Duration::from_mins(1), Arc::new(Faults::new()));
        assert_eq!(answer(&hub, b"12345678").unwrap(), b"12345678");
        for length in [0, 1, 4, 12, 74, 1500] {
            assert_eq!(answer(&hub, &vec![0xab; length]), None);
        }
    }
}
