//! The MLS group of a voice channel, as the voice gateway delivers for it.
//!
//! [`Group::step`] is told who is in the channel and what clients have sent, compares that
//! with the group there is, and does what brings the two together: proposals to add and
//! remove, the transition to the epoch of a commit, a new group, or none while somebody cannot
//! take part. Whatever happened in between, the next step starts from what is so now.
//!
//! Everything here is computing. The voice room runs it away from all locks, and sends what
//! it says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::listener::Listener;
use super::mls::{Change, Gateway, Joiner, OwnFault, Proposal, Refusal, append, revoke};
use super::transition::Transition;
use crate::audio::link::Link;
use crate::protocol::voice_message::Message;

/// How long clients have to commit before a listener does, and to be ready for a transition
/// before it is executed without them. The protocol speaks of roughly two seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// The end-to-end encryption group of a voice channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DaveGroup {
    /// The group's epoch; 0 if there is none.
    pub epoch: u64,
    /// The users in it, bots and people, by their leaves.
    pub members: Vec<u64>,
    /// Whether all have made the transition to the epoch.
    pub is_settled: bool,
    /// How many epochs there have been since the first of the bots in the channel came, those of
    /// earlier groups included.
    pub transitions: u64,
}

/// Who is in a channel.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) people: Vec<u64>,
    /// The bots whose clients speak DAVE.
    pub(crate) clients: Vec<ClientView>,
    /// The protocol version that all can speak: 0 or 1.
    pub(crate) version: u16,
    /// A new group was asked for.
    pub(crate) restart: bool,
}

/// A bot's client in a channel.
#[derive(Debug)]
pub(crate) struct ClientView {
    pub(crate) user: u64,
    /// The number of its session; a client that starts anew has another.
    pub(crate) session: u64,
    /// The version it was told of when the session began.
    pub(crate) version: u16,
    pub(crate) link: Arc<Link>,
}

/// What a client has sent.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) user: u64,
    pub(crate) session: u64,
    pub(crate) said: Said,
}

/// See the opcodes of the same names.
#[derive(Debug)]
pub(crate) enum Said {
    /// Opcode 26.
    KeyPackage(Vec<u8>),
    /// Opcode 28.
    CommitWelcome(Vec<u8>),
    /// Opcode 23.
    Ready(u16),
    /// Opcode 31.
    Invalid,
}

/// What is to be done for a client's session.
#[derive(Debug)]
pub(crate) struct Effect {
    pub(crate) user: u64,
    pub(crate) session: u64,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    Tell(Message),
    Close(Refusal),
}

/// The group of a channel, and those who could be in it.
#[derive(Debug)]
pub(crate) struct Group {
    pub(super) channel: u64,
    pub(super) gateway: Arc<Gateway>,
    /// Who has come, in this order.
    arrivals: Vec<u64>,
    pub(super) people: BTreeMap<u64, Person>,
    pub(super) clients: BTreeMap<u64, Client>,
    pub(super) stage: Stage,
    pub(super) epoch: u64,
    /// The members by leaf.
    pub(super) roster: BTreeMap<u32, u64>,
    /// What is proposed in this epoch.
    pub(super) proposals: Vec<Proposal>,
    /// When a listener commits if no client has.
    pub(super) commit_due: Option<Instant>,
    pub(super) transition: Option<Transition>,
    pub(super) last_transition: u16,
    /// Numbers epochs across groups.
    pub(super) serial: u64,
    pub(super) effects: Vec<Effect>,
}

/// How far the channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Somebody cannot take part: frames go in the clear.
    Clear,
    /// There is no group yet; all who could be in it are pending.
    Pending,
    Established,
}

/// Someone in the channel who is not a bot.
#[derive(Debug, Default)]
pub(super) struct Person {
    pub(super) listener: Option<Listener>,
    pub(super) joiner: Option<Joiner>,
    pub(super) is_member: bool,
}

/// A bot's client.
#[derive(Debug)]
pub(super) struct Client {
    session: u64,
    pub(super) version: u16,
    pub(super) link: Arc<Link>,
    /// Whether it knows the voice gateway's key.
    knows_sender: bool,
    pub(super) joiner: Option<Joiner>,
    pub(super) is_member: bool,
    /// The proposals that it has been sent in this epoch.
    pub(super) proposed: BTreeSet<Vec<u8>>,
    /// Whether it has been told to go over from the clear and has not yet.
    pub(super) upgrading: bool,
    pub(super) clear_until: Option<Instant>,
}

impl Group {
    pub(crate) fn new(channel: u64, gateway: Arc<Gateway>) -> Group {
        Group {
            channel,
            gateway,
            arrivals: Vec::new(),
            people: BTreeMap::new(),
            clients: BTreeMap::new(),
            stage: Stage::Clear,
            epoch: 0,
            roster: BTreeMap::new(),
            proposals: Vec::new(),
            commit_due: None,
            transition: None,
            last_transition: 0,
            serial: 0,
            effects: Vec::new(),
        }
    }

    /// When the next step is due even if nothing happens.
    pub(crate) fn due(&self) -> Option<Instant> {
        let transition = self.transition.as_ref().map(|transition| transition.due);
        transition.or(self.commit_due)
    }

    /// What can be told of the group.
    pub(crate) fn status(&self) -> DaveGroup {
        let members = self.roster.values().copied();
        DaveGroup {
            epoch: self.epoch,
            members: members.filter(|user| self.is_member(*user)).collect(),
            is_settled: self.transition.is_none(),
            transitions: self.serial,
        }
    }

    /// Brings the group nearer to what is so now; what is to be sent for that, in this order.
    ///
    /// # Errors
    ///
    /// If MLS refuses what is made here. What was to be sent before that is sent next time.
    pub(crate) fn step(
        &mut self,
        view: View,
        reports: Vec<Report>,
        now: Instant,
    ) -> Result<Vec<Effect>, OwnFault> {
        let (version, restart) = (view.version, view.restart);
        self.attend(view)?;
        for report in reports {
            self.listen(report, now)?;
        }
        if restart {
            self.reset(now)?;
        }
        while self.advance(version, now)? {}
        self.set_passthrough(version, now);
        Ok(std::mem::take(&mut self.effects))
    }

    /// Notes who has come and who has gone.
    fn attend(&mut self, view: View) -> Result<(), OwnFault> {
        self.people.retain(|user, _| view.people.contains(user));
        for user in view.people {
            self.people.entry(user).or_default();
        }
        let is_there = |user: &u64, client: &Client| {
            let same = |view: &ClientView| view.user == *user && view.session == client.session;
            view.clients.iter().any(same)
        };
        self.clients.retain(|user, client| is_there(user, client));
        for ClientView {
            user,
            session,
            version,
            link,
        } in view.clients
        {
            self.clients.entry(user).or_insert_with(|| Client {
                session,
                version,
                link,
                knows_sender: false,
                joiner: None,
                is_member: false,
                proposed: BTreeSet::new(),
                upgrading: false,
                clear_until: None,
            });
        }
        if let Some(transition) = &mut self.transition {
            transition
                .waiting
                .retain(|user| self.clients.contains_key(user));
        }
        let (people, clients) = (&self.people, &self.clients);
        let is_present = |user: &u64| people.contains_key(user) || clients.contains_key(user);
        self.arrivals.retain(is_present);
        for user in people.keys().chain(clients.keys()) {
            if !self.arrivals.contains(user) {
                self.arrivals.push(*user);
            }
        }
        let strangers = self
            .clients
            .iter()
            .filter(|(_, client)| !client.knows_sender);
        let strangers = strangers.filter(|(_, client)| client.version > 0);
        for user in strangers.map(|(user, _)| *user).collect::<Vec<_>>() {
            self.introduce(user)?;
        }
        Ok(())
    }

    /// Sends a client the voice gateway's key.
    pub(super) fn introduce(&mut self, user: u64) -> Result<(), OwnFault> {
        let package = self.gateway.package()?;
        self.tell(user, Message::Binary(25, package));
        if let Some(client) = self.clients.get_mut(&user) {
            client.knows_sender = true;
        }
        Ok(())
    }

    /// Takes what a client has sent.
    fn listen(&mut self, report: Report, now: Instant) -> Result<(), OwnFault> {
        let Report {
            user,
            session,
            said,
        } = report;
        let client = self.clients.get_mut(&user);
        let Some(client) = client.filter(|client| client.session == session) else {
            return Ok(());
        };
        match said {
            Said::KeyPackage(body) => match Joiner::parse(user, &body) {
                Ok(joiner) => {
                    client.joiner = Some(joiner);
                    client.is_member = false;
                }
                Err(refusal) => self.refuse(user, refusal),
            },
            Said::CommitWelcome(body) => {
                if let Err(Refusal::Unreadable) = self.take_commit(user, &body, now)? {
                    self.refuse(user, Refusal::Unreadable);
                }
            }
            Said::Ready(id) => {
                if let Some(transition) = self.transition.as_mut().filter(|t| t.id == id) {
                    transition.waiting.remove(&user);
                }
            }
            Said::Invalid => {
                client.is_member = false;
                client.joiner = None;
                if let Some(transition) = &mut self.transition {
                    transition.waiting.remove(&user);
                    transition.told.retain(|told| *told != user);
                }
            }
        }
        Ok(())
    }

    /// Does the next thing there is to do; false if that has to wait, or there is none.
    fn advance(&mut self, version: u16, now: Instant) -> Result<bool, OwnFault> {
        if let Some(transition) = &self.transition {
            if !transition.waiting.is_empty() && now < transition.due {
                return Ok(false);
            }
            self.execute(now);
            return Ok(true);
        }
        if version == 0 {
            return Ok(self.downgrade(now));
        }
        self.upgrade()?;
        match self.stage {
            Stage::Clear => Ok(false),
            Stage::Pending => self.found(now),
            Stage::Established => self.reconcile(now),
        }
    }

    /// Whether there is nobody to be in a group with.
    pub(super) fn is_alone(&self) -> bool {
        self.people.len() + self.clients.len() < 2
    }

    /// Who came first of these.
    pub(super) fn first_of(&self, users: impl Fn(&u64) -> bool) -> Option<u64> {
        self.arrivals.iter().copied().find(users)
    }

    /// Sends these clients the proposals they have not seen, and takes back those that are no
    /// longer made. Others have to begin anew, and see them then.
    pub(super) fn send_proposals(&mut self, to: &BTreeSet<u64>) -> Result<(), OwnFault> {
        let mut messages = Vec::new();
        for (user, client) in &mut self.clients {
            if !to.contains(user) {
                client.proposed.clear();
                continue;
            }
            let concerns = |proposal: &&Proposal| proposal.change != Change::Add(*user);
            let current = self.proposals.iter().filter(concerns);
            let fresh = current
                .clone()
                .filter(|proposal| !client.proposed.contains(&proposal.reference));
            let fresh = fresh.collect::<Vec<_>>();
            let current = current.map(|proposal| proposal.reference.clone());
            let current = current.collect::<BTreeSet<_>>();
            let gone = client.proposed.difference(&current).collect::<Vec<_>>();
            if !gone.is_empty() {
                messages.push((*user, revoke(gone)?));
            }
            if !fresh.is_empty() {
                messages.push((*user, append(fresh)?));
            }
            client.proposed = current;
        }
        for (user, body) in messages {
            self.tell(user, Message::Binary(27, body));
        }
        Ok(())
    }

    pub(super) fn tell(&mut self, user: u64, message: Message) {
        self.effect(user, What::Tell(message));
    }

    pub(super) fn refuse(&mut self, user: u64, refusal: Refusal) {
        self.effect(user, What::Close(refusal));
    }

    fn effect(&mut self, user: u64, what: What) {
        if let Some(client) = self.clients.get(&user) {
            self.effects.push(Effect {
                user,
                session: client.session,
                what,
            });
        }
    }
}
