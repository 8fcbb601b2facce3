//! A file that is being brought in: written as it comes, never longer than is allowed, gone if
//! nothing comes of it.

use std::path::{Path, PathBuf};

use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use crate::domain::labels::Label;
use crate::error::Error;
use crate::ids::{GuildId, UserId};

/// A sound on its way in.
#[derive(Debug)]
pub struct Incoming {
    pub(super) guild: GuildId,
    pub(super) uploader: Option<UserId>,
    /// What is to be said of it from the first moment on.
    pub label: Label,
    /// Since when it has been a sound, in Unix milliseconds; `None`: since it is brought in.
    pub(in crate::domain) created_ms: Option<i64>,
    pub(super) spool: Spool,
}

impl Incoming {
    pub(super) fn new(guild: GuildId, uploader: Option<UserId>, spool: Spool) -> Self {
        Self {
            guild,
            uploader,
            label: Label::default(),
            created_ms: None,
            spool,
        }
    }

    /// Adds what has come.
    ///
    /// # Errors
    /// 413 when that is more than a sound may have; 507 when the disk is full.
    pub async fn write(&mut self, chunk: &[u8]) -> Result<(), Error> {
        self.spool.write(chunk).await
    }
}

/// A file that is not whole yet, beside the others. It is gone with this.
#[derive(Debug)]
pub(in crate::domain) struct Spool {
    path: PathBuf,
    file: File,
    bytes: u64,
    max_bytes: u64,
    too_large: fn(u64) -> Error,
}

impl Spool {
    /// A new file of at most so many bytes; `too_large` says so to whoever sends more.
    pub(super) async fn create(
        path: PathBuf,
        max_bytes: u64,
        too_large: fn(u64) -> Error,
    ) -> Result<Self, Error> {
        let mut options = File::options();
        let file = options.write(true).create_new(true).open(&path).await;
        Ok(Self {
            path,
            file: file.map_err(write_failed)?,
            bytes: 0,
            max_bytes,
            too_large,
        })
    }

    /// Where it is.
    pub(in crate::domain) fn path(&self) -> &Path {
        &self.path
    }

    /// How long it is.
    pub(in crate::domain) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds what has come.
    ///
    /// # Errors
    /// 413 when that is more than was allowed; 507 when the disk is full.
    pub(in crate::domain) async fn write(&mut self, chunk: &[u8]) -> Result<(), Error> {
        let more = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(more);
        if self.bytes > self.max_bytes {
            return Err((self.too_large)(self.max_bytes));
        }
        self.file.write_all(chunk).await.map_err(write_failed)
    }

    /// Everything has come.
    ///
    /// # Errors
    /// 507 when the disk is full.
    pub(in crate::domain) async fn flush(&mut self) -> Result<(), Error> {
        self.file.flush().await.map_err(write_failed)
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // Once it has its name there is nothing here any more.
        let _gone_already = std::fs::remove_file(&self.path);
    }
}

/// What it means that a file could not be written: there is no room, or none for this process.
pub(in crate::domain) fn write_failed(error: std::io::Error) -> Error {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    match error.kind() {
        FileTooLarge | QuotaExceeded | StorageFull => Error::StorageFull,
        _ => Error::internal(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A device that is always full takes nothing; what was written before it is gone with it.
    #[tokio::test]
    async fn a_full_disk_is_507() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0");
        let large = |_| Error::TooLarge(String::new());
        let mut spool = Spool::create(path.clone(), 100, large).await.unwrap();
        spool.file = File::options().write(true).open("/dev/full").await.unwrap();
        let written = match spool.write(b"sound").await {
            Ok(()) => spool.flush().await,
            refused => refused,
        };
        assert!(matches!(written, Err(Error::StorageFull)), "{written:?}");
        assert!(path.exists());
        drop(spool);
        assert!(!path.exists());
    }
}
