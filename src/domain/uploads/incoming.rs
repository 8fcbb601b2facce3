//! A file that is being brought in: written as it comes, never longer than is allowed, gone if
//! nothing comes of it.

use std::path::PathBuf;

use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::too_large;
use crate::domain::labels::Label;
use crate::error::Error;
use crate::ids::{GuildId, UserId};

/// A sound on its way in.
#[derive(Debug)]
pub struct Incoming {
    pub(super) guild: GuildId,
    pub(super) uploader: Option<UserId>,
    pub(super) path: PathBuf,
    /// What is to be said of it from the first moment on.
    pub label: Label,
    file: File,
    pub(super) bytes: u64,
    max_bytes: u64,
}

impl Incoming {
    pub(super) async fn create(
        guild: GuildId,
        uploader: Option<UserId>,
        path: PathBuf,
        max_bytes: u64,
    ) -> Result<Self, Error> {
        let mut options = File::options();
        let file = options.write(true).create_new(true).open(&path).await;
        Ok(Self {
            guild,
            uploader,
            path,
            label: Label::default(),
            file: file.map_err(write_failed)?,
            bytes: 0,
            max_bytes,
        })
    }

    /// Adds what has come.
    ///
    /// # Errors
    /// 413 when that is more than a sound may have; 507 when the disk is full.
    pub async fn write(&mut self, chunk: &[u8]) -> Result<(), Error> {
        let more = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(more);
        if self.bytes > self.max_bytes {
            return Err(too_large(self.max_bytes));
        }
        self.file.write_all(chunk).await.map_err(write_failed)
    }

    /// Everything has come.
    pub(super) async fn flush(&mut self) -> Result<(), Error> {
        self.file.flush().await.map_err(write_failed)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // Once it has its name there is nothing here any more.
        let _gone_already = std::fs::remove_file(&self.path);
    }
}

/// What it means that a file could not be written.
pub(super) fn write_failed(error: std::io::Error) -> Error {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    match error.kind() {
        StorageFull | QuotaExceeded => Error::StorageFull,
        _ => Error::internal(error),
    }
}
