//! Which bot may open which voice connection, and the connection it has open.
//!
//! The gateway issues a ticket when a bot asks to join (its token goes out in
//! `VOICE_SERVER_UPDATE`); a voice connection claims it; leaving revokes it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU16;

use serde_json::json;
use tokio::sync::mpsc;

use super::outbox::{KEPT, Numbered, Outbox};
use crate::audio::link::{Link, Receiver};
use crate::protocol::voice_message::Message;
use crate::protocol::{Code, voice_close as close};
use crate::world::random_text;

/// How many messages a client may leave unread: all that a resume brings, and then some.
pub(crate) const OUTLET: usize = 2 * KEPT;

/// What a voice connection is told to do.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    Send(Numbered),
    End(VoiceEnd),
    /// The client is to go over to another connection: this one ends when it has, or after a
    /// while.
    HandOver(VoiceEnd),
}

/// How the voice server ends a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VoiceEnd {
    /// With a close code and a reason; for the codes see Discord's *Voice Close Event Codes*.
    Close(u16, Cow<'static, str>),
    /// With a close frame that carries no code.
    CloseWithoutCode,
    /// Without a close frame: the TCP connection just ends.
    Drop,
}

impl From<Code> for VoiceEnd {
    fn from((code, reason): Code) -> VoiceEnd {
        VoiceEnd::Close(code, reason.into())
    }
}

/// All tickets, by guild and user: a bot has at most one voice connection in a guild.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    by_seat: BTreeMap<(u64, u64), Ticket>,
    connections: u64,
    sessions: u64,
}

#[derive(Debug, Default)]
struct Ticket {
    token: String,
    session_id: String,
    channel: u64,
    /// The voice server it is for.
    port: u16,
    outlet: Option<mpsc::Sender<Order>>,
    outbox: Outbox,
    connection: u64,
    session: Option<Session>,
    /// Whether the session was begun with this ticket, not with the one before it.
    ready: bool,
}

/// What a client has from the choice of a protocol on.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) number: u64,
    pub(crate) channel: u64,
    pub(crate) link: Arc<Link>,
    /// The version of DAVE that the client was told of, if it speaks DAVE at all.
    pub(crate) dave: Option<u16>,
    /// How the client said last that it speaks.
    speaking: Option<u64>,
}

impl Session {
    /// Opcode 5 for others, once the client has spoken.
    pub(super) fn speaking(&self, user: u64) -> Option<Message> {
        let data = json!({
            "user_id": user.to_string(),
            "ssrc": self.link.ssrc,
            "speaking": self.speaking?,
            "delay": null,
        });
        Some(Message::Json(5, data))
    }
}

impl Ticket {
    /// Sends a message, or keeps it for the time when the client is back.
    fn send(&mut self, message: Message) {
        let numbered = self.outbox.push(message);
        self.order(Order::Send(numbered));
    }

    fn order(&mut self, order: Order) {
        let outlet = self.outlet.as_ref();
        // Dropping the outlet of a client that does not read ends its connection.
        if outlet.is_some_and(|outlet| outlet.try_send(order).is_err()) {
            self.outlet = None;
        }
    }
}

/// What a ticket is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer<'a> {
    pub(super) channel: u64,
    pub(super) session_id: &'a str,
    pub(super) port: u16,
}

/// What a client shows to be let in.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    pub(crate) guild: u64,
    pub(crate) session_id: &'a str,
    pub(crate) token: &'a str,
    /// The voice server where it is shown.
    pub(crate) port: u16,
}

impl Claim<'_> {
    fn is_for(&self, ticket: &Ticket) -> bool {
        self.session_id == ticket.session_id && self.port == ticket.port
    }
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
    /// A connection opened with the older ticket stays until the client has opened another,
    /// or does not for a while; it is ended like this then.
    pub(super) fn issue(&mut self, seat: (u64, u64), offer: Offer<'_>, end: VoiceEnd) -> String {
        let token = random_text(16).to_ascii_lowercase();
        let Offer {
            channel,
            session_id,
            port,
        } = offer;
        let ticket = self.by_seat.entry(seat).or_default();
        ticket.order(Order::HandOver(end));
        ticket.token.clone_from(&token);
        session_id.clone_into(&mut ticket.session_id);
        ticket.channel = channel;
        ticket.port = port;
        ticket.ready = false;
        token
    }

    /// The voice server that a member's ticket is for.
    pub(super) fn port(&self, guild: u64, user: u64) -> Option<u16> {
        Some(self.by_seat.get(&(guild, user))?.port)
    }

    /// The voice server is gone: the connection ends, and nothing of it can be resumed.
    pub(super) fn withdraw(&mut self, guild: u64, user: u64) {
        if let Some(ticket) = self.by_seat.get_mut(&(guild, user)) {
            ticket.order(Order::End(close::CALL_TERMINATED.into()));
            *ticket = Ticket {
                channel: ticket.channel,
                port: ticket.port,
                ..Ticket::default()
            };
        }
    }

    /// Lets a new connection in, in place of an older one. Also returns where it notes the
    /// number of the last message it has written.
    pub(super) fn claim(
        &mut self,
        claim: &Claim<'_>,
        user: u64,
        outlet: mpsc::Sender<Order>,
    ) -> Result<(Admission, Arc<AtomicU16>), Code> {
        let ticket = self
            .by_seat
            .get_mut(&(claim.guild, user))
            .ok_or(close::SESSION_INVALID)?;
        // One without a server is for nobody.
        if ticket.token.is_empty() || !claim.is_for(ticket) {
            return Err(close::SESSION_INVALID);
        }
        if ticket.token != claim.token {
            return Err(close::AUTHENTICATION_FAILED);
        }
        self.connections += 1;
        ticket.connection = self.connections;
        ticket.outlet = Some(outlet);
        ticket.outbox = Outbox::default();
        ticket.session = None;
        ticket.ready = false;
        let admission = Admission {
            guild: claim.guild,
            user,
            connection: ticket.connection,
        };
        Ok((admission, ticket.outbox.written()))
    }

    /// Lets a new connection carry on where an older one has stopped, and sends it what the
    /// client has missed since the message that it received last, by its own account if it
    /// counts. Also returns the session, and what [`claim`](Tickets::claim) does.
    pub(crate) fn resume(
        &mut self,
        claim: &Claim<'_>,
        received: Option<u16>,
        outlet: mpsc::Sender<Order>,
    ) -> Result<(Admission, Session, Arc<AtomicU16>), Code> {
        let mut of_guild = self
            .by_seat
            .range_mut((claim.guild, 0)..=(claim.guild, u64::MAX));
        let (&(guild, user), ticket) = of_guild
            .find(|(_, ticket)| ticket.token == claim.token && claim.is_for(ticket))
            .ok_or(close::SESSION_INVALID)?;
        let session = ticket.session.clone().ok_or(close::SESSION_INVALID)?;
        let missed = ticket
            .outbox
            .after(received)
            .ok_or(close::SESSION_INVALID)?;
        self.connections += 1;
        ticket.connection = self.connections;
        ticket.outlet = Some(outlet);
        for message in missed {
            ticket.order(Order::Send(message));
        }
        let admission = Admission {
            guild,
            user,
            connection: ticket.connection,
        };
        Ok((admission, session, ticket.outbox.written()))
    }

    /// The channel that the ticket of a connection is for.
    pub(super) fn channel(&mut self, admission: Admission) -> Option<u64> {
        Some(self.current(admission)?.channel)
    }

    /// Begins a session in the ticket's channel; its number.
    pub(super) fn begin(
        &mut self,
        admission: Admission,
        link: Arc<Link>,
        dave: Option<u16>,
    ) -> Option<u64> {
        self.sessions += 1;
        let number = self.sessions;
        let ticket = self.current(admission)?;
        let channel = ticket.channel;
        ticket.session = Some(Session {
            number,
            channel,
            link,
            dave,
            speaking: None,
        });
        ticket.ready = true;
        Some(number)
    }

    /// A client says how it speaks; the session in which it does.
    pub(super) fn speak(&mut self, admission: Admission, speaking: u64) -> Option<&Session> {
        let session = self.current(admission)?.session.as_mut()?;
        let before = session.speaking.replace(speaking);
        (before != Some(speaking)).then_some(session)
    }

    /// The sessions that were begun in a channel and are still in it, with their users.
    pub(super) fn sessions_in(
        &self,
        guild: u64,
        channel: u64,
    ) -> impl Iterator<Item = (u64, &Session)> {
        let of_guild = self.by_seat.range((guild, 0)..=(guild, u64::MAX));
        of_guild.filter_map(move |((_, user), ticket)| {
            let session = ticket.session.as_ref()?;
            let inside = ticket.channel == channel && session.channel == channel;
            inside.then_some((*user, session))
        })
    }

    /// Has the audio of each session sent on to those of others in its channel, if they are
    /// among the hearers.
    pub(super) fn route_audio(&self, guild: u64, hearers: &BTreeMap<u64, u64>) {
        let of_guild = || self.by_seat.range((guild, 0)..=(guild, u64::MAX));
        for ((_, sender), ticket) in of_guild() {
            let Some(session) = &ticket.session else {
                continue;
            };
            let receivers = of_guild().filter_map(|((_, user), other)| {
                let other = other.session.as_ref()?;
                let hears = *user != *sender
                    && ticket.channel == other.channel
                    && hearers.get(user) == Some(&ticket.channel);
                hears.then(|| Receiver::new(&other.link, other.dave.is_some()))
            });
            session.link.send_on_to(receivers.collect());
        }
    }

    /// Has nobody hear those that were muted.
    pub(super) fn mute_audio(&self, guild: u64, muted: &BTreeSet<u64>) {
        for ((_, user), ticket) in self.by_seat.range((guild, 0)..=(guild, u64::MAX)) {
            if let Some(session) = &ticket.session {
                session.link.set_muted(muted.contains(user));
            }
        }
    }

    /// Sends a message to a client, unless it has begun another session since.
    pub(crate) fn tell_session(&mut self, guild: u64, user: u64, session: u64, message: Message) {
        if let Some(ticket) = self.in_session(guild, user, session) {
            ticket.send(message);
        }
    }

    /// Ends a client's connection, unless it has begun another session since.
    pub(crate) fn end_session(&mut self, guild: u64, user: u64, session: u64, end: VoiceEnd) {
        if let Some(ticket) = self.in_session(guild, user, session) {
            ticket.order(Order::End(end));
        }
    }

    fn in_session(&mut self, guild: u64, user: u64, session: u64) -> Option<&mut Ticket> {
        let is_same = |own: &Session| own.number == session;
        let ticket = self.by_seat.get_mut(&(guild, user))?;
        ticket
            .session
            .as_ref()
            .is_some_and(is_same)
            .then_some(ticket)
    }

    /// Forgets the connection; the ticket stays good for a resume.
    pub(crate) fn detach(&mut self, admission: Admission) {
        if let Some(ticket) = self.current(admission) {
            ticket.outlet = None;
        }
    }

    /// The member has left: its connection is closed and its ticket void.
    pub(crate) fn revoke(&mut self, guild: u64, user: u64) {
        if let Some(mut ticket) = self.by_seat.remove(&(guild, user)) {
            ticket.order(Order::End(close::DISCONNECTED.into()));
            if let Some(session) = ticket.session {
                session.link.send_on_to(Vec::new());
            }
        }
    }

    /// Ends the bot's connection; the ticket stays good, so that the client can resume.
    /// False if the bot has none.
    pub(crate) fn end(&mut self, guild: u64, user: u64, end: VoiceEnd) -> bool {
        let Some(ticket) = self.by_seat.get_mut(&(guild, user)) else {
            return false;
        };
        let connected = ticket.outlet.is_some();
        ticket.order(Order::End(end));
        ticket.outlet = None;
        connected
    }

    /// Sends a message to the client of this connection.
    pub(super) fn tell(&mut self, admission: Admission, message: Message) {
        if let Some(ticket) = self.current(admission) {
            ticket.send(message);
        }
    }

    /// Sends a message to every other bot connected to the channel.
    pub(super) fn tell_channel(
        &mut self,
        guild: u64,
        channel: u64,
        except: u64,
        message: &Message,
    ) {
        let of_guild = self.by_seat.range_mut((guild, 0)..=(guild, u64::MAX));
        for ((_, user), ticket) in of_guild {
            if *user != except && ticket.channel == channel {
                ticket.send(message.clone());
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
