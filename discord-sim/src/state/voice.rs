//! Who sits where in voice: bots that ask, people who move, administrators who move them.
//!
//! Called by the gateway (a bot's opcode 4) and by the library's people. Each change
//! updates the world first and then sends the events it implies.

use serde_json::{Value, json};

use super::State;
use super::log::EventKind;
use super::tickets::Offer;
use crate::error::SimError;
use crate::heard::recording::Recording;
use crate::protocol::voice_message::Message;
use crate::protocol::{Code, intents, voice_close as close};
use crate::world::{ChannelKind, VoiceState, permissions, random_text, wire};

/// What changes of how somebody sits in voice; what is `None` stays.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hush {
    /// By administrators.
    pub(crate) mute: Option<bool>,
    pub(crate) deaf: Option<bool>,
    /// By itself.
    pub(crate) self_mute: Option<bool>,
    pub(crate) self_deaf: Option<bool>,
}

impl Hush {
    fn describe(self) -> String {
        let parts = [
            (self.mute, "was muted", "was unmuted"),
            (self.deaf, "was deafened", "was undeafened"),
            (self.self_mute, "muted itself", "unmuted itself"),
            (self.self_deaf, "deafened itself", "undeafened itself"),
        ];
        let parts = parts
            .into_iter()
            .filter_map(|(set, yes, no)| Some(if set? { yes } else { no }));
        parts.collect::<Vec<_>>().join(", ")
    }
}

impl State {
    /// A bot asks to join, move, mute or leave (opcode 4). What it may not do is ignored
    /// without an answer, as Discord does.
    pub(crate) fn move_bot(
        &mut self,
        bot: u64,
        session: &str,
        guild: u64,
        channel: Option<u64>,
        (self_mute, self_deaf): (bool, bool),
    ) {
        let Some(channel) = channel else {
            if self
                .find_guild(guild)
                .is_some_and(|guild| guild.voice.contains_key(&bot))
            {
                self.unseat(guild, bot);
            }
            return;
        };
        if !self.may_enter(bot, guild, channel) {
            return;
        }
        if self
            .find_guild(guild)
            .is_some_and(|guild| !guild.voice.contains_key(&bot))
        {
            self.begin_entry(guild, bot);
        }
        let session_id = session.to_owned();
        let voice = VoiceState {
            channel,
            session_id,
            self_mute,
            self_deaf,
        };
        self.seat(guild, bot, voice);
    }

    fn may_enter(&self, bot: u64, guild: u64, channel: u64) -> bool {
        let Some((home, entry)) = self.find_channel(channel) else {
            return false;
        };
        let bits = self.permissions_in(channel, bot);
        let inside = home
            .voice
            .iter()
            .filter(|(user, state)| state.channel == channel && **user != bot);
        let limit = usize::try_from(entry.user_limit).unwrap_or(usize::MAX);
        let full = limit != 0 && inside.count() >= limit;
        home.id == guild
            && entry.kind == ChannelKind::Voice
            && bits & permissions::CONNECT != 0
            && (!full || bits & permissions::MOVE_MEMBERS != 0)
    }

    /// Offers a bot a voice connection for the channel it sits in; an older one is left
    /// with this code.
    fn offer_voice(&mut self, bot: u64, guild: u64, code: Code) {
        let port = self.tickets.port(guild, bot);
        self.offer_voice_at(bot, guild, port.unwrap_or(self.ports.voices[0]), code);
    }

    pub(super) fn offer_voice_at(&mut self, bot: u64, guild: u64, port: u16, code: Code) {
        let seat = self
            .find_guild(guild)
            .and_then(|guild| guild.voice.get(&bot));
        let Some(VoiceState {
            channel,
            session_id,
            ..
        }) = seat.cloned()
        else {
            return;
        };
        let offer = Offer {
            channel,
            session_id: &session_id,
            port,
        };
        let token = self.tickets.issue((guild, bot), offer, code.into());
        let update = json!({
            "token": token,
            "guild_id": guild.to_string(),
            "endpoint": format!("127.0.0.1:{port}"),
        });
        self.tell(bot, guild, 0, "VOICE_SERVER_UPDATE", &update);
    }

    /// Puts a member into a voice channel, or changes how it sits there. A bot is offered a
    /// connection for the channel.
    pub(crate) fn seat(&mut self, guild: u64, user: u64, voice: VoiceState) {
        let (channel, session_id) = (voice.channel, voice.session_id.clone());
        let Some(entry) = self.find_guild_mut(guild) else {
            return;
        };
        let before = entry.voice.insert(user, voice);
        self.announce_voice(guild, user, None);
        let is_moved = before.as_ref().is_none_or(|it| it.channel != channel);
        if is_moved {
            if let Some(before) = &before {
                self.tickets.tell_channel(
                    guild,
                    before.channel,
                    user,
                    &Message::client_disconnect(user),
                );
                self.stir_dave(before.channel);
            }
            self.tickets
                .tell_channel(guild, channel, user, &Message::clients_connect(&[user]));
            if self.find_application(user).is_some() {
                let enter = |recording: &mut Recording| recording.enter(channel);
                self.hub.change(guild, user, enter);
            }
            let line = format!(
                "{} joined {}",
                self.name_of(user),
                self.name_of_channel(channel)
            );
            self.note(EventKind::Voice, line);
        }
        let is_offered = before.is_some_and(|it| !is_moved && it.session_id == session_id);
        if self.find_application(user).is_some() && !is_offered {
            self.offer_voice(user, guild, close::DISCONNECTED);
        }
        self.stir_dave(channel);
        self.route_audio(guild);
    }

    /// Takes a member out of voice, whoever wanted it.
    pub(crate) fn unseat(&mut self, guild: u64, user: u64) {
        let Some(entry) = self.find_guild_mut(guild) else {
            return;
        };
        let Some(before) = entry.voice.remove(&user) else {
            return;
        };
        self.announce_voice(guild, user, Some(&before.session_id));
        self.tickets.tell_channel(
            guild,
            before.channel,
            user,
            &Message::client_disconnect(user),
        );
        self.tickets.revoke(guild, user);
        self.stir_dave(before.channel);
        self.route_audio(guild);
        let line = format!(
            "{} left {}",
            self.name_of(user),
            self.name_of_channel(before.channel)
        );
        self.note(EventKind::Voice, line);
    }

    fn announce_voice(&mut self, guild: u64, user: u64, left_session: Option<&str>) {
        let Some(entry) = self.find_guild(guild) else {
            return;
        };
        let member = entry.members.get(&user);
        let mut update = wire::voice_state(entry, user, left_session.unwrap_or_default());
        update["guild_id"] = json!(guild.to_string());
        update["member"] = member.map_or(Value::Null, |member| wire::member(self, member));
        self.broadcast(
            guild,
            intents::GUILD_VOICE_STATES,
            "VOICE_STATE_UPDATE",
            &update,
        );
    }

    /// A person joins or moves in voice; a bot that is in voice is moved by an administrator.
    pub(crate) fn person_joins(
        &mut self,
        user: u64,
        guild: u64,
        channel: u64,
    ) -> Result<(), SimError> {
        let entry = self
            .find_guild(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        if !entry.members.contains_key(&user) {
            return Err(SimError::NotAMember { user, guild });
        }
        entry
            .find_channel(channel)
            .filter(|entry| entry.kind == ChannelKind::Voice)
            .ok_or(SimError::UnknownChannel(channel))?;
        let seat = entry.voice.get(&user).cloned();
        let is_bot = self.find_application(user).is_some();
        let voice = match seat {
            Some(before) => VoiceState { channel, ..before },
            // Only a bot itself can open its voice connection.
            None if is_bot => return Err(SimError::NotInVoice { user, guild }),
            None => VoiceState::new(channel, random_text(32)),
        };
        self.seat(guild, user, voice);
        Ok(())
    }

    /// A person leaves voice; a bot is disconnected by an administrator.
    pub(crate) fn person_leaves(&mut self, user: u64, guild: u64) -> Result<(), SimError> {
        let entry = self
            .find_guild(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        if !entry.voice.contains_key(&user) {
            return Err(SimError::NotInVoice { user, guild });
        }
        self.unseat(guild, user);
        Ok(())
    }

    /// Mutes or deafens a member in voice, as its administrators or it itself; what is `None`
    /// stays as it is.
    pub(crate) fn hush(&mut self, user: u64, guild: u64, hush: Hush) -> Result<(), SimError> {
        let is_bot = self.find_application(user).is_some();
        let entry = self
            .find_guild_mut(guild)
            .ok_or(SimError::UnknownGuild(guild))?;
        let seat = entry.voice.get_mut(&user);
        let seat = seat.ok_or(SimError::NotInVoice { user, guild })?;
        if is_bot && (hush.self_mute.is_some() || hush.self_deaf.is_some()) {
            return Err(SimError::Refused(
                "a bot mutes and deafens itself".to_owned(),
            ));
        }
        seat.self_mute = hush.self_mute.unwrap_or(seat.self_mute);
        seat.self_deaf = hush.self_deaf.unwrap_or(seat.self_deaf);
        if hush.mute.is_some() || hush.deaf.is_some() {
            self.change_member(guild, user, |member| {
                member.mute = hush.mute.unwrap_or(member.mute);
                member.deaf = hush.deaf.unwrap_or(member.deaf);
            })?;
        }
        self.announce_voice(guild, user, None);
        self.route_audio(guild);
        let line = format!("{} {}", self.name_of(user), hush.describe());
        self.note(EventKind::Voice, line);
        Ok(())
    }

    pub(super) fn name_of_channel(&self, id: u64) -> String {
        self.find_channel(id).map_or_else(
            || id.to_string(),
            |(guild, channel)| format!("{} in {}", channel.name, guild.name),
        )
    }
}
