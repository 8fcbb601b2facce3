//! What surrounds every request: the record of it, and the door that only loopback opens.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

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

/// Refuses requests that were addressed to another host: a web page elsewhere could
/// otherwise reach the simulator by making its own name point here.
pub(super) async fn refuse_foreign_hosts(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok());
    let origin = headers
        .get(header::ORIGIN)
        .map(|value| value.to_str().unwrap_or_default());
    let local_origin = origin.is_none_or(|origin| {
        origin
            .split_once("://")
            .is_some_and(|(_, host)| is_loopback(host))
    });
    if host.is_some_and(is_loopback) && local_origin {
        return next.run(request).await;
    }
    let reason = "the simulated Discord answers to loopback addresses only\n";
    (StatusCode::MISDIRECTED_REQUEST, reason).into_response()
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn knows_loopback_from_elsewhere() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:80",
            "localhost:4000",
            "[::1]:9",
            "[::1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "127.0.0.1.example.com",
            "localhost:80x",
            "127.0.0.2",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
