//! How control requests name users, bots, guilds, channels and roles: by id or by name.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use super::answer::{Answered, Refused};
use crate::state::interactions::Modal;
use crate::state::{Shared, State};
use crate::world::Guild;
use crate::world::expressions::default_sounds;
pub(super) use crate::world::named::{Bits, Named};

impl Named {
    /// A person or a bot.
    pub(super) fn user(&self, state: &State) -> Answered<u64> {
        let by_id = self.id().filter(|id| state.users.contains_key(id));
        let by_name = || state.find_user_named(&self.0).map(|user| user.id);
        by_id.or_else(by_name).ok_or_else(|| self.unknown("user"))
    }

    /// A bot.
    pub(super) fn bot(&self, state: &State) -> Answered<u64> {
        let mut bots = state.applications.iter();
        let bot = bots.find(|bot| Some(bot.id) == self.id() || bot.name == self.0);
        bot.map(|bot| bot.id).ok_or_else(|| self.unknown("bot"))
    }

    pub(super) fn guild(&self, state: &State) -> Answered<u64> {
        let by_id = self.id().filter(|id| state.find_guild(*id).is_some());
        let by_name = || state.guilds.iter().find(|guild| guild.name == self.0);
        by_id
            .or_else(|| by_name().map(|guild| guild.id))
            .ok_or_else(|| self.unknown("guild"))
    }

    /// A channel of a guild.
    pub(super) fn channel(&self, guild: &Guild) -> Answered<u64> {
        let by_id = self.id().filter(|id| guild.find_channel(*id).is_some());
        let mut all = guild.channels.iter();
        let mut by_name = || all.find(|channel| channel.name == self.0);
        by_id
            .or_else(|| by_name().map(|channel| channel.id))
            .ok_or_else(|| self.unknown("channel"))
    }

    /// A role of a guild; `@everyone` is one.
    pub(super) fn role(&self, guild: &Guild) -> Answered<u64> {
        let by_id = guild.roles.iter().find(|role| Some(role.id) == self.id());
        let by_name = || guild.roles.iter().find(|role| role.name == self.0);
        by_id
            .or_else(by_name)
            .map(|role| role.id)
            .ok_or_else(|| self.unknown("role"))
    }

    /// A channel of any guild, or direct messages.
    fn place(&self, state: &State) -> Answered<u64> {
        let by_id = self.id().filter(|id| state.find_place(*id).is_some());
        let mut all = state.guilds.iter().flat_map(|guild| &guild.channels);
        let mut by_name = || all.find(|channel| channel.name == self.0);
        by_id
            .or_else(|| by_name().map(|channel| channel.id))
            .ok_or_else(|| self.unknown("channel"))
    }

    /// A sound of any guild's soundboard, or one of those that are everywhere.
    pub(super) fn sound(&self, state: &State) -> Answered<u64> {
        let everywhere = default_sounds().collect::<Vec<_>>();
        let of_guilds = state.guilds.iter().flat_map(|guild| &guild.sounds);
        let all = || of_guilds.clone().chain(&everywhere);
        let by_id = all().find(|sound| Some(sound.id) == self.id());
        by_id
            .or_else(|| all().find(|sound| sound.name == self.0))
            .map(|sound| sound.id)
            .ok_or_else(|| self.unknown("sound"))
    }

    /// A message, by its id.
    pub(super) fn message(&self, state: &State) -> Answered<u64> {
        let by_id = self.id().filter(|id| state.messages.find(*id).is_some());
        by_id.ok_or_else(|| self.unknown("message"))
    }

    fn unknown(&self, what: &str) -> Refused {
        Refused::unprocessable(format!("there is no {what} {}", self.0))
    }
}

/// The `{guild}` of an address.
pub(super) struct InGuild(pub(super) u64);

impl FromRequestParts<Arc<Shared>> for InGuild {
    type Rejection = Refused;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<InGuild, Refused> {
        let guild = param(parts, shared, "guild").await?;
        let found = shared.read(|state| guild.guild(state));
        found.map(InGuild).map_err(missing)
    }
}

/// The `{user}` of an address.
pub(super) struct OfUser(pub(super) u64);

impl FromRequestParts<Arc<Shared>> for OfUser {
    type Rejection = Refused;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<OfUser, Refused> {
        let user = param(parts, shared, "user").await?;
        shared
            .read(|state| user.user(state))
            .map(OfUser)
            .map_err(missing)
    }
}

/// The `{channel}` of an address that names no guild: by its id, or the first of that name.
pub(super) struct InPlace(pub(super) u64);

impl FromRequestParts<Arc<Shared>> for InPlace {
    type Rejection = Refused;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<InPlace, Refused> {
        let channel = param(parts, shared, "channel").await?;
        let found = shared.read(|state| channel.place(state));
        found.map(InPlace).map_err(missing)
    }
}

/// The `{message}` of an address.
pub(super) struct OfMessage(pub(super) u64);

impl FromRequestParts<Arc<Shared>> for OfMessage {
    type Rejection = Refused;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<OfMessage, Refused> {
        let message = param(parts, shared, "message").await?;
        let found = shared.read(|state| message.message(state));
        found.map(OfMessage).map_err(missing)
    }
}

/// The `{form}` of an address.
pub(super) struct OfForm(pub(super) Modal);

impl FromRequestParts<Arc<Shared>> for OfForm {
    type Rejection = Refused;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<OfForm, Refused> {
        let form = param(parts, shared, "form").await?;
        let found = shared.read(|state| state.find_form(form.id()?));
        found
            .map(OfForm)
            .ok_or_else(|| missing(form.unknown("form")))
    }
}

/// The `{guild}` and the `{channel}` of an address.
pub(super) struct InChannel {
    pub(super) guild: u64,
    pub(super) channel: u64,
}

impl FromRequestParts<Arc<Shared>> for InChannel {
    type Rejection = Refused;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<InChannel, Refused> {
        let InGuild(guild) = InGuild::from_request_parts(parts, shared).await?;
        let channel = param(parts, shared, "channel").await?;
        let found = shared.read(|state| channel.channel(home(state, guild)?));
        let channel = found.map_err(missing)?;
        Ok(InChannel { guild, channel })
    }
}

/// The `{guild}` and the `{role}` of an address.
pub(super) struct OfRole {
    pub(super) guild: u64,
    pub(super) role: u64,
}

impl FromRequestParts<Arc<Shared>> for OfRole {
    type Rejection = Refused;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<OfRole, Refused> {
        let InGuild(guild) = InGuild::from_request_parts(parts, shared).await?;
        let role = param(parts, shared, "role").await?;
        let role = shared.read(|state| role.role(home(state, guild)?));
        let role = role.map_err(missing)?;
        Ok(OfRole { guild, role })
    }
}

/// The `{guild}` and the `{sound}` of an address.
pub(super) struct OfSound {
    pub(super) guild: u64,
    pub(super) sound: u64,
}

impl FromRequestParts<Arc<Shared>> for OfSound {
    type Rejection = Refused;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<OfSound, Refused> {
        let InGuild(guild) = InGuild::from_request_parts(parts, shared).await?;
        let sound = param(parts, shared, "sound").await?;
        let sound = shared.read(|state| sound.sound(state)).map_err(missing)?;
        Ok(OfSound { guild, sound })
    }
}

/// The `{guild}` and the `{emoji}` of an address.
pub(super) struct OfEmoji {
    pub(super) guild: u64,
    pub(super) emoji: u64,
}

impl FromRequestParts<Arc<Shared>> for OfEmoji {
    type Rejection = Refused;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<OfEmoji, Refused> {
        let InGuild(guild) = InGuild::from_request_parts(parts, shared).await?;
        let named = param(parts, shared, "emoji").await?;
        let emoji = shared.read(|state| {
            let mut emojis = home(state, guild)?.emojis.iter();
            let found = emojis.find(|it| Some(it.id) == named.id() || it.name == named.0);
            found
                .map(|emoji| emoji.id)
                .ok_or_else(|| named.unknown("emoji"))
        });
        let emoji = emoji.map_err(missing)?;
        Ok(OfEmoji { guild, emoji })
    }
}

/// A guild that an address has named.
pub(super) fn home(state: &State, guild: u64) -> Answered<&Guild> {
    let gone = || Refused::not_found(format!("there is no guild {guild}"));
    state.find_guild(guild).ok_or_else(gone)
}

/// One part of an address, by its name in the route.
async fn param(parts: &mut Parts, shared: &Arc<Shared>, name: &str) -> Answered<Named> {
    let params = RawPathParams::from_request_parts(parts, shared).await;
    let params = params.map_err(|rejection| Refused {
        status: rejection.status(),
        reason: rejection.body_text(),
    })?;
    let found = params.iter().find(|(key, _)| *key == name);
    let (_, value) = found.ok_or_else(|| Refused::not_found(format!("no {name} is named")))?;
    Ok(Named(value.to_owned()))
}

/// What an address names and is not there, is not found.
fn missing(refused: Refused) -> Refused {
    Refused::not_found(refused.reason)
}
