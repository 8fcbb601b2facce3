//! Faults under `/sim/faults`: added, counted and removed.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::answer::{Answered, Body, Refused};
use crate::faults::{Fault, FaultError, FaultId, FaultReport};
use crate::state::Shared;

impl From<FaultError> for Refused {
    fn from(error: FaultError) -> Refused {
        Refused::unprocessable(error.to_string())
    }
}

/// `GET /sim/faults`
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Json<Vec<FaultReport>> {
    Json(shared.faults.reports())
}

/// `POST /sim/faults`
pub(super) async fn add(
    State(shared): State<Arc<Shared>>,
    Body(fault): Body<Fault>,
) -> Answered<(StatusCode, Json<FaultReport>)> {
    let id = shared.faults.add(fault)?;
    let report = find(&shared, &id.to_string())?;
    Ok((StatusCode::CREATED, Json(report)))
}

/// `DELETE /sim/faults`
pub(super) async fn clear(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.faults.clear();
    StatusCode::NO_CONTENT
}

/// `GET /sim/faults/{fault}`
pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    Path(fault): Path<String>,
) -> Answered<Json<FaultReport>> {
    find(&shared, &fault).map(Json)
}

/// `DELETE /sim/faults/{fault}`
pub(super) async fn remove(
    State(shared): State<Arc<Shared>>,
    Path(fault): Path<String>,
) -> Answered<Json<FaultReport>> {
    let id = find(&shared, &fault)?.id;
    let removed = shared.faults.remove(id);
    removed.map(Json).ok_or_else(|| unknown(&fault))
}

fn find(shared: &Shared, text: &str) -> Answered<FaultReport> {
    let id = text.parse().ok().map(FaultId);
    let mut reports = shared.faults.reports().into_iter();
    let found = reports.find(|report| Some(report.id) == id);
    found.ok_or_else(|| unknown(text))
}

fn unknown(fault: &str) -> Refused {
    Refused::not_found(format!("there is no fault {fault}"))
}
