//! Control requests by which people use the bots' commands.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answered, Asked, Body, Refused};
use super::names::{InGuild, Named};
use super::wait;
use crate::state::Shared;
use crate::state::interactions::{self, Choice, Use};

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
}

/// An option's value: text, a number or a truth value.
#[derive(Deserialize)]
#[serde(from = "Value")]
struct Typed(String);

impl From<Value> for Typed {
    fn from(value: Value) -> Typed {
        Typed(
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned),
        )
    }
}

/// `POST /sim/guilds/{guild}/slash`: waits for the reply.
pub(super) async fn slash(
    State(shared): State<Arc<Shared>>,
    InGuild(guild): InGuild,
    Body(slash): Body<Slash>,
) -> Answered<Json<Value>> {
    let (bot, user) = who(&shared, slash.bot.as_ref(), &slash.user)?;
    let typed = slash.options.iter();
    let typed = typed.fold(
        interactions::Slash::new(&slash.command),
        |command, option| {
            let (name, Typed(text)) = option;
            command.option(name, text)
        },
    );
    let using = Use {
        bot,
        user,
        guild,
        slash: &typed,
        completing: None,
    };
    let reply = shared.slash(&using).await?;
    Ok(Json(json!({
        "content": reply.content,
        "ephemeral": reply.ephemeral,
        "deferred": reply.deferred,
        "acknowledged_after_ms": reply.acknowledged_after.as_millis(),
        "replied_after_ms": reply.replied_after.as_millis(),
        "message": reply.message,
    })))
}

/// An option and what has been typed into it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Autocomplete {
    bot: Option<Named>,
    user: Named,
    command: String,
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
    let (bot, user) = who(&shared, typed.bot.as_ref(), &typed.user)?;
    let using = Use {
        bot,
        user,
        guild,
        slash: &interactions::Slash::new(&typed.command),
        completing: Some((&typed.option, &typed.partial)),
    };
    Ok(Json(shared.autocomplete(&using).await?))
}

/// The bot whose command is meant, if one is named, and the person who uses it.
fn who(shared: &Shared, bot: Option<&Named>, user: &Named) -> Answered<(Option<u64>, u64)> {
    shared.read(|state| {
        let bot = bot.map(|bot| bot.bot(state)).transpose()?;
        Ok::<_, Refused>((bot, user.user(state)?))
    })
}
