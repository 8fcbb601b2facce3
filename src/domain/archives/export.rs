//! A guild's own sounds as one zip, written while it is read: what is in memory of it is a
//! sound and a few pieces, however many there are.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, mem};

use bytes::Bytes;
use chrono::{DateTime, Datelike as _, Timelike as _, Utc};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use super::{Archives, Turn};
use crate::audio::{Level, hex};
use crate::clock::{Clock, rfc3339};
use crate::domain::guilds::Guild;
use crate::domain::import::pack::{FOLDER, FORMAT, NAME, Pack, PackedGuild, PackedSound, VERSION};
use crate::domain::labels::Labels;
use crate::domain::library::{Library, Shelf, Sound};
use crate::error::Error;
use crate::ids::GuildId;

/// How much is handed on at once.
const PIECE_BYTES: usize = 64 << 10;
/// Pieces that wait for their reader.
const PIECES_AHEAD: usize = 2;
/// How long a reader may take nothing.
const PATIENCE: Duration = Duration::from_mins(1);

/// An archive that is being written.
pub struct Export {
    /// What it is to be called.
    pub file_name: String,
    /// Its bytes. Without a list of entries at its end, which comes last, no program takes it for
    /// whole. Dropping this ends the writing.
    pub pieces: mpsc::Receiver<Bytes>,
}

/// A sound, as far as the archive says of it what may change meanwhile.
struct Listed {
    sound: Arc<Sound>,
    tags: Vec<String>,
    category: Option<String>,
}

/// What writes an archive.
struct Writer {
    guild: Guild,
    library: Arc<Library>,
    zip: ZipWriter<StreamWriter<Outlet>>,
    packed: Vec<PackedSound>,
}

/// Hands on what is written.
struct Outlet {
    /// `None` once the reader has gone: the archive is ended nevertheless, into nothing.
    pieces: Option<mpsc::Sender<Bytes>>,
    piece: Vec<u8>,
    clock: Clock,
    runtime: Handle,
}

impl Archives {
    /// Begins to write a guild's own sounds, as they are called now, and last a manifest of them.
    /// One that is deleted before its turn is left out. Must be called inside the runtime.
    ///
    /// # Errors
    /// 409 while another archive of this guild is on its way, 503 while too many are.
    pub fn export(&self, guild: Guild) -> Result<Export, Error> {
        let turn = self.turn(guild.id)?;
        let now_ms = self.clock.now_ms();
        let day = rfc3339(now_ms).chars().take(10).collect::<String>();
        let file_name = format!("sounds-{}-{day}.zip", guild.id);
        let listed = list(&self.library, &self.labels, guild.id);
        let (pieces, received) = mpsc::channel(PIECES_AHEAD);
        let outlet = Outlet {
            pieces: Some(pieces),
            piece: Vec::with_capacity(PIECE_BYTES),
            clock: self.clock.clone(),
            runtime: Handle::current(),
        };
        let writer = Writer {
            guild,
            library: Arc::clone(&self.library),
            zip: ZipWriter::new_stream(outlet),
            packed: Vec::with_capacity(listed.len()),
        };
        spawn_blocking(move || write(turn, writer, listed, now_ms));
        Ok(Export {
            file_name,
            pieces: received,
        })
    }
}

fn list(library: &Library, labels: &Labels, guild: GuildId) -> Vec<Listed> {
    let own = library.list_own(guild).into_iter();
    let listed = own.map(|sound| {
        let label = labels.get(&sound);
        Listed {
            sound,
            tags: label.tags.clone(),
            category: label.category.clone(),
        }
    });
    listed.collect()
}

fn write(turn: Turn, mut writer: Writer, listed: Vec<Listed>, now_ms: i64) {
    let guild = writer.guild.id;
    let written = listed.into_iter().try_for_each(|it| writer.add(it));
    if let Err(error) = written.and_then(|()| writer.finish(now_ms)) {
        tracing::info!(guild.id = %guild, %error, "an archive of sounds was not read to its end");
    }
    drop(turn);
}

impl Writer {
    /// Adds a sound that is still there. It is read first: a file that cannot be leaves no part.
    fn add(&mut self, listed: Listed) -> io::Result<()> {
        let sound = &listed.sound;
        let own = self.library.list_own(self.guild.id);
        if own.iter().all(|it| it.shelf != sound.shelf) {
            return Ok(());
        }
        let content = match fs::read(sound.original.path()) {
            Ok(content) => content,
            Err(error) => {
                tracing::warn!(%error, sound = sound.name, "a sound is left out of an archive");
                return Ok(());
            }
        };
        let path = format!("{FOLDER}{}", sound.name);
        self.zip.start_file(&path, options(sound.modified_ms))?;
        self.zip.write_all(&content)?;
        let facts = sound.facts();
        let uploader = match sound.shelf {
            Shelf::Guild { uploader, .. } => uploader,
            Shelf::Operator => None,
        };
        self.packed.push(PackedSound {
            file: path,
            name: sound.stem.clone(),
            sha256: Some(hex(&Sha256::digest(&content))),
            size_bytes: u64::try_from(content.len()).unwrap_or(u64::MAX),
            length_ms: facts.map(|facts| facts.length_ms),
            loudness_lufs: facts.and_then(|facts| facts.loudness).map(Level::db),
            tags: listed.tags,
            category: listed.category,
            uploader_id: uploader.map(|uploader| uploader.to_string()),
            created_at: Some(rfc3339(sound.modified_ms)),
        });
        Ok(())
    }

    fn finish(mut self, now_ms: i64) -> io::Result<()> {
        let pack = Pack {
            format: FORMAT,
            version: VERSION,
            guild: PackedGuild {
                id: self.guild.id.to_string(),
                name: self.guild.name,
            },
            exported_at: rfc3339(now_ms),
            sounds: self.packed,
        };
        let options = options(now_ms).compression_method(CompressionMethod::Deflated);
        self.zip.start_file(NAME, options)?;
        self.zip.write_all(&serde_json::to_vec_pretty(&pack)?)?;
        self.zip.finish()?.into_inner().send()
    }
}

impl Outlet {
    /// Hands on what there is.
    fn send(&mut self) -> io::Result<()> {
        let piece = mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES));
        let Some(pieces) = self.pieces.take().filter(|_| !piece.is_empty()) else {
            return Ok(());
        };
        let until = self.clock.monotonic() + PATIENCE;
        let sent = async {
            tokio::select! {
                sent = pieces.send(piece.into()) => sent.map_err(|_| io::ErrorKind::BrokenPipe),
                () = self.clock.sleep_until(until) => Err(io::ErrorKind::TimedOut),
            }
        };
        self.runtime.block_on(sent)?;
        self.pieces = Some(pieces);
        Ok(())
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PIECE_BYTES.saturating_sub(self.piece.len());
        let some = bytes.get(..room).unwrap_or(bytes);
        self.piece.extend_from_slice(some);
        if self.piece.len() >= PIECE_BYTES {
            self.send()?;
        }
        Ok(some.len())
    }

    /// Pieces are full, but for the last.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sounds are compressed already. A date that an archive cannot have is left out.
fn options(unix_ms: i64) -> SimpleFileOptions {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .unix_permissions(0o644);
    match date(unix_ms) {
        Some(date) => options.last_modified_time(date),
        None => options,
    }
}

fn date(unix_ms: i64) -> Option<zip::DateTime> {
    let time = DateTime::<Utc>::from_timestamp_millis(unix_ms)?;
    let small = |number: u32| u8::try_from(number).ok();
    let date = zip::DateTime::from_date_and_time(
        u16::try_from(time.year()).ok()?,
        small(time.month())?,
        small(time.day())?,
        small(time.hour())?,
        small(time.minute())?,
        small(time.second())?,
    );
    date.ok()
}
