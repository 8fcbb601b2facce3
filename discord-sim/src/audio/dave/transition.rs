//! Going over together: to the next epoch, into the clear and back, to a new group.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::json;

use super::group::{Group, PATIENCE, Person, Stage};
use super::hearing::{Passthrough, TRANSITION};
use super::mls::OwnFault;
use crate::protocol::voice_message::Message;

/// A change that clients prepare for and then make together.
#[derive(Debug)]
pub(super) struct Transition {
    pub(super) id: u16,
    /// To which serial, or into the clear.
    pub(super) to: Option<u64>,
    pub(super) told: Vec<u64>,
    pub(super) waiting: BTreeSet<u64>,
    pub(super) due: Instant,
}

impl Group {
    /// Somebody cannot take part: everyone is to send in the clear.
    pub(super) fn downgrade(&mut self, now: Instant) -> bool {
        self.stage = Stage::Clear;
        self.forget_group(now);
        let told = self.clients.iter().filter(|(_, client)| client.version > 0);
        let told = told.map(|(user, _)| *user).collect::<Vec<_>>();
        if told.is_empty() {
            return false;
        }
        let id = self.prepare(None, &told, now);
        for user in told {
            let prepare = json!({ "protocol_version": 0, "transition_id": id });
            self.tell(user, Message::Json(21, prepare));
        }
        true
    }

    /// All can take part: who was sending in the clear is to join a group.
    pub(super) fn upgrade(&mut self) -> Result<(), OwnFault> {
        if self.stage == Stage::Clear {
            self.stage = Stage::Pending;
        }
        let alone = self.is_alone();
        let told = self
            .clients
            .iter()
            .filter(|(_, client)| client.version == 0);
        for user in told.map(|(user, _)| *user).collect::<Vec<_>>() {
            if let Some(client) = self.clients.get_mut(&user) {
                client.version = 1;
                client.upgrading = !alone;
            }
            self.prepare_epoch(user, alone)?;
        }
        Ok(())
    }

    /// Begins again without a group.
    pub(super) fn reset(&mut self, now: Instant) -> Result<(), OwnFault> {
        if self.stage == Stage::Clear {
            return Ok(());
        }
        self.stage = Stage::Pending;
        self.forget_group(now);
        let alone = self.is_alone();
        let told = self.clients.iter().filter(|(_, client)| client.version > 0);
        for user in told.map(|(user, _)| *user).collect::<Vec<_>>() {
            self.prepare_epoch(user, alone)?;
        }
        Ok(())
    }

    /// Tells a client to begin a new group, and at once if there is nobody else to join it.
    pub(super) fn prepare_epoch(&mut self, user: u64, alone: bool) -> Result<(), OwnFault> {
        let epoch = json!({ "protocol_version": 1, "epoch": 1 });
        self.tell(user, Message::Json(24, epoch));
        if alone {
            let prepare = json!({ "protocol_version": 1, "transition_id": 0 });
            self.tell(user, Message::Json(21, prepare));
        }
        if let Some(client) = self.clients.get_mut(&user) {
            client.joiner = None;
        }
        self.introduce(user)
    }

    pub(super) fn forget_group(&mut self, now: Instant) {
        self.epoch = 0;
        self.roster.clear();
        self.proposals.clear();
        self.commit_due = None;
        self.transition = None;
        for person in self.people.values_mut() {
            *person = Person::default();
        }
        for client in self.clients.values_mut() {
            client.is_member = false;
            client.proposed.clear();
            client.link.hearing().keep_only(None, now);
        }
    }

    /// Announces a transition; its id, for the messages that prepare for it.
    pub(super) fn prepare(&mut self, to: Option<u64>, told: &[u64], now: Instant) -> u16 {
        // 0 stands for what needs no preparation.
        self.last_transition = self.last_transition.checked_add(1).unwrap_or(1);
        self.transition = Some(Transition {
            id: self.last_transition,
            to,
            told: told.to_vec(),
            waiting: told.iter().copied().collect(),
            due: now + PATIENCE,
        });
        self.last_transition
    }

    pub(super) fn execute(&mut self, now: Instant) {
        let Some(transition) = self.transition.take() else {
            return;
        };
        for user in transition.told {
            let execute = json!({ "transition_id": transition.id });
            self.tell(user, Message::Json(22, execute));
            if let Some(client) = self.clients.get_mut(&user) {
                if transition.to.is_none() {
                    client.version = 0;
                } else if client.upgrading && client.is_member {
                    client.upgrading = false;
                    client.clear_until = Some(now + TRANSITION);
                }
            }
        }
        for client in self.clients.values() {
            client.link.hearing().keep_only(transition.to, now);
        }
    }

    pub(super) fn set_passthrough(&self, version: u16, now: Instant) {
        let alone = self.is_alone();
        for client in self.clients.values() {
            let is_clear = version == 0 || client.version == 0 || client.upgrading || alone;
            let passthrough = match client.clear_until.filter(|until| *until > now) {
                _ if is_clear => Passthrough::On,
                Some(until) => Passthrough::Until(until),
                None => Passthrough::Off,
            };
            client.link.hearing().set_passthrough(passthrough);
        }
    }
}
