//! The record of each request.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;

use crate::state::{Authorization, RequestRecord, Shared};

/// Records requests to the simulated Discord, not those to the simulator itself.
pub(super) async fn record(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let recorded = path.starts_with("/api") || path.starts_with("/oauth2");
    let method = request.method().to_string();
    let path = request
        .uri()
        .path_and_query()
        .map(ToString::to_string)
        .unwrap_or_default();
    let credential = request.headers().get(header::AUTHORIZATION);
    let authorization = Authorization::of(credential.and_then(|value| value.to_str().ok()));
    let response = next.run(request).await;
    if recorded {
        let status = response.status().as_u16();
        shared.change(|state| {
            let at_ms = state.now_ms();
            state.record(RequestRecord {
                method,
                path,
                authorization,
                status,
                at_ms,
            });
        });
    }
    response
}
