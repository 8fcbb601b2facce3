//! The way between the clients and the hub, on which packets are lost, late, doubled and
//! damaged if a test wants it.
//!
//! Held by the task that listens; without faults it costs a look at a counter.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep_until};

use super::hub::Hub;
use crate::faults::effect::Effect;
use crate::faults::passage::garble_byte;
use crate::faults::point::Direction;

/// How many packets can be under way; more are lost.
const MOST_LATE: usize = 20_000;

/// All packets that are late.
#[derive(Debug)]
pub(super) struct Network<'a> {
    hub: &'a Hub,
    socket: &'a UdpSocket,
    /// By the time at which they arrive, those of the same in the order of their number.
    late: BTreeMap<(Instant, u64), Traveller>,
    count: u64,
}

#[derive(Clone, Debug)]
struct Traveller {
    direction: Direction,
    packet: Vec<u8>,
    /// The client's.
    address: SocketAddr,
}

impl<'a> Network<'a> {
    pub(super) fn new(hub: &'a Hub, socket: &'a UdpSocket) -> Network<'a> {
        Network {
            hub,
            socket,
            late: BTreeMap::new(),
            count: 0,
        }
    }

    /// A client has sent a packet.
    pub(super) fn receive(&mut self, packet: &[u8], from: SocketAddr) {
        if self.hub.faults.is_empty() {
            self.hub.receive(packet, from, |packet, to| {
                // A receiver whose buffer is full loses it, as on any network.
                let _ = self.socket.try_send_to(packet, to);
            });
            return;
        }
        self.depart(Traveller {
            direction: Direction::Received,
            packet: packet.to_vec(),
            address: from,
        });
    }

    /// Waits until the next of those that are late arrives; for ever if there are none.
    pub(super) async fn wait(&self) {
        match self.late.first_key_value() {
            Some(((due, _), _)) => sleep_until(*due).await,
            None => std::future::pending().await,
        }
    }

    /// Lets arrive what is due.
    pub(super) fn release(&mut self) {
        let now = Instant::now();
        while let Some(first) = self.late.first_entry()
            && first.key().0 <= now
        {
            let traveller = first.remove();
            self.arrive(&traveller);
        }
    }

    fn depart(&mut self, mut traveller: Traveller) {
        let Traveller {
            direction,
            packet,
            address,
        } = &mut traveller;
        let described = self.hub.describe(*direction, packet, *address);
        let mut delay = Duration::ZERO;
        let mut copies = 1_usize;
        for strike in self.hub.faults.on_packet(described) {
            delay += strike.delay().unwrap_or_default();
            match strike.effect {
                Effect::Swallow => return,
                Effect::Garble => garble_byte(packet, strike.dice),
                Effect::Duplicate => copies += 1,
                _ => {}
            }
        }
        for _ in 0..copies {
            if delay.is_zero() {
                self.arrive(&traveller);
            } else if self.late.len() < MOST_LATE {
                self.count += 1;
                let due = Instant::now() + delay;
                self.late.insert((due, self.count), traveller.clone());
            }
        }
    }

    fn arrive(&mut self, traveller: &Traveller) {
        let Traveller {
            direction,
            packet,
            address,
        } = traveller;
        if *direction == Direction::Sent {
            let _ = self.socket.try_send_to(packet, *address);
            return;
        }
        let mut answers = Vec::new();
        self.hub.receive(packet, *address, |packet, to| {
            answers.push(Traveller {
                direction: Direction::Sent,
                packet: packet.to_vec(),
                address: to,
            });
        });
        for answer in answers {
            self.depart(answer);
        }
    }
}
