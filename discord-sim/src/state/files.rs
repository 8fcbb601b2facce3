//! The files that were uploaded, for as long as there is room.
//!
//! Written with messages and commands; read by the routes that stand in for Discord's
//! content delivery network.

use std::collections::BTreeMap;

use axum::body::Bytes;

use super::State;
use crate::world::Attachment;
use crate::world::file::{kept_name, media_type};

/// How many bytes of files are kept; the oldest are forgotten first.
const BYTES_KEPT: usize = 64 * 1024 * 1024;

/// Uploaded files by the id of their attachment.
#[derive(Debug, Default)]
pub(crate) struct Files {
    by_id: BTreeMap<u64, StoredFile>,
    bytes: usize,
}

/// An uploaded file.
#[derive(Clone, Debug)]
pub(crate) struct StoredFile {
    pub(crate) name: String,
    pub(crate) content_type: Option<String>,
    pub(crate) bytes: Bytes,
}

impl Files {
    /// An uploaded file, if it is still there.
    pub(crate) fn find(&self, id: u64) -> Option<&StoredFile> {
        self.by_id.get(&id)
    }

    fn insert(&mut self, id: u64, file: StoredFile) {
        self.bytes += file.bytes.len();
        self.by_id.insert(id, file);
        while self.bytes > BYTES_KEPT && self.by_id.len() > 1 {
            let Some((_, oldest)) = self.by_id.pop_first() else {
                return;
            };
            self.bytes -= oldest.bytes.len();
        }
    }
}

impl State {
    /// Keeps a file and makes it an attachment of something in the channel.
    pub(super) fn store_file(
        &mut self,
        channel: u64,
        name: &str,
        content_type: Option<String>,
        bytes: Bytes,
    ) -> Attachment {
        let id = self.next_id();
        let filename = kept_name(name);
        let known = media_type(&filename).map(str::to_owned);
        let content_type = known.or(content_type);
        let attachment = Attachment {
            id,
            description: None,
            content_type: content_type.clone(),
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            url: format!(
                "{}/attachments/{channel}/{id}/{}",
                self.files_url(),
                url_part(&filename)
            ),
            filename: filename.clone(),
            ephemeral: false,
            title: None,
        };
        let file = StoredFile {
            name: filename,
            content_type,
            bytes,
        };
        self.files.insert(id, file);
        attachment
    }

    /// Where files are served, in place of `https://cdn.discordapp.com`.
    pub(super) fn files_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.http)
    }
}

/// A name as it stands in an address.
fn url_part(name: &str) -> String {
    form_urlencoded::byte_serialize(name.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_files_make_room() {
        let file = |size| StoredFile {
            name: String::new(),
            content_type: None,
            bytes: vec![0; size].into(),
        };
        let mut files = Files::default();
        files.insert(1, file(BYTES_KEPT / 2));
        files.insert(2, file(BYTES_KEPT / 2));
        assert!(files.find(1).is_some());
        files.insert(3, file(1));
        assert!(files.find(1).is_none() && files.find(2).is_some() && files.find(3).is_some());
    }
}
