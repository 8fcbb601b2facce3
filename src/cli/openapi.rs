//! `yuri openapi`: the document of the API, for those who make clients from it. It needs no
//! configuration and no server.

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use super::complain;
use crate::http::openapi_document;

/// Prints the document.
pub(super) fn run() -> ExitCode {
    match print() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&*error),
    }
}

fn print() -> Result<(), Box<dyn Error>> {
    let mut output = io::stdout().lock();
    writeln!(output, "{}", openapi_document()?)?;
    output.flush()?;
    Ok(())
}
