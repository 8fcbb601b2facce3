//! Messages in channels: reading, writing, changing, deleting, reactions and pins.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::body::{JsonBody, Path, Payload, Query, snowflake};
use super::caller::Bot;
use crate::protocol::api_error::ApiError;
use crate::protocol::form::Form;
use crate::state::Shared;
use crate::state::messages::Page;
use crate::state::messages::changing::BULK;
use crate::state::messages::draft::{Draft, Purpose};
use crate::world::snowflake::iso;

type Answer = Result<Json<Value>, ApiError>;
type Done = Result<StatusCode, ApiError>;

const MOST_MESSAGES: u32 = 100;

/// The routes of messages.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/channels/{channel}/messages", get(list).post(create))
        .route(
            "/channels/{channel}/messages/bulk-delete",
            post(bulk_delete),
        )
        .route("/channels/{channel}/messages/pins", get(pins))
        .route(
            "/channels/{channel}/messages/pins/{message}",
            put(pin).delete(unpin),
        )
        .route("/channels/{channel}/pins", get(pins_of_old))
        .route("/channels/{channel}/pins/{message}", put(pin).delete(unpin))
        .route("/channels/{channel}/typing", post(typing))
        .route(
            "/channels/{channel}/messages/{message}",
            get(get_one).patch(edit).delete(delete_one),
        )
        .route(
            "/channels/{channel}/messages/{message}/reactions",
            delete(clear_reactions),
        )
        .route(
            "/channels/{channel}/messages/{message}/reactions/{emoji}",
            get(reactors).delete(clear_reaction),
        )
        .route(
            "/channels/{channel}/messages/{message}/reactions/{emoji}/@me",
            put(react).delete(unreact),
        )
        .route(
            "/channels/{channel}/messages/{message}/reactions/{emoji}/{user}",
            delete(unreact_user),
        )
}

/// `GET /channels/{channel}/messages`
async fn list(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(channel): Path<String>,
    query: Query,
) -> Answer {
    let channel = snowflake("channel_id", &channel)?;
    let mut form = query.form();
    let limit = form.count("limit", 1..=MOST_MESSAGES).unwrap_or(50);
    let around = form.id("around").map(Page::Around);
    let before = form.id("before").map(Page::Before);
    let after = form.id("after").map(Page::After);
    form.finish()?;
    let page = around.or(before).or(after).unwrap_or(Page::Newest);
    let messages = shared.read(|state| state.read_messages(bot, channel, page, limit))?;
    Ok(Json(json!(messages)))
}

/// `GET /channels/{channel}/messages/{message}`
async fn get_one(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(place): Path<(String, String)>,
) -> Answer {
    let (channel, message) = ids(&place)?;
    shared
        .read(|state| state.read_message(bot, channel, message))
        .map(Json)
}

/// `POST /channels/{channel}/messages`
async fn create(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(channel): Path<String>,
    payload: Payload,
) -> Answer {
    let channel = snowflake("channel_id", &channel)?;
    let draft = Draft::read(&payload.body, payload.files, Purpose::Post)?;
    shared
        .change(|state| state.post_as_bot(bot, channel, draft))
        .map(Json)
}

/// `PATCH /channels/{channel}/messages/{message}`
async fn edit(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(place): Path<(String, String)>,
    payload: Payload,
) -> Answer {
    let (channel, message) = ids(&place)?;
    shared
        .change(|state| {
            let before = state.messages.get(channel, message);
            let flags = before.map_or(0, |message| message.flags);
            let draft = Draft::read(&payload.body, payload.files, Purpose::Edit(flags))?;
            state.edit_as_bot(bot, channel, message, draft)
        })
        .map(Json)
}

/// `DELETE /channels/{channel}/messages/{message}`
async fn delete_one(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(place): Path<(String, String)>,
) -> Done {
    let (channel, message) = ids(&place)?;
    shared.change(|state| state.delete_as_bot(bot, channel, message))?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /channels/{channel}/messages/bulk-delete`
async fn bulk_delete(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(channel): Path<String>,
    JsonBody(body): JsonBody,
) -> Done {
    let channel = snowflake("channel_id", &channel)?;
    let mut form = Form::new(&body);
    form.require("messages");
    let sent = form.array("messages", 0..=usize::MAX);
    if sent.is_some_and(|sent| sent.len() > *BULK.end()) {
        return Err(ApiError::BULK_COUNT);
    }
    let messages = form.ids("messages", *BULK.end()).unwrap_or_default();
    form.finish()?;
    shared.change(|state| state.bulk_delete(bot, channel, &messages))?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /channels/{channel}/typing`
async fn typing(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(channel): Path<String>,
) -> Done {
    let channel = snowflake("channel_id", &channel)?;
    shared.change(|state| state.type_as_bot(bot, channel))?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PUT /channels/{channel}/messages/{message}/reactions/{emoji}/@me`
async fn react(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path((channel, message, emoji)): Path<(String, String, String)>,
) -> Done {
    let (channel, message) = ids(&(channel, message))?;
    shared.change(|state| state.react_as_bot(bot, channel, message, &emoji))?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /channels/{channel}/messages/{message}/reactions/{emoji}/@me`
async fn unreact(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path((channel, message, emoji)): Path<(String, String, String)>,
) -> Done {
    let (channel, message) = ids(&(channel, message))?;
    shared.change(|state| state.unreact_as_bot(bot, channel, message, &emoji, bot))?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /channels/{channel}/messages/{message}/reactions/{emoji}/{user}`
async fn unreact_user(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path((channel, message, emoji, user)): Path<(String, String, String, String)>,
) -> Done {
    let (channel, message) = ids(&(channel, message))?;
    let user = snowflake("user_id", &user)?;
    shared.change(|state| state.unreact_as_bot(bot, channel, message, &emoji, user))?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /channels/{channel}/messages/{message}/reactions/{emoji}`
async fn reactors(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path((channel, message, emoji)): Path<(String, String, String)>,
    query: Query,
) -> Answer {
    let (channel, message) = ids(&(channel, message))?;
    let mut form = query.form();
    let limit = form.count("limit", 1..=100).unwrap_or(25);
    let after = form.id("after").unwrap_or(0);
    form.choice("type", &[0, 1]);
    form.finish()?;
    let users =
        shared.read(|state| state.reactors(bot, channel, message, &emoji, (after, limit)))?;
    Ok(Json(json!(users)))
}

/// `DELETE /channels/{channel}/messages/{message}/reactions`
async fn clear_reactions(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(place): Path<(String, String)>,
) -> Done {
    let (channel, message) = ids(&place)?;
    shared.change(|state| state.clear_reactions(bot, channel, message, None))?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /channels/{channel}/messages/{message}/reactions/{emoji}`
async fn clear_reaction(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path((channel, message, emoji)): Path<(String, String, String)>,
) -> Done {
    let (channel, message) = ids(&(channel, message))?;
    shared.change(|state| state.clear_reactions(bot, channel, message, Some(&emoji)))?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /channels/{channel}/messages/pins`
async fn pins(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(channel): Path<String>,
    query: Query,
) -> Answer {
    let channel = snowflake("channel_id", &channel)?;
    let mut form = query.form();
    let limit = form.count("limit", 1..=50).unwrap_or(50);
    let before_ms = form.time("before").unwrap_or(u64::MAX);
    form.finish()?;
    let (pins, more) = shared.read(|state| state.read_pins(bot, channel, before_ms, limit))?;
    let items = pins
        .into_iter()
        .map(|(at_ms, message)| json!({ "pinned_at": iso(at_ms), "message": message }));
    Ok(Json(
        json!({ "items": items.collect::<Vec<_>>(), "has_more": more }),
    ))
}

/// `GET /channels/{channel}/pins`: the older list, of at most fifty.
async fn pins_of_old(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(channel): Path<String>,
) -> Answer {
    let channel = snowflake("channel_id", &channel)?;
    let (pins, _) = shared.read(|state| state.read_pins(bot, channel, u64::MAX, 50))?;
    Ok(Json(pins.into_iter().map(|(_, message)| message).collect()))
}

/// `PUT /channels/{channel}/messages/pins/{message}`
async fn pin(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(place): Path<(String, String)>,
) -> Done {
    let (channel, message) = ids(&place)?;
    shared.change(|state| state.pin_as_bot(bot, channel, message, true))?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /channels/{channel}/messages/pins/{message}`
async fn unpin(
    State(shared): State<Arc<Shared>>,
    Bot(bot): Bot,
    Path(place): Path<(String, String)>,
) -> Done {
    let (channel, message) = ids(&place)?;
    shared.change(|state| state.pin_as_bot(bot, channel, message, false))?;
    Ok(StatusCode::NO_CONTENT)
}

fn ids((channel, message): &(String, String)) -> Result<(u64, u64), ApiError> {
    let channel = snowflake("channel_id", channel)?;
    Ok((channel, snowflake("message_id", message)?))
}
