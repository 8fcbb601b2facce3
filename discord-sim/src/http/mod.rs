//! The HTTP server: OAuth, REST and the simulator's own interface under one address, and the
//! same over TLS as `discord.com`.
//!
//! Started by [`Sim::start`](crate::Sim::start); each connection is one task.

mod connection;
mod deliver;
mod door;
mod faults;
mod limits;
mod record;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use tokio::net::TcpListener;

use crate::accept::each_connection;
use crate::authority::Tls;
use crate::protocol::api_error::ApiError;
use crate::state::Shared;
use crate::stop::Stop;
use crate::{control, oauth, rest};

/// Answers requests until told to stop.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: Stop) {
    let router = router(shared.clone(), stop.clone());
    each_connection(listener, stop, |stream, stop| {
        connection::serve(stream, shared.clone(), router.clone(), stop)
    })
    .await;
}

/// Answers requests over TLS until told to stop.
pub(crate) async fn serve_tls(listener: TcpListener, tls: Tls, shared: Arc<Shared>, stop: Stop) {
    let router = router(shared.clone(), stop.clone());
    each_connection(listener, stop, |stream, stop| {
        connection::serve_tls(stream, tls.clone(), shared.clone(), router.clone(), stop)
    })
    .await;
}

fn router(shared: Arc<Shared>, stop: Stop) -> Router {
    let api = rest::routes().merge(oauth::routes());
    Router::new()
        .nest("/api/v10", api.clone())
        .nest("/api", api)
        .merge(rest::file_routes())
        .merge(oauth::page_routes())
        .merge(control::routes(stop))
        .fallback(async || ApiError::NOT_FOUND)
        .method_not_allowed_fallback(async || ApiError::METHOD)
        .layer(from_fn_with_state(shared.clone(), limits::limit))
        .layer(from_fn_with_state(shared.clone(), faults::strike))
        .layer(from_fn_with_state(shared.clone(), record::record))
        .layer(from_fn(door::refuse_foreign_hosts))
        .with_state(shared)
}
