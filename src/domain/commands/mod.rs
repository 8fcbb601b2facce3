//! The commands that guilds have made for themselves: what they are called, what they answer, and
//! how many there may be. Routes change them; the bot answers with them. Seed 002.

mod name;
mod placeholders;
mod registration;
mod response;

use std::collections::HashSet;
use std::sync::Arc;

use moka::future::Cache;
use tokio::sync::Mutex;

use crate::db::guild_commands::{self, Row};
use crate::db::guild_registrations;
use crate::db::{AnyConnection, Db, QueryResult};
use crate::domain::events::{Event, Events, GuildEvent, Part};
use crate::domain::library::{self, Library};
use crate::error::Error;
use crate::ids::GuildId;
pub use placeholders::Facts;
pub use registration::{Registrar, Registration, Unregistered};
pub use response::{Embed, Field, Response, Sound, Text};

/// Commands that a guild may have. Discord takes 100 slash commands of a guild.
pub const COMMANDS_MAX: usize = 50;
/// Most bytes of commands that are remembered; those of other guilds are read again.
const REMEMBERED_MAX_BYTES: u64 = 32 << 20;
/// About what a command takes beside its texts.
const COMMAND_BYTES: usize = 200;

const NOT_FOUND: Error = Error::NotFound("there is no such command");

/// A command of a guild's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Its number, never given to another one.
    pub id: i64,
    /// Whose it is.
    pub guild: GuildId,
    /// What it is called, once in its guild.
    pub name: String,
    /// What it answers.
    pub response: Response,
    /// 1 at first; grows with each change.
    pub version: i64,
}

/// What is to be changed of a command; what is `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// What it is called.
    pub name: Option<String>,
    /// What it answers, all of it.
    pub response: Option<Response>,
}

/// What a change relies on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// Nothing: whatever the command is like.
    Any,
    /// The command is still of one of these versions.
    Versions(Vec<i64>),
}

impl Expected {
    fn check(&self, row: &Row) -> Result<(), Error> {
        match self {
            Self::Versions(versions) if !versions.contains(&row.version) => Err(
                Error::Precondition("the command has changed meanwhile, read it again"),
            ),
            _ => Ok(()),
        }
    }
}

/// The commands of all guilds.
pub struct Commands {
    db: Db,
    library: Arc<Library>,
    /// What the bot's own commands are called.
    built_in: HashSet<String>,
    registrar: Arc<dyn Registrar>,
    events: Arc<Events>,
    known: Cache<GuildId, Arc<Vec<Command>>>,
    /// Held from reading or writing rows to remembering them, so that older ones are not
    /// remembered last.
    remembering: Mutex<()>,
}

impl Commands {
    /// Commands kept in a database; `built_in` is what the bot's own are called. `registrar` is told
    /// of what changes, and so is who listens on `events`.
    pub fn new(
        db: Db,
        library: Arc<Library>,
        built_in: HashSet<String>,
        registrar: Arc<dyn Registrar>,
        events: Arc<Events>,
    ) -> Self {
        let known = Cache::builder()
            .max_capacity(REMEMBERED_MAX_BYTES)
            .weigher(|_, commands: &Arc<Vec<Command>>| weight(commands));
        Self {
            db,
            library,
            built_in,
            registrar,
            events,
            known: known.build(),
            remembering: Mutex::default(),
        }
    }

    /// The commands of a guild, by name.
    ///
    /// # Errors
    /// The database's.
    pub async fn list(&self, guild: GuildId) -> Result<Arc<Vec<Command>>, Error> {
        if let Some(known) = self.known.get(&guild).await {
            return Ok(known);
        }
        let _one_at_a_time = self.remembering.lock().await;
        let rows = self
            .db
            .quick(move |conn| guild_commands::list(conn, guild))
            .await?;
        Ok(self.remember(guild, rows).await)
    }

    /// A command of a guild by its number.
    ///
    /// # Errors
    /// 404 where there is none; the database's.
    pub async fn get(&self, guild: GuildId, id: i64) -> Result<Command, Error> {
        let commands = self.list(guild).await?;
        let found = commands.iter().find(|command| command.id == id);
        found.cloned().ok_or(NOT_FOUND)
    }

    /// The command of a guild that is called by a name, in any letter case. One of the bot's own
    /// is none.
    ///
    /// # Errors
    /// The database's.
    pub async fn find(&self, guild: GuildId, text: &str) -> Result<Option<Command>, Error> {
        let Ok(name) = name::read(&text.to_lowercase()) else {
            return Ok(None);
        };
        let commands = self.list(guild).await?;
        let found = commands.iter().find(|command| command.name == name);
        Ok(found.filter(|_| !self.is_built_in(&name)).cloned())
    }

    /// Whether one of the bot's own commands is called so, which comes before a guild's.
    pub fn is_built_in(&self, name: &str) -> bool {
        self.built_in.contains(name)
    }

    /// The sound that cannot be asked for by its name alone any more where a command has it.
    pub fn find_hidden_sound(&self, command: &Command) -> Option<Arc<library::Sound>> {
        self.library.find_in(command.guild, &command.name)
    }

    /// Makes a command.
    ///
    /// # Errors
    /// 400 for a name that cannot be; 404 for an unknown sound; 409 where the name is taken, by
    /// another of the guild's commands or one of the bot's own, and where the guild has as many as
    /// it may; the database's. Nothing has changed then.
    pub async fn create(
        &self,
        guild: GuildId,
        name: &str,
        response: Response,
    ) -> Result<Command, Error> {
        let name = self.read_name(name)?;
        self.check_sound(guild, &response)?;
        let stored = response.to_stored()?;
        self.write(guild, move |conn, rows| {
            if is_taken(rows, &name, None) {
                return Ok(Err(taken(&name)));
            }
            if rows.len() >= COMMANDS_MAX {
                return Ok(Err(full()));
            }
            guild_commands::insert(conn, guild, &name, &stored).map(Ok)
        })
        .await
    }

    /// Changes a command: all that is named, or nothing.
    ///
    /// # Errors
    /// As for [`create`](Self::create); 404 where there is no such command; 412 where it is not as
    /// expected.
    pub async fn change(
        &self,
        guild: GuildId,
        id: i64,
        change: Change,
        expected: Expected,
    ) -> Result<Command, Error> {
        let name = change.name.map(|name| self.read_name(&name)).transpose()?;
        let stored = match &change.response {
            Some(response) => {
                self.check_sound(guild, response)?;
                Some(response.to_stored()?)
            }
            None => None,
        };
        self.write(guild, move |conn, rows| {
            let row = match find_row(rows, id, &expected) {
                Ok(row) => row,
                Err(error) => return Ok(Err(error)),
            };
            if let Some(name) = name.as_ref().filter(|name| is_taken(rows, name, Some(id))) {
                return Ok(Err(taken(name)));
            }
            let changed = Row {
                id,
                command: name.unwrap_or_else(|| row.command.clone()),
                response: stored.unwrap_or_else(|| row.response.clone()),
                version: row.version + 1,
            };
            if (&changed.command, &changed.response) != (&row.command, &row.response) {
                guild_commands::update(conn, &changed)?;
            }
            Ok(Ok(id))
        })
        .await
    }

    /// Deletes a command.
    ///
    /// # Errors
    /// 404 where there is no such command; 412 where it is not as expected; the database's.
    pub async fn delete(&self, guild: GuildId, id: i64, expected: Expected) -> Result<(), Error> {
        let _one_at_a_time = self.remembering.lock().await;
        let write = self.db.write(move |conn| {
            let rows = guild_commands::list(conn, guild)?;
            if let Err(error) = find_row(&rows, id, &expected) {
                return Ok(Err(error));
            }
            guild_commands::delete(conn, id)?;
            guild_commands::list(conn, guild).map(Ok)
        });
        let rows = write.await??;
        self.remember(guild, rows).await;
        self.tell(guild);
        Ok(())
    }

    /// What has become of a guild's slash commands.
    pub fn registration(&self, guild: GuildId) -> Registration {
        self.registrar.state(guild)
    }

    /// The guilds that Discord has to be told about, or has been told about before.
    ///
    /// # Errors
    /// The database's.
    pub async fn list_guilds(&self) -> Result<HashSet<GuildId>, Error> {
        let guilds = self.db.run(|conn| {
            let have = guild_commands::list_guilds(conn)?;
            let had = guild_registrations::list(conn)?;
            Ok(have.into_iter().chain(had).collect())
        });
        guilds.await
    }

    /// Whether Discord may know of commands of a guild.
    ///
    /// # Errors
    /// The database's.
    pub async fn may_be_registered(&self, guild: GuildId) -> Result<bool, Error> {
        self.db
            .quick(move |conn| guild_registrations::exists(conn, guild))
            .await
    }

    /// Remembers, for the next start too, whether Discord may know of commands of a guild.
    ///
    /// # Errors
    /// The database's.
    pub async fn set_registered(&self, guild: GuildId, may_be: bool) -> Result<(), Error> {
        let write = self.db.write(move |conn| {
            if may_be {
                guild_registrations::insert(conn, guild)
            } else {
                guild_registrations::delete(conn, guild)
            }
        });
        write.await
    }

    /// Changes the commands of a guild; answers the one that has come of it. `change` is told the
    /// rows as they are, and answers that one's number.
    async fn write(
        &self,
        guild: GuildId,
        change: impl FnOnce(&mut AnyConnection, &[Row]) -> QueryResult<Result<i64, Error>>
        + Send
        + 'static,
    ) -> Result<Command, Error> {
        let _one_at_a_time = self.remembering.lock().await;
        let write = self.db.write(move |conn| {
            let rows = guild_commands::list(conn, guild)?;
            match change(conn, &rows)? {
                Ok(id) => Ok(Ok((id, guild_commands::list(conn, guild)?))),
                Err(error) => Ok(Err(error)),
            }
        });
        let (id, rows) = write.await??;
        let commands = self.remember(guild, rows).await;
        self.tell(guild);
        let written = commands.iter().find(|command| command.id == id);
        written
            .cloned()
            .ok_or_else(|| Error::internal("a command that was written is not there"))
    }

    fn tell(&self, guild: GuildId) {
        self.registrar.changed(guild);
        let old = GuildEvent::Invalidated(Part::Commands);
        self.events.publish(Event::Guild(guild, old));
    }

    fn read_name(&self, text: &str) -> Result<String, Error> {
        let name = name::read(text)?;
        if self.is_built_in(&name) {
            let text = format!("/{name} is one of the bot's own commands");
            return Err(Error::Conflict(text));
        }
        Ok(name)
    }

    /// Passes where a sound that is to be played is there now.
    fn check_sound(&self, guild: GuildId, response: &Response) -> Result<(), Error> {
        match response {
            Response::Sound(Sound { sound }) if self.library.find_in(guild, sound).is_none() => {
                Err(Error::NotFound(
                    "there is no sound of this name, see the list of sounds",
                ))
            }
            _ => Ok(()),
        }
    }

    async fn remember(&self, guild: GuildId, rows: Vec<Row>) -> Arc<Vec<Command>> {
        let commands = rows.into_iter().filter_map(|row| {
            let Some(response) = Response::from_stored(&row.response) else {
                tracing::warn!(%guild, id = row.id, "the response of a command cannot be read");
                return None;
            };
            Some(Command {
                id: row.id,
                guild,
                name: row.command,
                response,
                version: row.version,
            })
        });
        let commands = Arc::new(commands.collect::<Vec<_>>());
        self.known.insert(guild, Arc::clone(&commands)).await;
        commands
    }
}

/// About what a guild's commands take of memory, in bytes.
fn weight(commands: &[Command]) -> u32 {
    let of_text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let of_response = |response: &Response| match response {
        Response::Text(text) => text.content.len(),
        Response::Sound(sound) => sound.sound.len(),
        Response::Embed(embed) => {
            let fields = embed.fields.iter();
            let fields = fields.map(|field| COMMAND_BYTES + field.name.len() + field.value.len());
            let texts = [&embed.title, &embed.description, &embed.url];
            texts.into_iter().map(of_text).sum::<usize>() + fields.sum::<usize>()
        }
    };
    let each = commands.iter();
    let each = each.map(|it| COMMAND_BYTES + it.name.len() + of_response(&it.response));
    u32::try_from(COMMAND_BYTES + each.sum::<usize>()).unwrap_or(u32::MAX)
}

/// The command of this number, if it is as expected.
fn find_row<'a>(rows: &'a [Row], id: i64, expected: &Expected) -> Result<&'a Row, Error> {
    let row = rows.iter().find(|row| row.id == id).ok_or(NOT_FOUND)?;
    expected.check(row)?;
    Ok(row)
}

/// Whether another command has the name.
fn is_taken(rows: &[Row], name: &str, but: Option<i64>) -> bool {
    let mut others = rows.iter().filter(|row| Some(row.id) != but);
    others.any(|row| row.command == name)
}

fn taken(name: &str) -> Error {
    Error::Conflict(format!("this guild has a command of the name {name}"))
}

fn full() -> Error {
    Error::Conflict(format!(
        "this guild has {COMMANDS_MAX} commands, delete one first"
    ))
}
