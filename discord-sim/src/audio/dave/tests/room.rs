//! A channel of bots that have davey, the library real clients use, and of people.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::{Duration, Instant};

use davey::{DaveSession, ProposalsOperationType};
use serde_json::json;

use crate::audio::dave::group::{ClientView, Effect, Group, Report, Said, View, What};
use crate::audio::dave::hearing::Verdict;
use crate::audio::dave::mls::{Gateway, Refusal};
use crate::audio::hub::Hub;
use crate::audio::link::Link;
use crate::faults::active::Faults;
use crate::protocol::voice_message::Message;

const CHANNEL: u64 = 40;
/// Users below this are bots.
const PEOPLE: u64 = 10;
pub(super) const OPUS: [u8; 4] = [0xfc, 1, 2, 3];

/// A bot with davey, as songbird and discord.py use it.
pub(super) struct Bot {
    pub(super) user: u64,
    pub(super) session: u64,
    pub(super) dave: DaveSession,
    pub(super) version: u16,
    pub(super) announced: u16,
    pub(super) pending: BTreeMap<u16, u16>,
    pub(super) link: Arc<Link>,
    /// The opcodes it was sent.
    pub(super) seen: Vec<u8>,
    /// Whether it answers at all.
    pub(super) mute: bool,
    /// Whether it finds fault with the next commit or welcome.
    pub(super) faulty: bool,
}

impl Bot {
    pub(super) fn key_package(&mut self) -> Said {
        Said::KeyPackage(self.dave.create_key_package().unwrap())
    }

    pub(super) fn reinit(&mut self) -> Said {
        let one = NonZeroU16::new(1).unwrap();
        self.dave.reinit(one, self.user, CHANNEL, None).unwrap();
        self.key_package()
    }

    pub(super) fn take(&mut self, message: Message) -> Vec<Said> {
        match message {
            Message::Json(op, data) => {
                self.seen.push(op);
                let id = |name: &str| u16::try_from(data[name].as_u64().unwrap()).unwrap();
                match op {
                    21 => {
                        let (transition, version) = (id("transition_id"), id("protocol_version"));
                        if transition == 0 {
                            self.version = version;
                            return vec![];
                        }
                        self.pending.insert(transition, version);
                        vec![Said::Ready(transition)]
                    }
                    22 => {
                        self.version = self.pending.remove(&id("transition_id")).unwrap();
                        vec![]
                    }
                    24 => {
                        assert_eq!(data, json!({ "protocol_version": 1, "epoch": 1 }));
                        self.version = 1;
                        vec![self.reinit()]
                    }
                    _ => panic!("opcode {op}"),
                }
            }
            Message::Binary(op, body) => {
                self.seen.push(op);
                let id = || u16::from_be_bytes([body[0], body[1]]);
                match op {
                    25 => {
                        self.dave.set_external_sender(&body).unwrap();
                        vec![]
                    }
                    27 => {
                        let kind = match body[0] {
                            0 => ProposalsOperationType::APPEND,
                            _ => ProposalsOperationType::REVOKE,
                        };
                        let done = self.dave.process_proposals(kind, &body[1..], None).unwrap();
                        let commit = done.map(|done| {
                            let welcome = done.welcome.unwrap_or_default();
                            Said::CommitWelcome([done.commit, welcome].concat())
                        });
                        commit.into_iter().collect()
                    }
                    29 | 30 if std::mem::take(&mut self.faulty) => {
                        vec![Said::Invalid, self.reinit()]
                    }
                    29 => {
                        self.dave.process_commit(&body[2..]).unwrap();
                        self.pending.insert(id(), 1);
                        vec![Said::Ready(id())]
                    }
                    30 => {
                        self.dave.process_welcome(&body[2..]).unwrap();
                        self.pending.insert(id(), 1);
                        vec![Said::Ready(id())]
                    }
                    _ => panic!("opcode {op}"),
                }
            }
        }
    }

    /// Sends a frame as songbird does; what becomes of it.
    pub(super) fn speak(&mut self, now: Instant) -> Verdict {
        let frame = if self.version > 0 && self.dave.is_ready() {
            self.dave.encrypt_opus(&OPUS).unwrap().into_owned()
        } else {
            OPUS.to_vec()
        };
        self.link.hearing().hear(&frame, now)
    }
}

/// A channel with its group and bots.
pub(super) struct Room {
    pub(super) group: Group,
    pub(super) bots: BTreeMap<u64, Bot>,
    pub(super) people: Vec<u64>,
    pub(super) now: Instant,
    pub(super) hub: Hub,
    pub(super) sessions: u64,
    pub(super) restart: bool,
    /// The bots without DAVE.
    pub(super) others: usize,
    pub(super) reports: VecDeque<Report>,
    pub(super) closed: Vec<(u64, Refusal)>,
}

impl Room {
    pub(super) fn new() -> Room {
        Room {
            group: Group::new(CHANNEL, Arc::new(Gateway::new().unwrap())),
            bots: BTreeMap::new(),
            people: Vec::new(),
            now: Instant::now(),
            hub: Hub::new(Duration::from_mins(1), Arc::new(Faults::new())),
            sessions: 0,
            restart: false,
            others: 0,
            reports: VecDeque::new(),
            closed: Vec::new(),
        }
    }

    /// Someone comes in and has not yet sent anything.
    pub(super) fn enter(&mut self, user: u64) {
        if user >= PEOPLE {
            self.people.push(user);
            return;
        }
        self.sessions += 1;
        let version = u16::from(self.others == 0);
        let one = NonZeroU16::new(1).unwrap();
        let mut bot = Bot {
            user,
            session: self.sessions,
            dave: DaveSession::new(one, user, CHANNEL, None).unwrap(),
            version,
            announced: version,
            pending: BTreeMap::new(),
            link: self.hub.link(1, user),
            seen: Vec::new(),
            mute: false,
            faulty: false,
        };
        if version > 0 {
            let said = bot.key_package();
            self.report(user, bot.session, said);
        }
        self.bots.insert(user, bot);
    }

    pub(super) fn report(&mut self, user: u64, session: u64, said: Said) {
        self.reports.push_back(Report {
            user,
            session,
            said,
        });
    }

    pub(super) fn leave(&mut self, user: u64) {
        self.people.retain(|person| *person != user);
        self.bots.remove(&user);
    }

    /// One step; what it says is not yet delivered.
    pub(super) fn step(&mut self, reports: Vec<Report>) -> Vec<Effect> {
        let clients = self.bots.values().map(|bot| ClientView {
            user: bot.user,
            session: bot.session,
            version: bot.announced,
            link: bot.link.clone(),
        });
        let view = View {
            people: self.people.clone(),
            clients: clients.collect(),
            version: u16::from(self.others == 0),
            restart: std::mem::take(&mut self.restart),
        };
        let effects = self.group.step(view, reports, self.now).unwrap();
        self.check();
        effects
    }

    pub(super) fn deliver(&mut self, effects: Vec<Effect>) {
        for Effect {
            user,
            session,
            what,
        } in effects
        {
            let message = match what {
                What::Tell(message) => message,
                What::Close(refusal) => {
                    self.closed.push((user, refusal));
                    continue;
                }
            };
            let bot = self.bots.get_mut(&user).unwrap();
            assert_eq!(bot.session, session);
            let said = bot.take(message);
            if !bot.mute {
                for said in said {
                    self.report(user, session, said);
                }
            }
        }
    }

    /// Steps until nobody has anything more to say; every bot speaks between steps.
    pub(super) fn settle(&mut self) -> BTreeMap<u64, Vec<Verdict>> {
        let mut verdicts = BTreeMap::<u64, Vec<Verdict>>::new();
        loop {
            let reports = self.reports.pop_front().into_iter().collect();
            let effects = self.step(reports);
            let is_quiet = effects.is_empty() && self.reports.is_empty();
            for effect in effects {
                for (user, bot) in &mut self.bots {
                    verdicts.entry(*user).or_default().push(bot.speak(self.now));
                }
                self.deliver(vec![effect]);
            }
            for (user, bot) in &mut self.bots {
                verdicts.entry(*user).or_default().push(bot.speak(self.now));
            }
            if is_quiet {
                return verdicts;
            }
        }
    }

    /// The roster that the gateway keeps is the one that listeners have.
    pub(super) fn check(&self) {
        for person in self.group.people.values().filter(|person| person.is_member) {
            let listener = person.listener.as_ref().unwrap();
            assert_eq!(listener.roster(), self.group.roster);
        }
    }

    pub(super) fn all_hear(&mut self, user: u64) -> bool {
        let bot = self.bots.get_mut(&user).unwrap();
        bot.speak(self.now) == Verdict::Opened(OPUS.to_vec())
    }

    pub(super) fn roster(&self) -> Vec<u64> {
        self.group.roster.values().copied().collect()
    }
}
