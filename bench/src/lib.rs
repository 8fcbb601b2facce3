//! What the benchmarks need: `bench`, which measures the lists, `playing`, which measures the
//! player, and `listeners`, which measures live events.

pub mod figures;
pub mod process;
pub mod product;

use std::error::Error;

/// Why a run had to end.
pub type Failed = Box<dyn Error + Send + Sync>;
