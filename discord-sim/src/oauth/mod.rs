//! OAuth: the page where a user agrees, and the endpoints where an application trades
//! codes for tokens.

mod authorize;
mod request;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::state::Shared;

/// The routes, relative to `/api`, `/api/v10` and, as far as the page goes, the root.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    page_routes()
        .route("/oauth2/token", post(token::exchange))
        .route("/oauth2/token/revoke", post(token::revoke))
}

/// The authorize page alone.
pub(crate) fn page_routes() -> Router<Arc<Shared>> {
    Router::new().route("/oauth2/authorize", get(authorize::page))
}
