//! Control requests by which people write, edit, delete and react, and look at what stands in
//! a channel.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answered, Asked, Body, Refused};
use super::files::Upload;
use super::guilds::created;
use super::names::{InPlace, Named, OfMessage, OfUser};
use super::wait::{self, patience};
use crate::error::SimError;
use crate::state::{self, Shared};
use crate::world::{File, Message};

/// Whose eyes see the messages, and how many there are to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    user: Option<Named>,
    limit: Option<usize>,
}

/// `GET /sim/channels/{channel}/messages`: oldest first, the last ones if there is a limit.
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    InPlace(channel): InPlace,
    Asked(wanted): Asked<Wanted>,
) -> Answered<Json<Vec<Value>>> {
    shared.read(|state| {
        let viewer = wanted.user.map(|user| user.user(state)).transpose()?;
        let seen = |message: &&Message| viewer.is_none_or(|viewer| message.is_for(viewer));
        let all = state.messages.of(channel).rev().filter(seen);
        let last = all.take(wanted.limit.unwrap_or(usize::MAX));
        let mut last = last
            .map(|message| show(state, message, viewer))
            .collect::<Vec<_>>();
        last.reverse();
        Ok(Json(last))
    })
}

/// `GET /sim/messages/{message}`
pub(super) async fn find(
    State(shared): State<Arc<Shared>>,
    OfMessage(message): OfMessage,
) -> Answered<Json<Value>> {
    shared.read(|state| {
        let found = state.messages.find(message);
        let found = found.ok_or(SimError::UnknownMessage(message))?;
        Ok(Json(show(state, found, None)))
    })
}

/// A message as Discord shows it, and whom alone it is for.
fn show(state: &state::State, message: &Message, viewer: Option<u64>) -> Value {
    let mut value = state.show_message(message, viewer.unwrap_or(0));
    value["only_for"] = json!(message.only_for.map(|user| user.to_string()));
    value
}

/// A new message.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    user: Named,
    #[serde(default)]
    content: String,
    #[serde(default)]
    files: Vec<Upload>,
    /// The id of the message that it answers.
    reply_to: Option<Named>,
}

/// `POST /sim/channels/{channel}/messages`
pub(super) async fn send(
    State(shared): State<Arc<Shared>>,
    InPlace(channel): InPlace,
    Body(new): Body<New>,
) -> Answered<(StatusCode, Json<Value>)> {
    let files = new.files.into_iter().map(File::try_from);
    let files = files.collect::<Answered<Vec<_>>>()?;
    shared.change(|state| {
        let user = new.user.user(state)?;
        let reply_to = new.reply_to.as_ref();
        let reply_to = reply_to.map(|message| message.message(state)).transpose()?;
        let id = state.post_as_person(user, channel, &new.content, &files, reply_to)?;
        Ok(created(id))
    })
}

/// What becomes of a message.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Edit {
    user: Named,
    content: String,
}

/// `PATCH /sim/messages/{message}`
pub(super) async fn edit(
    State(shared): State<Arc<Shared>>,
    OfMessage(message): OfMessage,
    Body(edit): Body<Edit>,
) -> Answered<StatusCode> {
    shared.change(|state| {
        let user = edit.user.user(state)?;
        state.edit_as_person(user, message, &edit.content)?;
        Ok(StatusCode::NO_CONTENT)
    })
}

/// Who does it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Who {
    user: Named,
}

/// `DELETE /sim/messages/{message}`
pub(super) async fn delete(
    State(shared): State<Arc<Shared>>,
    OfMessage(message): OfMessage,
    Asked(who): Asked<Who>,
) -> Answered<StatusCode> {
    shared.change(|state| {
        let user = who.user.user(state)?;
        state.delete_as_person(user, message)?;
        Ok(StatusCode::NO_CONTENT)
    })
}

/// Who reacts, and with what: a Unicode emoji, or `name:id`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reaction {
    user: Named,
    emoji: String,
}

/// `POST /sim/messages/{message}/reactions`
pub(super) async fn react(
    State(shared): State<Arc<Shared>>,
    OfMessage(message): OfMessage,
    Body(reaction): Body<Reaction>,
) -> Answered<StatusCode> {
    set_reaction(&shared, message, &reaction, true)
}

/// `DELETE /sim/messages/{message}/reactions`
pub(super) async fn unreact(
    State(shared): State<Arc<Shared>>,
    OfMessage(message): OfMessage,
    Asked(reaction): Asked<Reaction>,
) -> Answered<StatusCode> {
    set_reaction(&shared, message, &reaction, false)
}

fn set_reaction(
    shared: &Shared,
    message: u64,
    reaction: &Reaction,
    set: bool,
) -> Answered<StatusCode> {
    shared.change(|state| {
        let user = reaction.user.user(state)?;
        state.react_as_person(user, message, &reaction.emoji, set)?;
        Ok(StatusCode::NO_CONTENT)
    })
}

/// `POST /sim/channels/{channel}/typing`
pub(super) async fn start_typing(
    State(shared): State<Arc<Shared>>,
    InPlace(channel): InPlace,
    Body(who): Body<Who>,
) -> Answered<StatusCode> {
    shared.change(|state| {
        let user = who.user.user(state)?;
        state.start_typing(user, channel)?;
        Ok(StatusCode::NO_CONTENT)
    })
}

/// With which bot.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct With {
    bot: Option<Named>,
}

/// `POST /sim/users/{user}/direct-messages`: the channel's id.
pub(super) async fn open_direct(
    State(shared): State<Arc<Shared>>,
    OfUser(user): OfUser,
    Body(with): Body<With>,
) -> Answered<Json<Value>> {
    shared.change(|state| {
        let bot = wait::bot(state, with.bot.as_ref())?;
        let id = state.open_direct(bot, user);
        Ok(Json(json!({ "id": id.to_string() })))
    })
}

/// What the message is like that is waited for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Awaited {
    author: Option<Named>,
    #[serde(default)]
    contains: String,
    timeout_ms: Option<u64>,
}

/// `GET /sim/channels/{channel}/wait/message`: until there is such a message; the oldest.
pub(super) async fn wait(
    State(shared): State<Arc<Shared>>,
    InPlace(channel): InPlace,
    Asked(asked): Asked<Awaited>,
) -> Answered<Json<Value>> {
    let author = asked.author.as_ref();
    let author = shared.read(|state| author.map(|user| user.user(state)).transpose())?;
    let found = shared.wait_for(patience(asked.timeout_ms), |state| {
        let mut messages = state.messages.of(channel);
        let found = messages.find(|message| {
            message.content.contains(&asked.contains)
                && author.is_none_or(|author| author == message.author)
        });
        found.map(|message| show(state, message, None))
    });
    let nothing = || Refused::too_late("there is no such message");
    found.await.map(Json).ok_or_else(nothing)
}
