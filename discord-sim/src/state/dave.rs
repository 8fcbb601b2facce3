//! Which channels have a DAVE group, and what those groups need to know.
//!
//! A group is run by a task of the voice room; here is how that task is reached, and what it
//! sees of the channel.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{Notify, mpsc};

use super::State;
use super::log::EventKind;
use super::tickets::{Admission, Session};
use crate::audio::dave::group::{ClientView, DaveGroup, Report, View};
use crate::audio::link::Link;

/// How many reports of clients may wait; then the clients do.
const REPORTS: usize = 64;

/// When end-to-end encryption of voice (DAVE) is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dave {
    /// Never.
    Off,
    /// In each channel where every bot's client can: one that cannot makes the whole channel go
    /// over into the clear while it is there, as Discord did until March 2026.
    #[default]
    Offered,
    /// Always: clients that cannot are closed with 4017, as Discord does now.
    Required,
}

/// The groups' tasks, by channel, and whether there are to be any.
#[derive(Debug)]
pub(super) struct Desks {
    policy: Dave,
    by_channel: BTreeMap<u64, Desk>,
}

impl Desks {
    pub(super) fn new(policy: Dave) -> Desks {
        Desks {
            policy,
            by_channel: BTreeMap::new(),
        }
    }
}

/// The way to a group's task.
#[derive(Debug)]
struct Desk {
    changed: Arc<Notify>,
    reports: mpsc::Sender<Report>,
    restart: bool,
    status: DaveGroup,
}

/// Where a group's task is told of things.
#[derive(Debug)]
pub(crate) struct Inbox {
    /// Something has changed in the channel.
    pub(crate) changed: Arc<Notify>,
    /// What clients have sent.
    pub(crate) reports: mpsc::Receiver<Report>,
}

/// A session that has just begun.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) session: u64,
    pub(crate) channel: u64,
    /// The version of DAVE that the client is to be told of.
    pub(crate) version: u16,
    /// The way to the channel's group, for a client that can be in it.
    pub(crate) reports: Option<mpsc::Sender<Report>>,
    /// For the group's task, which is to be started.
    pub(crate) inbox: Option<Inbox>,
}

impl State {
    /// Begins a client's session; `speaks_dave` if it can encrypt end to end. `None` if its
    /// connection is not the current one any more.
    pub(super) fn begin_session(
        &mut self,
        admission: Admission,
        link: Arc<Link>,
        speaks_dave: bool,
    ) -> Option<Begun> {
        let guild = admission.guild;
        let channel = self.tickets.channel(admission)?;
        let cannot =
            |(user, other): (u64, &Session)| user != admission.user && other.dave.is_none();
        let is_clear = !speaks_dave || self.tickets.sessions_in(guild, channel).any(cannot);
        let version = u16::from(self.desks.policy != Dave::Off && !is_clear);
        let dave = speaks_dave.then_some(version);
        let session = self.tickets.begin(admission, link, dave)?;
        let takes_part = speaks_dave && self.desks.policy != Dave::Off;
        let (reports, inbox) = if takes_part {
            let (reports, inbox) = self.attend_dave(channel);
            (Some(reports), inbox)
        } else {
            (None, None)
        };
        if let Some(desk) = self.desks.by_channel.get_mut(&channel) {
            desk.status.members.retain(|user| *user != admission.user);
            desk.changed.notify_one();
        }
        Some(Begun {
            session,
            channel,
            version,
            reports,
            inbox,
        })
    }

    /// The way to the group of a channel, and the inbox for its task if there was none.
    fn attend_dave(&mut self, channel: u64) -> (mpsc::Sender<Report>, Option<Inbox>) {
        if let Some(desk) = self.desks.by_channel.get(&channel) {
            return (desk.reports.clone(), None);
        }
        let (sender, reports) = mpsc::channel(REPORTS);
        let changed = Arc::new(Notify::new());
        let desk = Desk {
            changed: changed.clone(),
            reports: sender.clone(),
            restart: false,
            status: DaveGroup::default(),
        };
        self.desks.by_channel.insert(channel, desk);
        (sender, Some(Inbox { changed, reports }))
    }

    /// The way to the group of a channel, if it has one.
    pub(crate) fn find_dave(&self, channel: u64) -> Option<mpsc::Sender<Report>> {
        Some(self.desks.by_channel.get(&channel)?.reports.clone())
    }

    /// Something has changed that the group of the channel may have to follow.
    pub(super) fn stir_dave(&self, channel: u64) {
        if let Some(desk) = self.desks.by_channel.get(&channel) {
            desk.changed.notify_one();
        }
    }

    /// The group of the channel that a user is in is to begin again; false if there is none.
    pub(crate) fn restart_dave_of(&mut self, guild: u64, user: u64) -> bool {
        let entry = self.find_guild(guild);
        let seat = entry.and_then(|entry| entry.voice.get(&user));
        let channel = seat.map(|seat| seat.channel);
        channel.is_some_and(|channel| self.restart_dave(channel))
    }

    /// The group of the channel is to begin again; false if there is none.
    pub(crate) fn restart_dave(&mut self, channel: u64) -> bool {
        let Some(desk) = self.desks.by_channel.get_mut(&channel) else {
            return false;
        };
        desk.restart = true;
        desk.changed.notify_one();
        true
    }

    /// Notes what has become of a group.
    pub(crate) fn set_dave_group(&mut self, channel: u64, status: DaveGroup) {
        self.note_group(channel, &status);
        let Some(desk) = self.desks.by_channel.get_mut(&channel) else {
            return;
        };
        let before = std::mem::replace(&mut desk.status, status.clone());
        if status.is_settled && status.epoch > 0 && status != before {
            let members = status.members.iter().map(|user| self.name_of(*user));
            let members = members.collect::<Vec<_>>().join(", ");
            let place = self.name_of_channel(channel);
            let line = format!(
                "the group of {place} is at epoch {}: {members}",
                status.epoch
            );
            self.note(EventKind::Voice, line);
        }
    }

    /// The group of the channel that a user is in.
    pub(crate) fn dave_group(&self, guild: u64, user: u64) -> Option<&DaveGroup> {
        let seat = self.find_guild(guild)?.voice.get(&user)?;
        Some(&self.desks.by_channel.get(&seat.channel)?.status)
    }

    /// Whether what a bot sends in its channel is encrypted end to end.
    pub(crate) fn is_encrypted(&self, guild: u64, user: u64) -> bool {
        let is_in = |group: &DaveGroup| group.is_settled && group.members.contains(&user);
        self.tickets.is_connected(guild, user) && self.dave_group(guild, user).is_some_and(is_in)
    }

    /// What the group's task is to see; `None` if no client of a group is left in the
    /// channel, and the task is to end.
    pub(crate) fn dave_view(&mut self, guild: u64, channel: u64) -> Option<View> {
        let mut version = 1;
        let mut clients = Vec::new();
        for (user, session) in self.tickets.sessions_in(guild, channel) {
            match session.dave {
                Some(told) => clients.push(ClientView {
                    user,
                    session: session.number,
                    version: told,
                    link: session.link.clone(),
                }),
                None => version = 0,
            }
        }
        if clients.is_empty() {
            self.desks.by_channel.remove(&channel);
            return None;
        }
        let inside = self.find_guild(guild).into_iter();
        let inside = inside.flat_map(|guild| guild.voice.iter());
        let people = inside
            .filter(|(user, voice)| {
                voice.channel == channel && self.find_application(**user).is_none()
            })
            .map(|(user, _)| *user)
            .collect();
        let desk = self.desks.by_channel.get_mut(&channel)?;
        Some(View {
            people,
            clients,
            version,
            restart: std::mem::take(&mut desk.restart),
        })
    }
}
