//! What goes wrong with requests to OAuth and REST, and with their answers.

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::Value;

use super::deliver::Script;
use super::record::{Fate, Struck};
use crate::faults::active::Strike;
use crate::faults::answer::{self, HttpAnswer};
use crate::faults::effect::Effect;
use crate::state::Shared;
use crate::state::limits::Call;

/// Lets faults strike a request and its answer.
pub(super) async fn strike(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let extensions = request.extensions();
    let (Some(call), Some(struck)) = (extensions.get::<Call>(), extensions.get::<Struck>()) else {
        return next.run(request).await;
    };
    let (call, struck) = (call.clone(), struck.clone());
    let answering = answer(&shared, &call, request, next, &struck);
    answering.await.unwrap_or_else(Script::response)
}

async fn answer(
    shared: &Shared,
    call: &Call,
    request: Request,
    next: Next,
    struck: &Struck,
) -> Result<Response, Script> {
    let (method, path, bot) = (&call.method, &call.path, call.bot());
    let mut made_up = None;
    for strike in shared.faults.on_request(method, path, bot) {
        struck.add(strike.fault);
        delay(&strike).await;
        match strike.effect {
            Effect::Cut(how) => return Err(Script::Cut(how)),
            Effect::Answer(answer) => made_up = Some(answer),
            _ => {}
        }
    }
    let mut response = match made_up {
        Some(answer) => respond(answer),
        None => next.run(request).await,
    };
    let mut delivery = None;
    for strike in shared.faults.on_answer(method, path, bot) {
        struck.add(strike.fault);
        delay(&strike).await;
        match strike.effect {
            Effect::Cut(how) => return Err(Script::Cut(how)),
            Effect::Answer(answer) => {
                let fate = response.extensions_mut().remove::<Fate>();
                response = respond(answer);
                response.extensions_mut().insert(fate.unwrap_or_default());
            }
            Effect::Header { name, value } => {
                set_header(response.headers_mut(), &name, value.as_deref());
            }
            Effect::Set { pointer, value } => {
                response = change_body(response, |body| set(body, &pointer, value)).await;
            }
            Effect::Garble => {
                let halve = |body: Bytes| body.slice(..body.len() / 2);
                response = change_body(response, halve).await;
            }
            Effect::Deliver(how) => delivery = Some(how),
            _ => {}
        }
    }
    let Some(delivery) = delivery else {
        return Ok(response);
    };
    let (mut parts, body) = response.into_parts();
    let body = read(body).await;
    let script = Script::of(&parts, body, delivery);
    parts.extensions.insert(script);
    Ok(Response::from_parts(parts, Body::empty()))
}

async fn delay(strike: &Strike) {
    if let Some(time) = strike.delay() {
        tokio::time::sleep(time).await;
    }
}

fn respond(answer: HttpAnswer) -> Response {
    answer.into_response(Body::from)
}

fn set_header(headers: &mut HeaderMap, name: &str, value: Option<&str>) {
    let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
        return;
    };
    match value.map(HeaderValue::from_str) {
        Some(Ok(value)) => drop(headers.insert(name, value)),
        Some(Err(_)) | None => drop(headers.remove(name)),
    }
}

/// Sets a value of JSON; anything else stays as it is.
fn set(body: Bytes, pointer: &str, value: Value) -> Bytes {
    let Ok(mut json) = serde_json::from_slice(&body) else {
        return body;
    };
    answer::set(&mut json, pointer, value);
    json.to_string().into()
}

async fn change_body(response: Response, change: impl FnOnce(Bytes) -> Bytes) -> Response {
    let (mut parts, body) = response.into_parts();
    let body = change(read(body).await);
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, body.into())
}

async fn read(body: Body) -> Bytes {
    // The simulator's own answers are in memory already, and end.
    to_bytes(body, usize::MAX).await.unwrap_or_default()
}
