//! Founding a group, proposing who joins and leaves it, and taking commits.

use std::collections::BTreeSet;
use std::time::Instant;

use super::group::{Group, PATIENCE, Stage};
use super::listener::{Listener, Staged};
use super::mls::{
    Change, Commit, Joiner, OwnFault, Proposal, Refusal, guarded, parse_commit, welcome_for,
};
use crate::protocol::voice_message::Message;

impl Group {
    /// Without a group: who came first creates it, as soon as there is someone to be added.
    pub(super) fn found(&mut self, now: Instant) -> Result<bool, OwnFault> {
        let someone_came = self.clients.values().any(|client| client.joiner.is_some());
        if self.is_alone() || !someone_came {
            return self.withdraw();
        }
        self.get_listeners_ready()?;
        let ready = self.ready();
        if ready.len() < 2 {
            return self.withdraw();
        }
        let changes = ready.iter().map(|user| Change::Add(*user)).collect();
        self.propose(changes)?;
        let first = self.first_of(|user| ready.contains(user));
        let is_late = self.commit_due.is_some_and(|due| now >= due);
        let creator = if is_late {
            self.first_of(|user| self.people.contains_key(user))
        } else {
            first.filter(|user| self.people.contains_key(user))
        };
        if let Some(creator) = creator {
            let (channel, gateway) = (self.channel, self.gateway.clone());
            if let Some(listener) = self.listener(creator) {
                listener.create(channel, gateway.sender())?;
            }
            return self.commit_as(creator, now);
        }
        self.wait_for_clients(now);
        self.send_proposals(&ready)?;
        Ok(false)
    }

    /// Takes back all proposals.
    fn withdraw(&mut self) -> Result<bool, OwnFault> {
        self.proposals.clear();
        self.commit_due = None;
        let everyone = self.clients.keys().copied().collect();
        self.send_proposals(&everyone)?;
        Ok(false)
    }

    /// With a group: proposes what makes its members those who are in the channel.
    pub(super) fn reconcile(&mut self, now: Instant) -> Result<bool, OwnFault> {
        let leaving = self
            .roster
            .iter()
            .filter(|(_, user)| !self.is_member(**user));
        let leaving = leaving.map(|(leaf, _)| Change::Remove(*leaf));
        let mut changes = leaving.collect::<Vec<_>>();
        let staying = self.roster.len() - changes.len();
        if !changes.is_empty() || self.roster.len() < self.people.len() + self.clients.len() {
            self.get_listeners_ready()?;
        }
        let joining = self.ready();
        if staying == 0 || self.is_alone() {
            // Nobody alone keeps a group that others were in.
            self.reset(now)?;
            return Ok(true);
        }
        changes.extend(joining.into_iter().map(Change::Add));
        self.propose(changes)?;
        let members = self.roster.values().copied();
        let members = members.filter(|user| self.is_member(*user));
        let members = members.collect::<BTreeSet<_>>();
        if self.proposals.is_empty() {
            self.commit_due = None;
            self.send_proposals(&members)?;
            return Ok(false);
        }
        let listener =
            self.first_of(|user| self.people.contains_key(user) && members.contains(user));
        let has_clients = members.iter().any(|user| self.clients.contains_key(user));
        let is_late = self.commit_due.is_some_and(|due| now >= due);
        if let Some(listener) = listener.filter(|_| is_late || !has_clients) {
            return self.commit_as(listener, now);
        }
        self.wait_for_clients(now);
        self.send_proposals(&members)?;
        Ok(false)
    }

    /// A listener commits when the clients have had their time; without one, nobody else can.
    fn wait_for_clients(&mut self, now: Instant) {
        let has_listeners = !self.people.is_empty();
        let due = *self.commit_due.get_or_insert(now + PATIENCE);
        if !has_listeners && now >= due {
            self.commit_due = None;
        }
    }

    /// Whether someone in the channel is in the group, by the state it joined with.
    pub(super) fn is_member(&self, user: u64) -> bool {
        self.people
            .get(&user)
            .is_some_and(|person| person.is_member)
            || self
                .clients
                .get(&user)
                .is_some_and(|client| client.is_member)
    }

    /// Makes a listener of everyone in the channel who is not in the group.
    fn get_listeners_ready(&mut self) -> Result<(), OwnFault> {
        for (user, person) in &mut self.people {
            if person.is_member {
                continue;
            }
            let listener = match &mut person.listener {
                Some(listener) => listener,
                none => none.insert(Listener::new(*user)?),
            };
            if person.joiner.is_none() {
                person.joiner = Some(listener.joiner()?);
            }
        }
        Ok(())
    }

    /// Who is not in the group and can be added.
    fn ready(&self) -> BTreeSet<u64> {
        let people = self
            .people
            .iter()
            .filter(|(_, person)| person.joiner.is_some());
        let clients = self
            .clients
            .iter()
            .filter(|(_, client)| client.joiner.is_some());
        let people = people.map(|(user, _)| *user);
        people.chain(clients.map(|(user, _)| *user)).collect()
    }

    fn joiner(&self, user: u64) -> Option<&Joiner> {
        let person = self
            .people
            .get(&user)
            .and_then(|person| person.joiner.as_ref());
        person.or_else(|| self.clients.get(&user)?.joiner.as_ref())
    }

    fn listener(&mut self, user: u64) -> Option<&mut Listener> {
        self.people.get_mut(&user)?.listener.as_mut()
    }

    /// Makes exactly these proposals, keeping those that are made already.
    fn propose(&mut self, changes: Vec<Change>) -> Result<(), OwnFault> {
        let (channel, epoch) = (self.channel, self.epoch);
        let mut made = std::mem::take(&mut self.proposals);
        let mut proposals = Vec::new();
        for change in changes {
            let joiner = match change {
                Change::Add(user) => self.joiner(user),
                Change::Remove(_) => None,
            };
            let is_made = |proposal: &Proposal| proposal.is(change, joiner);
            let proposal = match (made.iter().position(is_made), change) {
                (Some(place), _) => made.swap_remove(place),
                (None, Change::Remove(leaf)) => self.gateway.remove(leaf, channel, epoch)?,
                (None, Change::Add(_)) => match joiner {
                    Some(joiner) => self.gateway.add(joiner, channel, epoch)?,
                    None => continue,
                },
            };
            proposals.push(proposal);
        }
        self.proposals = proposals;
        Ok(())
    }

    /// A listener commits what is proposed.
    fn commit_as(&mut self, user: u64, now: Instant) -> Result<bool, OwnFault> {
        let proposals = self.proposals_for(user);
        let Some(listener) = self.listener(user) else {
            return Ok(false);
        };
        let commit = guarded(|| {
            let proposed = listener.propose(&proposals);
            let commit = proposed.and_then(|()| listener.commit());
            commit.map_err(|_| Refusal::Invalid)
        });
        let taken = match commit {
            Ok(body) => self.take_commit(user, &body, now)?,
            Err(refusal) => Err(refusal),
        };
        if taken.is_ok() {
            return Ok(true);
        }
        // A key package was validated and still cannot be added: its leaf does not go with
        // the tree. Whoever sent it must try another.
        let culprits = self.find_culprits(user, &proposals);
        if culprits.is_empty() {
            return Err(OwnFault("commit"));
        }
        for user in culprits {
            if let Some(client) = self.clients.get_mut(&user) {
                client.joiner = None;
            }
            self.refuse(user, Refusal::Invalid);
        }
        Ok(true)
    }

    /// The clients that cannot be added by what they sent; all that are to be added if each
    /// could be on its own.
    fn find_culprits(&mut self, committer: u64, proposals: &[Proposal]) -> Vec<u64> {
        let joining = proposals
            .iter()
            .filter_map(|proposal| match proposal.change {
                Change::Add(user) if self.clients.contains_key(&user) => Some((user, proposal)),
                _ => None,
            });
        let joining = joining.collect::<Vec<_>>();
        let Some(listener) = self.listener(committer) else {
            return Vec::new();
        };
        let mut cannot_be_added = |proposal: &Proposal| {
            let tried = guarded(|| {
                let proposed = listener.propose([proposal]);
                let commit = proposed.and_then(|()| listener.commit());
                commit.map_err(|_| Refusal::Invalid)
            });
            tried.is_err()
        };
        let mut culprits = joining.clone();
        culprits.retain(|(_, proposal)| cannot_be_added(proposal));
        if culprits.is_empty() {
            culprits = joining;
        }
        culprits.into_iter().map(|(user, _)| user).collect()
    }

    /// What a committer has to commit: everything but its own addition, which is proposed to
    /// the others while there is no group.
    fn proposals_for(&self, committer: u64) -> Vec<Proposal> {
        let others = self.proposals.iter();
        let others = others.filter(|proposal| proposal.change != Change::Add(committer));
        others.cloned().collect()
    }

    /// Takes a commit and goes on to its epoch, if it is the first valid one.
    ///
    /// Refused are those that cannot be read or are not valid for the epoch, which includes
    /// all that come too late.
    pub(super) fn take_commit(
        &mut self,
        committer: u64,
        body: &[u8],
        now: Instant,
    ) -> Result<Result<(), Refusal>, OwnFault> {
        let (commit, welcome) = match parse_commit(body) {
            Ok(parsed) => parsed,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let Some(proposals) = self.expected(committer, &commit) else {
            return Ok(Err(Refusal::Invalid));
        };
        let mut welcomes = Vec::new();
        for proposal in &proposals {
            if let Change::Add(user) = proposal.change {
                let part = self
                    .joiner(user)
                    .and_then(|joiner| welcome_for(welcome, joiner));
                let Some(part) = part else {
                    return Ok(Err(Refusal::Invalid));
                };
                welcomes.push((user, part));
            }
        }
        let staged = match self.stage_all(committer, &commit, &proposals, &welcomes) {
            Ok(staged) => staged,
            Err(refusal) => return Ok(Err(refusal)),
        };
        for (user, staged) in staged {
            if let Some(listener) = self.listener(user) {
                listener.follow(staged)?;
            }
        }
        self.enter_epoch(committer, &proposals, welcomes, commit.message, now);
        Ok(Ok(()))
    }

    /// The proposals of this commit in its order, if it is by a member and to all there are.
    fn expected(&self, committer: u64, commit: &Commit) -> Option<Vec<Proposal>> {
        let is_founding = self.stage == Stage::Pending && commit.leaf == 0;
        let is_ready = self.joiner(committer).is_some();
        let is_by_member =
            self.roster.get(&commit.leaf) == Some(&committer) && self.is_member(committer);
        let (channel, epoch) = (self.channel, self.epoch);
        if (commit.channel, commit.epoch) != (channel, epoch)
            || self.transition.is_some()
            || !(is_founding && is_ready || is_by_member)
        {
            return None;
        }
        let mut proposals = self.proposals_for(committer);
        let mut ordered = Vec::new();
        for reference in &commit.references {
            let place = proposals
                .iter()
                .position(|proposal| proposal.reference == *reference)?;
            ordered.push(proposals.swap_remove(place));
        }
        (proposals.is_empty() && !ordered.is_empty()).then_some(ordered)
    }

    /// Has every listener check the commit or the welcome that it would follow.
    fn stage_all(
        &mut self,
        committer: u64,
        commit: &Commit,
        proposals: &[Proposal],
        welcomes: &[(u64, Vec<u8>)],
    ) -> Result<Vec<(u64, Staged)>, Refusal> {
        let mut all = Vec::new();
        for (user, person) in &mut self.people {
            let Some(listener) = &mut person.listener else {
                continue;
            };
            let welcome = welcomes.iter().find(|(welcomed, _)| welcomed == user);
            let staged = if *user == committer {
                Staged::Own
            } else if let Some((_, welcome)) = welcome {
                let sender = self.gateway.sender();
                let staged = guarded(|| listener.join(welcome, sender));
                if staged.is_err() {
                    // Its key package is used up.
                    *person = super::group::Person::default();
                }
                staged?
            } else if person.is_member {
                guarded(|| {
                    let proposed = listener.propose(proposals);
                    proposed.map_err(|_| Refusal::Invalid)?;
                    listener.stage(commit)
                })?
            } else {
                continue;
            };
            all.push((*user, staged));
        }
        Ok(all)
    }

    /// The commit is taken: everyone goes on to its epoch.
    fn enter_epoch(
        &mut self,
        committer: u64,
        proposals: &[Proposal],
        welcomes: Vec<(u64, Vec<u8>)>,
        commit: Vec<u8>,
        now: Instant,
    ) {
        if self.stage == Stage::Pending {
            self.roster.insert(0, committer);
            self.set_member(committer);
        }
        self.stage = Stage::Established;
        self.epoch += 1;
        self.serial += 1;
        self.commit_due = None;
        self.proposals.clear();
        for proposal in proposals {
            if let Change::Remove(leaf) = proposal.change {
                self.roster.remove(&leaf);
            }
        }
        let old = self.roster.values().copied();
        let old = old.filter(|user| self.clients.contains_key(user) && self.is_member(*user));
        let old = old.collect::<Vec<_>>();
        for proposal in proposals {
            if let Change::Add(user) = proposal.change {
                // The leftmost blank leaf is filled first.
                let mut leaf = 0;
                while self.roster.contains_key(&leaf) {
                    leaf += 1;
                }
                self.roster.insert(leaf, user);
                self.set_member(user);
            }
        }
        self.give_keys();
        let new = welcomes.iter().map(|(user, _)| *user);
        let new = new.filter(|user| self.clients.contains_key(user));
        let told = old.iter().copied().chain(new).collect::<Vec<_>>();
        for client in self.clients.values_mut() {
            client.proposed.clear();
        }
        let id = self.prepare(Some(self.serial), &told, now).to_be_bytes();
        for user in old {
            self.tell(user, Message::Binary(29, [&id[..], &commit].concat()));
        }
        for (user, welcome) in welcomes {
            self.tell(user, Message::Binary(30, [&id[..], &welcome].concat()));
        }
    }

    fn set_member(&mut self, user: u64) {
        if let Some(person) = self.people.get_mut(&user) {
            (person.is_member, person.joiner) = (true, None);
        }
        if let Some(client) = self.clients.get_mut(&user) {
            (client.is_member, client.joiner) = (true, None);
        }
    }

    /// Hands the UDP task what the listeners now know.
    fn give_keys(&self) {
        let mut members = self.people.values().filter(|person| person.is_member);
        let Some(listener) = members.find_map(|person| person.listener.as_ref()) else {
            return;
        };
        for (user, client) in self.clients.iter().filter(|(_, client)| client.is_member) {
            if let Some(secret) = listener.sender_secret(*user) {
                client.link.hearing().add_key(self.serial, secret);
            }
        }
    }
}
