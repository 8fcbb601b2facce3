//! What the benchmarks need: `bench`, which measures the lists, `playing`, which measures the
//! player, `listeners`, which measures live events, `dashboard`, which measures what dashboards
//! read, and `sessions`, which measures many bots at once.

mod client;
pub mod figures;
pub mod installation;
pub mod load;
pub mod process;
pub mod product;
pub mod routes;
pub mod tone;

use std::error::Error;

/// Why a run had to end.
pub type Failed = Box<dyn Error + Send + Sync>;
