//! Control requests by which people use the bots' commands.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::Value;

use super::answer::{Answered, Asked, Body, Refused};
use super::files::Upload;
use super::interactions::told;
use super::names::{InGuild, InPlace, Named, home};
use super::wait;
use crate::state::interactions::command::Target;
use crate::state::interactions::{self, Choice, Use};
use crate::state::{self, Shared};
use crate::world::File;

/// Whose commands are asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    bot: Option<Named>,
}

/// `GET /sim/commands`
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Asked(whose): Asked<Whose>,
) -> Answered<Json<Vec<Value>>> {
    shared.read(|state| {
        let bot = wait::bot(state, whose.bot.as_ref())?;
        Ok(Json(state.commands.all_of(bot)))
    })
}

/// A command and its options, as a person types them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Slash {
    bot: Option<Named>,
    user: Named,
    command: String,
    #[serde(default)]
    options: BTreeMap<String, Typed>,
    /// Another than the guild's first.
    channel: Option<Named>,
}

/// What stands in an option: text, a number, a truth value or a file.
#[derive(Deserialize)]
#[serde(try_from = "Value")]
enum Typed {
    Text(String),
    File(Upload),
}

impl TryFrom<Value> for Typed {
    type Error = serde_json::Error;

    fn try_from(value: Value) -> Result<Typed, serde_json::Error> {
        Ok(match value {
            Value::String(text) => Typed::Text(text),
            Value::Object(_) => Typed::File(Upload::deserialize(value)?),
            other => Typed::Text(other.to_string()),
        })
    }
}

/// Where a command is used: in a guild, or in a channel, which may be direct messages.
#[derive(Clone, Copy)]
enum Place {
    Guild(u64),
    Channel(u64),
}

/// A command as it is used.
struct Wish {
    bot: Option<u64>,
    user: u64,
    guild: u64,
    slash: interactions::Slash,
}

impl Wish {
    fn read(shared: &Shared, place: Place, typed: Slash) -> Answered<Wish> {
        let mut slash = interactions::Slash::new(&typed.command);
        for (name, value) in typed.options {
            slash = match value {
                Typed::Text(text) => slash.option(&name, &text),
                Typed::File(upload) => slash.file(&name, File::try_from(upload)?),
            };
        }
        shared.read(|state| {
            let (guild, channel) = match (place, &typed.channel) {
                (Place::Guild(guild), None) => (guild, None),
                (Place::Guild(guild), Some(channel)) => {
                    (guild, Some(channel.channel(home(state, guild)?)?))
                }
                (Place::Channel(channel), None) => (0, Some(channel)),
                (Place::Channel(_), Some(_)) => {
                    let reason = "the address names the channel already";
                    return Err(Refused::unprocessable(reason));
                }
            };
            if let Some(channel) = channel {
                slash = slash.in_channel(channel);
            }
            let (bot, user) = who(state, typed.bot.as_ref(), &typed.user)?;
            Ok(Wish {
                bot,
                user,
                guild,
                slash,
            })
        })
    }

    fn using<'a>(&'a self, completing: Option<(&'a str, &'a str)>) -> Use<'a> {
        Use {
            bot: self.bot,
            user: self.user,
            guild: self.guild,
            slash: &self.slash,
            completing,
        }
    }
}

/// `POST /sim/guilds/{guild}/slash`: waits for what becomes of it.
pub(super) async fn slash(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Body(typed): Body<Slash>,
) -> Answered<Json<Value>> {
    let wish = Wish::read(&shared, Place::Guild(guild), typed)?;
    Ok(Json(told(shared.use_command(&wish.using(None)).await?)))
}

/// `POST /sim/channels/{channel}/slash`
pub(super) async fn slash_here(
    State(shared): State<Arc<Shared>>,
    InPlace(channel): InPlace,
    Body(typed): Body<Slash>,
) -> Answered<Json<Value>> {
    let wish = Wish::read(&shared, Place::Channel(channel), typed)?;
    Ok(Json(told(shared.use_command(&wish.using(None)).await?)))
}

/// An option and what has been typed into it, and the others as far as they are filled in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Autocomplete {
    bot: Option<Named>,
    user: Named,
    command: String,
    #[serde(default)]
    options: BTreeMap<String, Typed>,
    channel: Option<Named>,
    option: String,
    #[serde(default)]
    partial: String,
}

/// `POST /sim/guilds/{guild}/autocomplete`: waits for the suggestions.
pub(super) async fn autocomplete(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Body(typed): Body<Autocomplete>,
) -> Answered<Json<Vec<Choice>>> {
    complete(&shared, Place::Guild(guild), typed).await
}

/// `POST /sim/channels/{channel}/autocomplete`
pub(super) async fn autocomplete_here(
    State(shared): State<Arc<Shared>>,
    InPlace(channel): InPlace,
    Body(typed): Body<Autocomplete>,
) -> Answered<Json<Vec<Choice>>> {
    complete(&shared, Place::Channel(channel), typed).await
}

async fn complete(
    shared: &Shared,
    place: Place,
    typed: Autocomplete,
) -> Answered<Json<Vec<Choice>>> {
    let Autocomplete {
        bot,
        user,
        command,
        options,
        channel,
        option,
        partial,
    } = typed;
    let slash = Slash {
        bot,
        user,
        command,
        options,
        channel,
    };
    let wish = Wish::read(shared, place, slash)?;
    let completing = Some((option.as_str(), partial.as_str()));
    Ok(Json(shared.autocomplete(&wish.using(completing)).await?))
}

/// A command, who uses it, and the user or message it is used on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Aimed {
    bot: Option<Named>,
    user: Named,
    command: String,
    on: Named,
}

/// `POST /sim/channels/{channel}/user-command`
pub(super) async fn on_user(
    State(shared): State<Arc<Shared>>,
    InPlace(channel): InPlace,
    Body(asked): Body<Aimed>,
) -> Answered<Json<Value>> {
    let ((bot, user), on) = shared.read(|state| {
        let who = who(state, asked.bot.as_ref(), &asked.user)?;
        Ok::<_, Refused>((who, asked.on.user(state)?))
    })?;
    let target = Target {
        bot,
        user,
        channel,
        command: &asked.command,
    };
    Ok(Json(told(shared.use_on_user(&target, on).await?)))
}

/// `POST /sim/channels/{channel}/message-command`
pub(super) async fn on_message(
    State(shared): State<Arc<Shared>>,
    InPlace(channel): InPlace,
    Body(asked): Body<Aimed>,
) -> Answered<Json<Value>> {
    let ((bot, user), on) = shared.read(|state| {
        let who = who(state, asked.bot.as_ref(), &asked.user)?;
        Ok::<_, Refused>((who, asked.on.message(state)?))
    })?;
    let target = Target {
        bot,
        user,
        channel,
        command: &asked.command,
    };
    Ok(Json(told(shared.use_on_message(&target, on).await?)))
}

/// The bot whose command is meant, if one is named, and the person who uses it.
fn who(state: &state::State, bot: Option<&Named>, user: &Named) -> Answered<(Option<u64>, u64)> {
    let bot = bot.map(|bot| bot.bot(state)).transpose()?;
    Ok((bot, user.user(state)?))
}
