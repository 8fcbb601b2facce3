//! What both benchmarks need: `bench`, which measures the lists, and `playing`, which measures the
//! player.

pub mod process;
pub mod product;

use std::error::Error;

/// Why a run had to end.
pub type Failed = Box<dyn Error + Send + Sync>;
