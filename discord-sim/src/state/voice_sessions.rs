//! Voice connections: let in, begun, told of each other.
//!
//! Called by the voice gateway for its clients.

use std::sync::Arc;
use std::sync::atomic::AtomicU16;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::State;
use super::dave::Begun;
use super::log::EventKind;
use super::tickets::{Admission, Claim, Order};
use crate::audio::link::Link;
use crate::protocol::voice_message::Message;
use crate::protocol::{Code, voice_close as close};
use crate::world::{Member, permissions, random_text};

impl State {
    /// Lets a client in that identifies. Also returns where its connection notes the number of
    /// the last message it has written.
    pub(crate) fn claim_voice(
        &mut self,
        claim: &Claim<'_>,
        user: u64,
        outlet: mpsc::Sender<Order>,
    ) -> Result<(Admission, Arc<AtomicU16>), Code> {
        let guild = claim.guild;
        self.find_guild(guild).ok_or(close::SERVER_NOT_FOUND)?;
        let claimed = self.tickets.claim(claim, user, outlet)?;
        if let Some(channel) = self.tickets.channel(claimed.0) {
            self.stir_dave(channel);
        }
        self.advance_entry(guild, user, |entry| &mut entry.identified);
        Ok(claimed)
    }

    /// A client has chosen its protocol: it is told of its key and of the others, and may send
    /// audio. `None` if its connection is not the current one any more.
    pub(crate) fn begin_voice(
        &mut self,
        admission: Admission,
        link: Arc<Link>,
        speaks_dave: bool,
        (mode, key): (&str, &[u8; 32]),
    ) -> Option<Begun> {
        let begun = self.begin_session(admission, link, speaks_dave)?;
        let description = json!({
            "mode": mode,
            "secret_key": key,
            "dave_protocol_version": begun.version,
            "audio_codec": "opus",
            "video_codec": null,
            "media_session_id": random_text(32),
        });
        self.tickets.tell(admission, Message::Json(4, description));
        let (guild, user) = (admission.guild, admission.user);
        self.advance_entry(guild, user, |entry| &mut entry.described);
        let others = self.others_in_voice(guild, user);
        if !others.is_empty() {
            let others = Message::clients_connect(&others);
            self.tickets.tell(admission, others);
        }
        let sessions = self.tickets.sessions_in(guild, begun.channel);
        let others = sessions.filter(|(other, _)| *other != user);
        let speaking = others.filter_map(|(other, session)| session.speaking(other));
        for message in speaking.collect::<Vec<_>>() {
            self.tickets.tell(admission, message);
        }
        self.route_audio(guild);
        let sealed = if begun.version > 0 {
            "encrypted end to end"
        } else {
            "in the clear"
        };
        let place = self.name_of_channel(begun.channel);
        let name = self.name_of(user);
        self.note(
            EventKind::Voice,
            format!("{name} is connected to {place}, {sealed}"),
        );
        Some(begun)
    }

    /// A client says how it speaks (opcode 5), and the others in its channel are told.
    pub(crate) fn speak(&mut self, admission: Admission, speaking: u64) {
        let (guild, user) = (admission.guild, admission.user);
        let session = self.tickets.speak(admission, speaking);
        let told = session.and_then(|session| Some((session.channel, session.speaking(user)?)));
        if let Some((channel, message)) = told {
            self.tickets.tell_channel(guild, channel, user, &message);
        }
    }

    /// Moves a bot's voice connection to the other voice server; false if it has none.
    pub(crate) fn move_voice_server(&mut self, bot: u64, guild: u64) -> bool {
        let Some(port) = self.tickets.port(guild, bot) else {
            return false;
        };
        let [one, other] = self.ports.voices;
        let other = if port == one { other } else { one };
        self.offer_voice_at(bot, guild, other, close::CALL_TERMINATED);
        true
    }

    /// Takes a bot's voice server away without giving it another; false if it has none.
    pub(crate) fn withdraw_voice_server(&mut self, bot: u64, guild: u64) -> bool {
        let seat = self
            .find_guild(guild)
            .and_then(|guild| guild.voice.get(&bot));
        let channel = seat.map(|seat| seat.channel);
        let (Some(channel), Some(_)) = (channel, self.tickets.port(guild, bot)) else {
            return false;
        };
        let update = json!({
            "token": random_text(16).to_ascii_lowercase(),
            "guild_id": guild.to_string(),
            "endpoint": Value::Null,
        });
        self.tell(bot, guild, 0, "VOICE_SERVER_UPDATE", &update);
        self.tickets.withdraw(guild, bot);
        self.stir_dave(channel);
        true
    }

    /// Has what each bot sends sent on to the other bots in its channel that are not deaf,
    /// unless it was muted or may not speak there.
    pub(super) fn route_audio(&self, guild: u64) {
        let Some(entry) = self.find_guild(guild) else {
            return;
        };
        let is_so = |user: &u64, of: fn(&Member) -> bool| entry.members.get(user).is_some_and(of);
        let seats = entry.voice.iter();
        let hearers =
            seats.filter(|(user, seat)| !seat.self_deaf && !is_so(user, |member| member.deaf));
        let hearers = hearers.map(|(user, seat)| (*user, seat.channel));
        self.tickets.route_audio(guild, &hearers.collect());
        let now_ms = self.now_ms();
        let may_speak = |user: u64, channel: u64| {
            entry.find_channel(channel).is_some_and(|channel| {
                permissions::in_channel(entry, channel, user, now_ms) & permissions::SPEAK != 0
            })
        };
        let muted = entry.voice.iter().filter(|(user, seat)| {
            is_so(user, |member| member.mute) || !may_speak(**user, seat.channel)
        });
        let muted = muted.map(|(user, _)| *user).collect();
        self.tickets.mute_audio(guild, &muted);
    }
}
