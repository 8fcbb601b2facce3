//! What a logged-in bot may ask for on the gateway: presence, voice moves, sounds, and the
//! member lists of `members`.

use serde_json::{Value, json};

use crate::protocol::{Code, gateway_close as close};
use crate::state::State;
use crate::state::sessions::Attachment;
use crate::world::presence::Presence;
use crate::world::snowflake;

impl State {
    /// Answers one request of an identified connection.
    pub(super) fn gateway_request(
        &mut self,
        attachment: &Attachment,
        op: u64,
        data: &Value,
    ) -> Result<(), Code> {
        // A connection that was just replaced has nothing more to ask.
        let Some(session) = self.sessions.current(attachment) else {
            return Ok(());
        };
        let bot = session.application;
        match op {
            3 => self.presence_request(attachment, bot, data),
            4 => self.voice_request(bot, &attachment.session, data),
            8 => self.members_request(attachment, data),
            _ => self.sounds_request(attachment, bot, data),
        }
    }

    fn presence_request(
        &mut self,
        attachment: &Attachment,
        bot: u64,
        data: &Value,
    ) -> Result<(), Code> {
        let now_ms = self.now_ms();
        let presence = Presence::read(data, now_ms).ok_or(close::DECODE_ERROR)?;
        let session = self.sessions.current(attachment);
        if session.is_some_and(|session| session.may_change_presence(now_ms)) {
            self.show(bot, presence);
        }
        Ok(())
    }

    fn voice_request(&mut self, bot: u64, session: &str, data: &Value) -> Result<(), Code> {
        let guild = data
            .get("guild_id")
            .and_then(snowflake::read)
            .ok_or(close::DECODE_ERROR)?;
        let channel = match data.get("channel_id") {
            None | Some(Value::Null) => None,
            Some(value) => Some(snowflake::read(value).ok_or(close::DECODE_ERROR)?),
        };
        let flag = |name| match data.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(value) => value.as_bool().ok_or(close::DECODE_ERROR),
        };
        let flags = (flag("self_mute")?, flag("self_deaf")?);
        self.move_bot(bot, session, guild, channel, flags);
        Ok(())
    }

    fn sounds_request(
        &mut self,
        attachment: &Attachment,
        bot: u64,
        data: &Value,
    ) -> Result<(), Code> {
        let guilds = data
            .get("guild_ids")
            .and_then(Value::as_array)
            .ok_or(close::DECODE_ERROR)?;
        let guilds = guilds.iter().map(snowflake::read);
        let guilds = guilds
            .collect::<Option<Vec<_>>>()
            .ok_or(close::DECODE_ERROR)?;
        for guild in guilds {
            let Ok(sounds) = self.read_sounds(bot, guild) else {
                continue;
            };
            let sounds = json!({ "guild_id": guild.to_string(), "soundboard_sounds": sounds });
            if let Some(session) = self.sessions.current(attachment) {
                session.send("SOUNDBOARD_SOUNDS", &sounds);
            }
        }
        Ok(())
    }
}
