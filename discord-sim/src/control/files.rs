//! Files as control requests carry them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::answer::{Answered, Refused};
use crate::world::File;

/// A file with its name: as text, or any bytes as base64.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Upload {
    name: String,
    text: Option<String>,
    base64: Option<String>,
}

impl TryFrom<Upload> for File {
    type Error = Refused;

    fn try_from(upload: Upload) -> Answered<File> {
        let bytes = match (upload.text, upload.base64) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(base64)) => STANDARD
                .decode(base64)
                .map_err(|error| Refused::unprocessable(format!("{}: {error}", upload.name)))?,
            _ => {
                let reason = format!("{}: say what is in it by text or base64", upload.name);
                return Err(Refused::unprocessable(reason));
            }
        };
        Ok(File::new(&upload.name, bytes))
    }
}
