//! A client of the control interface.

use discord_sim::Sim;
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// Looks at something.
pub(crate) async fn get(sim: &Sim, path: &str) -> Value {
    let (status, body) = send(sim, Method::GET, path, None).await;
    assert_eq!(status, StatusCode::OK, "{path}: {body}");
    body
}

/// Sends a request, with a body if there is one.
pub(crate) async fn send(
    sim: &Sim,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> (StatusCode, Value) {
    let url = format!("{}{path}", sim.api_url());
    let mut request = reqwest::Client::new().request(method, url);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let response = request.send().await.unwrap();
    let status = response.status();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// Posts a body.
pub(crate) async fn post(sim: &Sim, path: &str, body: Value) -> (StatusCode, Value) {
    send(sim, Method::POST, path, Some(body)).await
}

/// Does something of which nothing is to be told.
pub(crate) async fn act(sim: &Sim, method: Method, path: &str, body: Value) {
    let body = Some(body).filter(|body| !body.is_null());
    let (status, answer) = send(sim, method, path, body).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{path}: {answer}");
}

/// What a request for something is answered.
pub(crate) async fn get_status(sim: &Sim, path: &str) -> StatusCode {
    send(sim, Method::GET, path, None).await.0
}
