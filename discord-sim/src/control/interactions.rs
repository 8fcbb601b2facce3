//! Control requests by which people press buttons, choose from menus and fill in forms.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answered, Body};
use super::names::{Named, OfForm, OfMessage};
use crate::state::Shared;
use crate::state::interactions::{Answer, Reply};

/// What has become of a command, a button, a menu or a form.
pub(super) fn told(answer: Answer) -> Value {
    match answer {
        Answer::Reply(reply) => message("reply", &reply),
        Answer::Update(reply) => message("update", &reply),
        Answer::Deferred => json!({ "kind": "deferred" }),
        Answer::Modal(modal) => json!({
            "kind": "form",
            "form": modal.id().to_string(),
            "custom_id": modal.custom_id,
            "title": modal.title,
            "components": modal.components,
        }),
    }
}

fn message(kind: &str, reply: &Reply) -> Value {
    json!({
        "kind": kind,
        "content": reply.content,
        "ephemeral": reply.ephemeral,
        "deferred": reply.deferred,
        "acknowledged_after_ms": reply.acknowledged_after.as_millis(),
        "replied_after_ms": reply.replied_after.as_millis(),
        "message": reply.message,
    })
}

/// A button, or a menu and what is chosen from it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Click {
    user: Named,
    custom_id: String,
    #[serde(default)]
    values: Vec<String>,
}

/// `POST /sim/messages/{message}/components`: waits for what becomes of it.
pub(super) async fn click(
    State(shared): State<Arc<Shared>>,
    OfMessage(message): OfMessage,
    Body(click): Body<Click>,
) -> Answered<Json<Value>> {
    let user = shared.read(|state| click.user.user(state))?;
    let values = click.values.iter().map(String::as_str).collect::<Vec<_>>();
    let answer = shared.use_component(user, message, &click.custom_id, &values);
    Ok(Json(told(answer.await?)))
}

/// What is filled into a form; what is left out stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filled {
    #[serde(default)]
    values: BTreeMap<String, Given>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Given {
    One(String),
    Several(Vec<String>),
}

/// `POST /sim/forms/{form}`: waits for what becomes of it.
pub(super) async fn submit(
    State(shared): State<Arc<Shared>>,
    OfForm(modal): OfForm,
    Body(filled): Body<Filled>,
) -> Answered<Json<Value>> {
    let mut values = Vec::new();
    for (name, given) in &filled.values {
        match given {
            Given::One(text) => values.push((name.as_str(), text.as_str())),
            Given::Several(all) => {
                values.extend(all.iter().map(|one| (name.as_str(), one.as_str())));
            }
        }
    }
    Ok(Json(told(shared.submit_modal(&modal, &values).await?)))
}
