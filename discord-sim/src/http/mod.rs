//! The HTTP server: OAuth, REST and the simulator's own interface under one address.

mod record;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;

use crate::protocol::api_error::ApiError;
use crate::state::Shared;
use crate::stop::Stop;
use crate::{control, oauth, rest};

/// Answers requests until told to stop.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>, mut stop: Stop) {
    let listener = listener.tap_io(|stream| {
        // Answers are small; waiting to fill a packet would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
    });
    let stopped = async move {
        stop.requested().await;
    };
    let served = axum::serve(listener, router(shared))
        .with_graceful_shutdown(stopped)
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "the HTTP server has stopped");
    }
}

fn router(shared: Arc<Shared>) -> Router {
    let api = rest::routes().merge(oauth::routes());
    Router::new()
        .nest("/api/v10", api.clone())
        .nest("/api", api)
        .merge(oauth::page_routes())
        .merge(control::routes())
        .fallback(async || ApiError::NOT_FOUND)
        .method_not_allowed_fallback(async || ApiError::METHOD)
        .layer(from_fn_with_state(shared.clone(), record::record))
        .layer(from_fn(record::refuse_foreign_hosts))
        .with_state(shared)
}
