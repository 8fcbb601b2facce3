//! What each guild has chosen for its player. The player asks for every play; the commands and
//! routes that change it come through [`Settings::update`].

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use tokio::sync::{Mutex, watch};

use crate::audio::Level;
use crate::config::is_prefix;
use crate::db::{Db, guilds};
use crate::error::Error;
use crate::ids::{GuildId, RoleId};

/// Guilds whose settings are remembered; others are read again.
const REMEMBERED_MAX: u64 = 10_000;
/// Loudest volume, in percent. Contract 5.
const VOLUME_MAX: u16 = 200;
/// Roles of each kind that a guild may name.
pub(super) const ROLES_MAX: usize = 25;
/// How long the bot stays alone in a channel unless the guild says otherwise.
const LEAVE_AFTER: Duration = Duration::from_mins(1);

/// What a play does to the sounds before it. Contract 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It ends them.
    Replace,
    /// It waits for them.
    Queue,
    /// It is heard along with them.
    Overlap,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Replace, Self::Queue, Self::Overlap];

    /// The mode as callers name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Queue => "queue",
            Self::Overlap => "overlap",
        }
    }

    /// The mode of such a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }

    fn to_db(self) -> i16 {
        match self {
            Self::Replace => 0,
            Self::Queue => 1,
            Self::Overlap => 2,
        }
    }

    fn from_db(number: i16) -> Self {
        match number {
            1 => Self::Queue,
            2 => Self::Overlap,
            _ => Self::Replace,
        }
    }
}

/// A volume in percent: 0 to 200, where 100 leaves sounds as they were prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume(u16);

impl Volume {
    /// Sounds as they were prepared.
    pub const FULL: Self = Self(100);
    /// Twice as loud.
    pub const LOUDEST: Self = Self(VOLUME_MAX);

    /// A volume of so many percent; `None` above 200.
    pub fn new(percent: u16) -> Option<Self> {
        (percent <= VOLUME_MAX).then_some(Self(percent))
    }

    /// Percent, 0 to 200.
    pub fn percent(self) -> u16 {
        self.0
    }

    /// What samples are multiplied with.
    pub fn factor(self) -> f32 {
        f32::from(self.0) / 100.0
    }
}

/// A language that the bot speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// For everybody else.
    English,
    /// For guilds whose language is German.
    German,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// The language of a locale of Discord's, such as `de` or `en-US`; English where it is none of
    /// the others.
    pub fn of(locale: Option<&str>) -> Self {
        match locale.and_then(|locale| locale.split('-').next()) {
            Some("de") => Self::German,
            _ => Self::English,
        }
    }

    /// The language of such a code, if the bot speaks it.
    pub fn coded(code: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|language| language.code() == code)
    }

    /// Its code of ISO 639-1.
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }
}

/// What a guild has chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuildSettings {
    /// What a play does to the sounds before it.
    pub mode: Mode,
    /// How loud everything is.
    pub volume: Volume,
    /// How long the bot stays alone in a channel, in whole seconds; `None`: for ever.
    pub leave_after: Option<Duration>,
    /// Roles of which a member needs one to play; none: everybody may.
    pub dj_roles: Vec<RoleId>,
    /// Roles that may not play, whatever other roles their members have.
    pub blocked_roles: Vec<RoleId>,
    /// What the bot answers in; `None`: in the guild's own language, as Discord knows it.
    pub language: Option<Language>,
    /// What commands in messages begin with; `None`: there are no such commands.
    pub prefix: Option<String>,
    /// Whether members' entrance sounds are played.
    pub has_entrances: bool,
    /// Whether a member who mutes and unmutes at once plays a sound.
    pub has_fast_trigger: bool,
    /// Whether the bot joins as soon as a play is likely to follow.
    pub joins_early: bool,
    /// How loud sounds are made, in LUFS; `None`: as the operator wants them.
    pub loudness: Option<Level>,
}

impl Default for GuildSettings {
    fn default() -> Self {
        Self {
            mode: Mode::Replace,
            volume: Volume::FULL,
            leave_after: Some(LEAVE_AFTER),
            dj_roles: Vec::new(),
            blocked_roles: Vec::new(),
            language: None,
            prefix: None,
            has_entrances: true,
            has_fast_trigger: true,
            joins_early: false,
            loudness: None,
        }
    }
}

impl GuildSettings {
    /// Whether others say the same but for the volume.
    pub fn differs_in_volume_alone(&self, other: &Self) -> bool {
        let as_loud = Self {
            volume: self.volume,
            ..other.clone()
        };
        *self == as_loud
    }

    /// Passes when a member with these roles may play, stop, skip, join, leave and set the volume.
    ///
    /// # Errors
    /// 403 with what is in the way. Contract 2.
    pub fn check_dj(&self, roles: &[RoleId]) -> Result<(), Error> {
        let has_one_of = |wanted: &[RoleId]| wanted.iter().any(|role| roles.contains(role));
        if has_one_of(&self.blocked_roles) {
            return Err(Error::Forbidden("one of your roles may not play sounds"));
        }
        if self.dj_roles.is_empty() || has_one_of(&self.dj_roles) {
            return Ok(());
        }
        Err(Error::Forbidden("you need a DJ role to play sounds"))
    }

    /// Passes when none of a member's roles is kept from playing: such a member is answered
    /// nothing else either.
    ///
    /// # Errors
    /// 403 for others.
    pub fn check_not_blocked(&self, roles: &[RoleId]) -> Result<(), Error> {
        if self.blocked_roles.iter().any(|role| roles.contains(role)) {
            return Err(Error::Forbidden("one of your roles may not use this bot"));
        }
        Ok(())
    }

    /// What commands in messages are to begin with, as it is written; `-`, or nothing, for no such
    /// commands.
    ///
    /// # Errors
    /// 400 where it is not 1 to 10 characters without white space.
    pub fn read_prefix(text: &str) -> Result<Option<String>, Error> {
        match text.trim() {
            "" | "-" => Ok(None),
            prefix if is_prefix(prefix) => Ok(Some(prefix.to_owned())),
            _ => Err(Error::Invalid(
                "a prefix has 1 to 10 characters and no white space",
            )),
        }
    }

    /// Lets a role play, or takes that back; beyond 25 roles nothing is added.
    pub fn toggle_dj(&mut self, role: RoleId) {
        toggle(&mut self.dj_roles, role);
    }

    /// Keeps a role from playing, or takes that back; beyond 25 roles nothing is added.
    pub fn toggle_blocked(&mut self, role: RoleId) {
        toggle(&mut self.blocked_roles, role);
    }

    fn from_row(row: guilds::Row) -> Self {
        let guilds::Columns {
            mode,
            volume,
            leave_after_s,
            language,
            prefix,
            entrances,
            fast_trigger,
            early_join,
            loudness_clufs,
        } = row.columns;
        let volume = u16::try_from(volume).ok().and_then(Volume::new);
        let leave_after = leave_after_s.map(|s| u64::try_from(s).unwrap_or(0));
        Self {
            mode: Mode::from_db(mode),
            volume: volume.unwrap_or(Volume::FULL),
            leave_after: leave_after.map(Duration::from_secs),
            dj_roles: row.dj_roles,
            blocked_roles: row.blocked_roles,
            language: language.map(|code| Language::of(Some(&code))),
            prefix,
            has_entrances: entrances,
            has_fast_trigger: fast_trigger,
            joins_early: early_join,
            loudness: loudness_clufs.map(Level::from_hundredths),
        }
    }

    fn to_row(&self) -> guilds::Row {
        let leave_after_s = self.leave_after.map(|after| after.as_secs());
        guilds::Row {
            columns: guilds::Columns {
                mode: self.mode.to_db(),
                volume: i16::try_from(self.volume.percent()).unwrap_or(i16::MAX),
                leave_after_s: leave_after_s.map(|s| i32::try_from(s).unwrap_or(i32::MAX)),
                language: self.language.map(|language| language.code().to_owned()),
                prefix: self.prefix.clone(),
                entrances: self.has_entrances,
                fast_trigger: self.has_fast_trigger,
                early_join: self.joins_early,
                loudness_clufs: self.loudness.map(Level::hundredths),
            },
            dj_roles: self.dj_roles.clone(),
            blocked_roles: self.blocked_roles.clone(),
        }
    }
}

fn toggle(roles: &mut Vec<RoleId>, role: RoleId) {
    if let Some(place) = roles.iter().position(|known| *known == role) {
        roles.remove(place);
    } else if roles.len() < ROLES_MAX {
        roles.push(role);
    }
}

/// The settings of all guilds.
pub struct Settings {
    /// Where they are kept; else in memory alone.
    db: Option<Db>,
    known: Cache<GuildId, Arc<GuildSettings>>,
    /// Held from reading a row to remembering it, so that an older one is not remembered last.
    remembering: Mutex<()>,
    /// Told when a guild has chosen how loud its sounds are.
    loudness: watch::Sender<()>,
}

impl Settings {
    /// Settings kept in a database.
    pub fn new(db: Db) -> Self {
        Self::with(Some(db))
    }

    /// Settings of a bot that is here for a while: nobody else's, and forgotten with it. Seed 001.
    pub fn in_memory() -> Self {
        Self::with(None)
    }

    fn with(db: Option<Db>) -> Self {
        Self {
            db,
            known: Cache::new(REMEMBERED_MAX),
            remembering: Mutex::default(),
            loudness: watch::Sender::default(),
        }
    }

    /// What a guild has chosen; the defaults where it has chosen nothing.
    ///
    /// # Errors
    /// The database's.
    pub async fn get(&self, guild: GuildId) -> Result<Arc<GuildSettings>, Error> {
        if let Some(known) = self.known.get(&guild).await {
            return Ok(known);
        }
        let _one_at_a_time = self.remembering.lock().await;
        let row = match &self.db {
            Some(db) => db.quick(move |conn| guilds::find(conn, guild)).await?,
            None => None,
        };
        let settings = Arc::new(row.map(GuildSettings::from_row).unwrap_or_default());
        self.known.insert(guild, Arc::clone(&settings)).await;
        Ok(settings)
    }

    /// How loud sounds are made for guilds that have chosen that, each loudness once.
    ///
    /// # Errors
    /// The database's.
    pub async fn list_loudness(&self) -> Result<Vec<Level>, Error> {
        let Some(db) = &self.db else {
            return Ok(Vec::new());
        };
        let chosen = db.run(guilds::list_loudness).await?;
        Ok(chosen.into_iter().map(Level::from_hundredths).collect())
    }

    /// Resolves when a guild has chosen how loud its sounds are.
    pub fn loudness_changes(&self) -> watch::Receiver<()> {
        self.loudness.subscribe()
    }

    /// Changes what a guild has chosen; returns what it is now. Changes of one guild that come at
    /// once are made one after the other.
    ///
    /// # Errors
    /// The database's; nothing has changed then.
    pub async fn update(
        &self,
        guild: GuildId,
        change: impl FnOnce(&mut GuildSettings) + Send + 'static,
    ) -> Result<Arc<GuildSettings>, Error> {
        let _one_at_a_time = self.remembering.lock().await;
        let changed = if let Some(db) = &self.db {
            let write = db.write(move |conn| {
                let row = guilds::find(conn, guild)?;
                let mut settings = row.map(GuildSettings::from_row).unwrap_or_default();
                change(&mut settings);
                guilds::upsert(conn, guild, &settings.to_row())?;
                Ok(settings)
            });
            write.await?
        } else {
            let known = self.known.get(&guild).await;
            let mut settings = known.as_deref().cloned().unwrap_or_default();
            change(&mut settings);
            settings
        };
        let changed = Arc::new(changed);
        let before = self.known.remove(&guild).await;
        self.known.insert(guild, Arc::clone(&changed)).await;
        if before.and_then(|before| before.loudness) != changed.loudness {
            self.loudness.send_replace(());
        }
        Ok(changed)
    }
}
