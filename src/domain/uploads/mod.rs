//! The guilds' own sounds: how they come in, change and go. Commands and routes bring them; the
//! [`Library`] holds what can be played. Who may do it is checked by the caller, how much by this.
//!
//! A file is written beside the others, made durable, named, and then gets its row: a crash leaves
//! no half sound, and no row without a file.

mod bin;
mod change;
mod incoming;
mod names;
mod store;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::audio::{Examined, Original, Reason, Stamp, Transcoder, usual_extension};
use crate::clock::Clock;
use crate::config;
use crate::db::Db;
use crate::db::guild_sounds::{self, GuildSound, NewGuildSound};
use crate::discord::Discord;
use crate::domain::favourites::Favourites;
use crate::domain::labels::{self, Labels};
use crate::domain::library::{Library, Shelf, Sound};
use crate::domain::limits::Limits;
use crate::error::Error;
use crate::ids::{GuildId, UserId};
pub use bin::Deleted;
pub use change::Change;
pub use incoming::Incoming;
pub(super) use incoming::{Spool, write_failed};
pub(super) use names::{has_sound_ending, is_formatting, of_file as name_of_file};
use store::Store;

/// How much of a file is enough to see what it is.
const HEAD_BYTES: u64 = 16;
/// Numbers that are tried for a name that is taken.
const NUMBERS_MAX: usize = 100;

/// What a sound is to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// As somebody has chosen; another may not have the name.
    Name(&'a str),
    /// The same, with a number where the name is taken.
    Like(&'a str),
    /// After its file, with a number where the name is taken.
    After(&'a str),
}

/// The guilds' own sounds.
pub struct Uploads {
    store: Arc<Store>,
    rules: config::Uploads,
    library: Arc<Library>,
    labels: Arc<Labels>,
    favourites: Arc<Favourites>,
    transcoder: Transcoder,
    limits: Arc<Limits>,
    discord: Option<Arc<Discord>>,
    db: Db,
    clock: Clock,
    /// Held from reading what a guild has to changing it.
    changing: Mutex<()>,
}

impl Uploads {
    /// Reads what there is, puts it into the library, and removes what an earlier process left
    /// unfinished in the folder. Blocks.
    ///
    /// # Errors
    /// When the folder cannot be made, or the database cannot be read.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of its own, named in `app`"
    )]
    pub fn open(
        dir: PathBuf,
        rules: config::Uploads,
        library: Arc<Library>,
        labels: Arc<Labels>,
        favourites: Arc<Favourites>,
        transcoder: Transcoder,
        limits: Arc<Limits>,
        discord: Option<Arc<Discord>>,
        db: Db,
        clock: Clock,
    ) -> io::Result<Self> {
        let rows = db.run_blocking(guild_sounds::list_all);
        let rows = rows.map_err(io::Error::other)?;
        let store = Store::open(dir)?;
        let path = |row: &GuildSound| store.path(row.guild(), &row.file);
        let known: HashSet<PathBuf> = rows.iter().map(path).collect();
        if let Some(before) = SystemTime::now().checked_sub(rules.keep_deleted) {
            store.sweep(&known, before);
        }
        let kept = rows.iter().filter(|row| row.deleted_ms.is_none());
        let mut guilds: HashMap<GuildId, Vec<Arc<Sound>>> = HashMap::new();
        for row in kept {
            match sound(row, &path(row)) {
                Ok(sound) => guilds.entry(row.guild()).or_default().push(Arc::new(sound)),
                Err(error) => {
                    tracing::warn!(%error, sound = row.name, "a sound's file cannot be read");
                }
            }
        }
        for (guild, sounds) in guilds {
            library.put(guild, sounds);
        }
        Ok(Self {
            store: Arc::new(store),
            rules,
            library,
            labels,
            favourites,
            transcoder,
            limits,
            discord,
            db,
            clock,
            changing: Mutex::default(),
        })
    }

    /// Begins to bring a sound into a guild, which counts against the member's hour.
    ///
    /// # Errors
    /// 429 after too many in an hour, 409 where the guild has as many as it may, 507 when the disk
    /// is nearly full.
    pub async fn begin(&self, guild: GuildId, uploader: UserId) -> Result<Incoming, Error> {
        self.check_room(guild, 0)?;
        let charged = self.limits.charge_upload(uploader);
        charged.map_err(|refused| Error::Limited(refused.0))?;
        self.create(guild, uploader).await
    }

    /// Brings a file in that Discord keeps, named after itself.
    ///
    /// # Errors
    /// As for [`begin`](Self::begin) and [`finish`](Self::finish); 502 and 504 for Discord's
    /// failures, 400 for an address that is none of Discord's.
    pub async fn fetch(
        &self,
        guild: GuildId,
        uploader: UserId,
        file_name: &str,
        address: &str,
    ) -> Result<Arc<Sound>, Error> {
        let incoming = self.begin(guild, uploader).await?;
        self.receive(incoming, file_name, address).await
    }

    /// The same for a sound of Discord's own soundboard, of which there are few: it does not count
    /// against the member's hour.
    ///
    /// # Errors
    /// As for [`fetch`](Self::fetch), but for 429.
    pub async fn import(
        &self,
        guild: GuildId,
        uploader: UserId,
        name: &str,
        address: &str,
    ) -> Result<Arc<Sound>, Error> {
        self.check_room(guild, 0)?;
        let incoming = self.create(guild, uploader).await?;
        self.receive(incoming, name, address).await
    }

    async fn receive(
        &self,
        mut incoming: Incoming,
        name: &str,
        address: &str,
    ) -> Result<Arc<Sound>, Error> {
        let discord = self.discord.as_ref().ok_or(Error::NOT_A_MEMBER)?;
        let mut download = discord.download(address).await?;
        while let Some(chunk) = download.chunk().await? {
            incoming.write(&chunk).await?;
        }
        self.finish(incoming, Wanted::After(name)).await
    }

    /// The same for one of many, which counts against nobody's hour.
    pub(super) async fn begin_import(
        &self,
        guild: GuildId,
        uploader: Option<UserId>,
    ) -> Result<Incoming, Error> {
        self.check_room(guild, 0)?;
        let spool = self.spool(self.rules.max_bytes, too_large).await?;
        Ok(Incoming::new(guild, uploader, spool))
    }

    async fn create(&self, guild: GuildId, uploader: UserId) -> Result<Incoming, Error> {
        let spool = self.spool(self.rules.max_bytes, too_large).await?;
        Ok(Incoming::new(guild, Some(uploader), spool))
    }

    /// A file that is gone with its holder, and with this process at the latest.
    pub(super) async fn spool(
        &self,
        max_bytes: u64,
        too_large: fn(u64) -> Error,
    ) -> Result<Spool, Error> {
        Spool::create(self.store.incoming(), max_bytes, too_large).await
    }

    /// Where such files lie: whatever is in there is removed at the next start.
    pub(super) fn spool_dir(&self) -> PathBuf {
        self.store.incoming_dir()
    }

    /// Ends bringing a sound in: it is decoded, and from then on it can be played.
    ///
    /// # Errors
    /// 400 for a name that sounds cannot have, 409 for one that is taken, for a content that the
    /// guild has already and for more than it may have; 413 when it is too long, 415 with the
    /// reason when it cannot be played, 507 when the disk is full. Nothing is left of it then.
    pub async fn finish(
        &self,
        mut incoming: Incoming,
        wanted: Wanted<'_>,
    ) -> Result<Arc<Sound>, Error> {
        let name = match wanted {
            Wanted::Name(name) | Wanted::Like(name) => names::check(name)?,
            Wanted::After(file) => names::of_file(file),
        };
        incoming.spool.flush().await?;
        let (examined, extension) = self.examine(incoming.spool.path()).await?;
        let hash = examined.hash.ok_or(Error::BAD_REQUEST)?;

        let guild = incoming.guild;
        let _one_at_a_time = self.changing.lock().await;
        self.check_room(guild, incoming.spool.bytes())?;
        let own = self.library.list_own(guild);
        let find = move |conn: &mut _| guild_sounds::find_name(conn, guild, &hash);
        if let Some(same) = self.db.run(find).await? {
            let text = format!("this sound is here already, it is called {same}");
            return Err(Error::Conflict(text));
        }
        let name = free_name(&own, name, wanted)?;
        let new = NewGuildSound {
            guild,
            name,
            extension: extension.to_owned(),
            file: format!("{:016x}.{extension}", rand::random::<u64>()),
            size_bytes: i64::try_from(incoming.spool.bytes()).unwrap_or(i64::MAX),
            hash: hash.to_vec(),
            uploader: incoming.uploader,
            created_ms: incoming.created_ms.unwrap_or(self.clock.now_ms()),
        };
        let sound = self.keep(&incoming, new, examined).await?;
        self.show(guild, own, Some(Arc::clone(&sound)));
        tracing::info!(guild.id = %guild, sound = sound.name, "a sound was added");
        Ok(sound)
    }

    /// Passes for as many bytes as a sound may have.
    ///
    /// # Errors
    /// 413 for more.
    pub(super) fn check_size(&self, bytes: u64) -> Result<(), Error> {
        if bytes > self.rules.max_bytes {
            return Err(too_large(self.rules.max_bytes));
        }
        Ok(())
    }

    /// Passes where a guild may have one more sound of this size.
    ///
    /// # Errors
    /// 409 where it has as many as it may, 507 when the disk is nearly full.
    pub(super) fn check_room(&self, guild: GuildId, bytes: u64) -> Result<(), Error> {
        let own = self.library.list_own(guild);
        if own.len() >= self.rules.guild_sounds_max {
            let text = format!("this server has {} sounds, delete one first", own.len());
            return Err(Error::Conflict(text));
        }
        let used: u64 = own.iter().map(|it| it.original.stamp().size_bytes).sum();
        if used.saturating_add(bytes) > self.rules.guild_bytes_max {
            let mib = self.rules.guild_bytes_max >> 20;
            let text = format!("the sounds of this server fill their {mib} MiB, delete one first");
            return Err(Error::Conflict(text));
        }
        self.check_disk(bytes)
    }

    /// Passes while so many bytes leave enough of the disk free.
    ///
    /// # Errors
    /// 507 when they do not.
    pub(super) fn check_disk(&self, bytes: u64) -> Result<(), Error> {
        let free = self.store.free_bytes().map_err(Error::internal)?;
        if free < self.rules.disk_free_min_bytes.saturating_add(bytes) {
            return Err(Error::StorageFull);
        }
        Ok(())
    }

    /// Finds out whether a file can be played, and what its kind of file is called at the end.
    async fn examine(&self, path: &Path) -> Result<(Examined, &'static str), Error> {
        let of = path.to_owned();
        let looked_at = spawn_blocking(move || -> io::Result<(Stamp, &'static str)> {
            let mut head = Vec::new();
            let file = fs::File::open(&of)?;
            (&file).take(HEAD_BYTES).read_to_end(&mut head)?;
            Ok((Stamp::new(&file.metadata()?), usual_extension(&head)))
        });
        let looked_at = looked_at.await.map_err(Error::internal)?;
        let (stamp, extension) = looked_at.map_err(Error::internal)?;
        let original = Original::new(path.to_owned(), stamp);
        let prepared = self.transcoder.prepare(&original).await;
        let max = self.rules.max_length;
        match (original.examined().cloned(), prepared) {
            (Some(examined), _) => match &examined.verdict {
                Ok(facts) if u128::from(facts.length_ms) > max.as_millis() => Err(too_long(max)),
                Ok(_) => Ok((examined, extension)),
                Err(Reason::TooLong) => Err(too_long(max)),
                Err(Reason::TooLarge) => Err(too_large(self.rules.max_bytes)),
                Err(reason) => Err(Error::Unsupported(reason.text(max))),
            },
            (None, Err(error)) => Err(error),
            (None, Ok(_)) => Err(Error::internal("a sound was prepared and not examined")),
        }
    }

    /// Gives a file its place and its row.
    async fn keep(
        &self,
        incoming: &Incoming,
        new: NewGuildSound,
        examined: Examined,
    ) -> Result<Arc<Sound>, Error> {
        let (store, from) = (Arc::clone(&self.store), incoming.spool.path().to_owned());
        let (guild, file) = (new.guild, new.file.clone());
        let committed = spawn_blocking(move || store.commit(&from, guild, &file));
        let committed = committed.await.map_err(Error::internal)?;
        let path = committed.map_err(write_failed)?;
        let (row, label) = (new.clone(), incoming.label.clone());
        let kept = self.db.write(move |conn| {
            // In place of what is left of one that had the name before.
            labels::write(conn, Some(guild), &row.name, &label)?;
            guild_sounds::insert(conn, &row)
        });
        let id = match kept.await {
            Ok(id) => {
                let label = incoming.label.clone();
                self.labels.keep(Some(guild), new.name.clone(), label);
                id
            }
            Err(error) => {
                let _swept_later_otherwise = fs::remove_file(&path);
                return Err(error);
            }
        };
        let about = fs::metadata(&path).map_err(Error::internal)?;
        let original = Original::new(path, Stamp::new(&about));
        original.remember(examined);
        let name = format!("{}.{}", new.name, new.extension);
        let of_guild = Shelf::Guild {
            guild,
            id,
            uploader: new.uploader,
        };
        Ok(Arc::new(Sound::new(
            name,
            of_guild,
            original,
            new.created_ms,
        )))
    }

    /// Puts a guild's own sounds into the library, with one more.
    fn show(&self, guild: GuildId, mut own: Vec<Arc<Sound>>, new: Option<Arc<Sound>>) {
        own.extend(new);
        self.library.put(guild, own);
    }
}

const NOT_FOUND: Error = Error::NotFound("there is no such sound");

/// The answer to a sound of more bytes than one may have.
pub fn too_large(max_bytes: u64) -> Error {
    Error::TooLarge(format!("a sound may have {} MiB at most", max_bytes >> 20))
}

fn too_long(max: Duration) -> Error {
    Error::TooLarge(Reason::TooLong.text(max))
}

/// Whose own sound it is, and its number.
fn owned(sound: &Sound) -> Result<(GuildId, i64), Error> {
    match sound.shelf {
        Shelf::Guild { guild, id, .. } => Ok((guild, id)),
        Shelf::Operator => Err(Error::Forbidden(
            "the operator's sounds are changed in their folder only",
        )),
    }
}

/// A name that none of a guild's own sounds has, in any letter case.
fn free_name(own: &[Arc<Sound>], name: String, wanted: Wanted<'_>) -> Result<String, Error> {
    let taken: HashSet<String> = own.iter().map(|it| it.stem.to_lowercase()).collect();
    let is_free = |name: &String| !taken.contains(&name.to_lowercase());
    let numbers = match wanted {
        Wanted::Name(_) => 2..2,
        Wanted::Like(_) | Wanted::After(_) => 2..NUMBERS_MAX,
    };
    let numbered = numbers.map(|number| names::numbered(&name, number));
    let mut all = std::iter::once(name.clone()).chain(numbered);
    all.find(is_free).ok_or_else(|| {
        let text = format!("there is a sound called {name} already");
        Error::Conflict(text)
    })
}

/// A row as a sound of the library.
///
/// # Errors
/// When its file is not there.
fn sound(row: &GuildSound, path: &Path) -> io::Result<Sound> {
    let stamp = Stamp::new(&fs::metadata(path)?);
    let original = Original::new(path.to_owned(), stamp);
    let shelf = Shelf::Guild {
        guild: row.guild(),
        id: row.id,
        uploader: row.uploader(),
    };
    let name = format!("{}.{}", row.name, row.extension);
    Ok(Sound::new(name, shelf, original, row.created_ms))
}
