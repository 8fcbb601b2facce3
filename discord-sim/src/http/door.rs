//! Who is let in: requests that were addressed to this simulator, by a name it goes by.
//!
//! A web page elsewhere could otherwise reach it by making its own name point here.

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::connection::Entrance;
use crate::protocol::host;

/// Refuses requests that were addressed to another host, or sent by a page of one.
pub(super) async fn refuse_foreign_hosts(request: Request, next: Next) -> Response {
    let entrance = request.extensions().get::<Entrance>();
    let tls = entrance.is_some_and(|entrance| entrance.tls);
    let headers = request.headers();
    let text = |name| {
        let value = headers.get(name)?;
        Some(value.to_str().unwrap_or_default())
    };
    let (host, origin) = (text(header::HOST), text(header::ORIGIN));
    if host::lets_in(host, origin, tls) {
        return next.run(request).await;
    }
    (StatusCode::MISDIRECTED_REQUEST, host::REASON).into_response()
}
