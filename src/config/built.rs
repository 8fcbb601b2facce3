//! What was decided when this program was built.

/// Its version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The version of Rust that it is written for.
pub const RUST: &str = concat!("rust ", env!("CARGO_PKG_RUST_VERSION"));

/// The commit that it was built from, where `YURI_COMMIT` named it then; else empty.
pub const COMMIT: &str = match option_env!("YURI_COMMIT") {
    Some(commit) => commit,
    None => "",
};
