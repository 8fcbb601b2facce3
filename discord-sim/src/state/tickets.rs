//! Which bot may open which voice connection, and the connection it has open.
//!
//! The gateway issues a ticket when a bot asks to join (its token goes out in
//! `VOICE_SERVER_UPDATE`); a voice connection claims it; leaving revokes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::audio::hub::Link;
use crate::protocol::{Code, voice_close as close};
use crate::world::random_text;

/// What a voice connection is told to send.
#[derive(Clone, Debug)]
pub(crate) enum Frame {
    Text(Utf8Bytes),
    Close(Code),
}

impl Frame {
    /// Others have come into the channel.
    pub(crate) fn joined(users: &[u64]) -> Frame {
        let users = users.iter().map(u64::to_string).collect::<Vec<_>>();
        Frame::Text(
            json!({ "op": 11, "d": { "user_ids": users } })
                .to_string()
                .into(),
        )
    }

    /// Someone has left the channel.
    pub(crate) fn left(user: u64) -> Frame {
        Frame::Text(
            json!({ "op": 13, "d": { "user_id": user.to_string() } })
                .to_string()
                .into(),
        )
    }
}

/// All tickets, by guild and user: a bot has at most one voice connection in a guild.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    by_seat: BTreeMap<(u64, u64), Ticket>,
    connections: u64,
}

#[derive(Debug)]
struct Ticket {
    token: String,
    session_id: String,
    channel: u64,
    outlet: Option<mpsc::Sender<Frame>>,
    connection: u64,
    link: Option<Arc<Link>>,
    /// Whether the link was opened with this ticket, not with the one before it.
    ready: bool,
}

/// What a client shows to be let in.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    pub(crate) guild: u64,
    /// Not sent with a resume; the token alone tells then.
    pub(crate) user: Option<u64>,
    pub(crate) session_id: &'a str,
    pub(crate) token: &'a str,
}

/// A claim that was granted, for one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admission {
    pub(crate) guild: u64,
    pub(crate) user: u64,
    connection: u64,
}

impl Tickets {
    /// Makes a new ticket in place of an older one; returns its token.
    ///
    /// A connection opened with the older ticket stays until the client leaves it.
    pub(crate) fn issue(&mut self, guild: u64, user: u64, channel: u64, session: &str) -> String {
        let token = random_text(16).to_ascii_lowercase();
        let old = self.by_seat.remove(&(guild, user));
        let (outlet, connection, link) = old.map_or((None, 0, None), |old| {
            (old.outlet, old.connection, old.link)
        });
        let session_id = session.to_owned();
        let ticket = Ticket {
            token: token.clone(),
            session_id,
            channel,
            outlet,
            connection,
            link,
            ready: false,
        };
        self.by_seat.insert((guild, user), ticket);
        token
    }

    /// Lets a new connection in, in place of an older one.
    pub(crate) fn claim(
        &mut self,
        claim: &Claim<'_>,
        outlet: mpsc::Sender<Frame>,
    ) -> Result<Admission, Code> {
        self.connections += 1;
        let connection = self.connections;
        let mut of_guild = self
            .by_seat
            .range_mut((claim.guild, 0)..=(claim.guild, u64::MAX));
        let (&(guild, user), ticket) = match claim.user {
            Some(user) => of_guild.find(|((_, owner), _)| *owner == user),
            None => of_guild.find(|(_, ticket)| ticket.token == claim.token),
        }
        .ok_or(close::SESSION_INVALID)?;
        if ticket.session_id != claim.session_id {
            return Err(close::SESSION_INVALID);
        }
        if ticket.token != claim.token {
            return Err(close::AUTHENTICATION_FAILED);
        }
        if claim.user.is_none() && ticket.link.is_none() {
            return Err(close::SESSION_INVALID);
        }
        ticket.outlet = Some(outlet);
        ticket.connection = connection;
        Ok(Admission {
            guild,
            user,
            connection,
        })
    }

    /// Keeps the connection's audio link for as long as the ticket is good.
    pub(crate) fn set_link(&mut self, admission: Admission, link: Arc<Link>) {
        if let Some(ticket) = self.current(admission) {
            ticket.link = Some(link);
            ticket.ready = true;
        }
    }

    /// The audio link of a connection that was resumed.
    pub(crate) fn link(&mut self, admission: Admission) -> Option<Arc<Link>> {
        self.current(admission)?.link.clone()
    }

    /// Forgets the connection; the ticket stays good for a resume.
    pub(crate) fn detach(&mut self, admission: Admission) {
        if let Some(ticket) = self.current(admission) {
            ticket.outlet = None;
        }
    }

    /// The member has left: its connection is closed and its ticket void.
    pub(crate) fn revoke(&mut self, guild: u64, user: u64) {
        let outlet = self
            .by_seat
            .remove(&(guild, user))
            .and_then(|ticket| ticket.outlet);
        if let Some(outlet) = outlet {
            // If its queue is full, dropping the outlet ends the connection just the same.
            let _ = outlet.try_send(Frame::Close(close::DISCONNECTED));
        }
    }

    /// The member was moved by someone else; its connection moves along.
    pub(crate) fn follow(&mut self, guild: u64, user: u64, channel: u64) {
        if let Some(ticket) = self.by_seat.get_mut(&(guild, user)) {
            ticket.channel = channel;
        }
    }

    /// Sends a frame to every other bot connected to the channel.
    pub(crate) fn tell_channel(&mut self, guild: u64, channel: u64, except: u64, frame: &Frame) {
        let of_guild = self.by_seat.range_mut((guild, 0)..=(guild, u64::MAX));
        for ((_, user), ticket) in of_guild {
            if *user == except || ticket.channel != channel {
                continue;
            }
            let outlet = ticket.outlet.as_ref();
            if outlet.is_some_and(|outlet| outlet.try_send(frame.clone()).is_err()) {
                ticket.outlet = None;
            }
        }
    }

    /// Whether the bot has an open voice connection in the guild.
    pub(crate) fn is_connected(&self, guild: u64, user: u64) -> bool {
        self.by_seat
            .get(&(guild, user))
            .is_some_and(|ticket| ticket.outlet.is_some() && ticket.ready)
    }

    fn current(&mut self, admission: Admission) -> Option<&mut Ticket> {
        self.by_seat
            .get_mut(&(admission.guild, admission.user))
            .filter(|ticket| ticket.connection == admission.connection)
    }
}
