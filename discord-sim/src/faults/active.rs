//! The faults in force: added and removed by a test, asked by the servers.
//!
//! Behind a lock of their own, so that packets do not wait for the rest of the state.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::watch;

use super::effect::Effect;
use super::point::{Packet, Payload, Point, Server};
use super::requests::Requests;
use super::{Fault, FaultError, FaultId, FaultReport};

/// All faults of a simulator.
#[derive(Debug)]
pub(crate) struct Faults {
    list: Mutex<List>,
    /// How many there are, for those that need not look at them.
    count: AtomicU64,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct List {
    last: u64,
    active: Vec<Active>,
}

#[derive(Debug)]
struct Active {
    report: FaultReport,
    dice: ChaCha8Rng,
}

/// A fault that strikes at this moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Strike {
    pub(crate) fault: FaultId,
    pub(crate) effect: Effect,
    /// For what the effect leaves to chance.
    pub(crate) dice: u64,
}

impl Strike {
    /// For how long it delays.
    pub(crate) fn delay(&self) -> Option<Duration> {
        match self.effect {
            Effect::Delay(latency) => Some(latency.roll(self.dice)),
            _ => None,
        }
    }
}

impl Active {
    /// Counts what it met; whether it strikes.
    fn meet(&mut self) -> Option<Strike> {
        let FaultReport {
            id,
            fault,
            met,
            struck,
        } = &mut self.report;
        *met += 1;
        if *met <= fault.skip || fault.times.is_some_and(|times| *struck >= times) {
            return None;
        }
        // The dice are thrown either way, so that what they give depends on nothing else.
        let (chance, dice) = (self.dice.random::<f64>(), self.dice.random());
        if chance >= fault.probability {
            return None;
        }
        *struck += 1;
        Some(Strike {
            fault: *id,
            effect: fault.effect.clone(),
            dice,
        })
    }
}

impl Faults {
    pub(crate) fn new() -> Faults {
        Faults {
            list: Mutex::default(),
            count: AtomicU64::new(0),
            changes: watch::Sender::new(0),
        }
    }

    /// Whether there are none, as in most simulators.
    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// Adds a fault behind the others.
    pub(crate) fn add(&self, fault: Fault) -> Result<FaultId, FaultError> {
        fault.check()?;
        let mut list = self.lock();
        list.last += 1;
        let id = FaultId(list.last);
        let dice = ChaCha8Rng::seed_from_u64(fault.seed);
        let report = FaultReport {
            id,
            fault,
            met: 0,
            struck: 0,
        };
        list.active.push(Active { report, dice });
        self.count.fetch_add(1, Ordering::Relaxed);
        Ok(id)
    }

    /// Removes a fault; what had become of it.
    pub(crate) fn remove(&self, id: FaultId) -> Option<FaultReport> {
        let mut list = self.lock();
        let position = list.active.iter().position(|one| one.report.id == id)?;
        let removed = list.active.remove(position);
        self.count.fetch_sub(1, Ordering::Relaxed);
        Some(removed.report)
    }

    /// Removes all.
    pub(crate) fn clear(&self) {
        let mut list = self.lock();
        list.active.clear();
        self.count.store(0, Ordering::Relaxed);
    }

    /// All of them, in the order in which they were added.
    pub(crate) fn reports(&self) -> Vec<FaultReport> {
        let list = self.lock();
        list.active.iter().map(|one| one.report.clone()).collect()
    }

    /// Waits until a fault has struck so often; false if it has not after `timeout`, or is
    /// not there.
    pub(crate) async fn wait(&self, id: FaultId, struck: u64, timeout: Duration) -> bool {
        let enough = |_: &u64| {
            let list = self.lock();
            let mut of_id = list.active.iter().filter(|one| one.report.id == id);
            of_id.any(|one| one.report.struck >= struck)
        };
        let mut changes = self.changes.subscribe();
        let waiting = changes.wait_for(enough);
        let waited = tokio::time::timeout(timeout, waiting).await;
        waited.is_ok_and(|found| found.is_ok())
    }

    /// What strikes a request that has come in; `path` as in [`Requests::include`].
    pub(crate) fn on_request(&self, method: &str, path: &str, bot: Option<u64>) -> Vec<Strike> {
        let meant = |requests: &Requests| requests.include(method, path, bot);
        self.meet(|point| matches!(point, Point::Request(requests) if meant(requests)))
    }

    /// What strikes the answer to a request.
    pub(crate) fn on_answer(&self, method: &str, path: &str, bot: Option<u64>) -> Vec<Strike> {
        let meant = |requests: &Requests| requests.include(method, path, bot);
        self.meet(|point| matches!(point, Point::Answer(requests) if meant(requests)))
    }

    /// What strikes a connection that was just accepted.
    pub(crate) fn on_connection(&self, server: Server) -> Vec<Strike> {
        self.meet(|point| *point == Point::Connection(server))
    }

    /// What strikes a payload that has come in.
    pub(crate) fn on_received(&self, payload: &Payload<'_>) -> Vec<Strike> {
        self.meet(|point| matches!(point, Point::Received(payloads) if payloads.include(payload)))
    }

    /// What strikes a payload that is about to be sent.
    pub(crate) fn on_sent(&self, payload: &Payload<'_>) -> Vec<Strike> {
        self.meet(|point| matches!(point, Point::Sent(payloads) if payloads.include(payload)))
    }

    /// What strikes a packet.
    pub(crate) fn on_packet(&self, packet: Packet) -> Vec<Strike> {
        self.meet(|point| matches!(point, Point::Packet(packets) if packets.include(packet)))
    }

    fn meet(&self, meant: impl Fn(&Point) -> bool) -> Vec<Strike> {
        if self.is_empty() {
            return Vec::new();
        }
        let strikes = {
            let mut list = self.lock();
            let met = list.active.iter_mut();
            let met = met.filter(|one| meant(&one.report.fault.on));
            let mut strikes = Vec::new();
            for strike in met.filter_map(Active::meet) {
                let ends = strike.effect.ends();
                strikes.push(strike);
                if ends {
                    break;
                }
            }
            strikes
        };
        if !strikes.is_empty() {
            self.changes.send_modify(|count| *count += 1);
        }
        strikes
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::effect::Latency;
    use crate::faults::point::{Direction, PacketKind, Packets};

    const PACKET: Packet = Packet {
        direction: Direction::Received,
        kind: PacketKind::Audio,
        bot: Some(7),
        guild: Some(1),
    };

    /// Which of so many packets a fault strikes.
    fn pattern(fault: Fault, count: usize) -> Vec<bool> {
        let faults = Faults::new();
        faults.add(fault).unwrap();
        let strikes = (0..count).map(|_| !faults.on_packet(PACKET).is_empty());
        strikes.collect()
    }

    fn loss() -> Fault {
        Fault::on(Packets::received(), Effect::Swallow)
    }

    #[test]
    fn faults_count_what_they_meet() {
        assert_eq!(pattern(loss(), 3), [true, true, true]);
        assert_eq!(pattern(loss().nth(2), 3), [false, true, false]);
        let some = pattern(loss().skip(1).times(2), 5);
        assert_eq!(some, [false, true, true, false, false]);
        assert_eq!(pattern(loss().probability(0.0), 2), [false, false]);
        let elsewhere = Fault::on(Packets::received().of_guild(2), Effect::Swallow);
        assert_eq!(pattern(elsewhere, 1), [false]);
    }

    #[test]
    fn a_run_can_be_repeated() {
        let chance = |seed| pattern(loss().probability(0.3).seed(seed), 1_000);
        assert!(chance(1) == chance(1));
        assert!(chance(1) != chance(2));
        let lost = chance(1).into_iter().filter(|lost| *lost).count();
        assert!((250..350).contains(&lost), "{lost}");
        // Another fault before it changes nothing.
        let faults = Faults::new();
        let twice = Fault::on(Packets::received(), Effect::Duplicate);
        faults.add(twice.probability(0.9)).unwrap();
        let id = faults.add(loss().probability(0.3).seed(1)).unwrap();
        let repeated = (0..1_000).map(|_| {
            let strikes = faults.on_packet(PACKET);
            strikes.iter().any(|strike| strike.fault == id)
        });
        assert!(repeated.eq(chance(1)));
    }

    #[test]
    fn latencies_are_spread() {
        let (min, max) = (Duration::from_millis(10), Duration::from_millis(30));
        let faults = Faults::new();
        let late = Effect::Delay(Latency::uniform(min, max));
        faults.add(Fault::on(Packets::received(), late)).unwrap();
        let delays = (0..200).flat_map(|_| faults.on_packet(PACKET));
        let delays = delays.map(|strike| strike.delay().unwrap());
        let delays = delays.collect::<Vec<_>>();
        assert!(delays.iter().all(|delay| (min..=max).contains(delay)));
        assert!(delays.contains(&min) && delays.contains(&max));
        let fixed = Latency::from(max);
        assert_eq!(fixed.roll(12_345), max);
        assert_eq!(Latency::uniform(min, Duration::MAX).roll(0), min);
    }

    #[tokio::test]
    async fn faults_come_go_and_are_awaited() {
        let faults = Faults::new();
        let id = faults.add(loss().nth(2)).unwrap();
        assert!(!faults.wait(id, 1, Duration::ZERO).await);
        let waiting = faults.wait(id, 1, Duration::from_secs(10));
        let (struck, ()) = tokio::join!(waiting, async {
            faults.on_packet(PACKET);
            faults.on_packet(PACKET);
        });
        assert!(struck);
        let report = faults.reports().pop().unwrap();
        assert_eq!((report.id, report.met, report.struck), (id, 2, 1));
        assert_eq!(faults.remove(id), Some(report));
        assert_eq!(faults.remove(id), None);
        faults.add(loss()).unwrap();
        faults.clear();
        assert!(faults.reports().is_empty() && faults.on_packet(PACKET).is_empty());
    }
}
