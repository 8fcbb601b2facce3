//! What is heard without a command: an entrance sound when a member comes into voice, and the fast
//! trigger, a sound for muting and unmuting at once. `bot` reports voice states; what members have
//! chosen is read and changed by the commands and routes about it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::db::{AnyConnection, Db, QueryResult, user_sounds};
use crate::discord::guild_data::Member;
use crate::domain::library::Library;
use crate::domain::limits::Limits;
use crate::domain::player::{Asker, Player, Who};
use crate::domain::settings::Settings;
use crate::error::Error;
use crate::ids::{ChannelId, GuildId, UserId};

/// How soon a member unmutes who means the fast trigger.
const TRIGGER_WITHIN: Duration = Duration::from_millis(1_500);

/// The number of a choice that names a sound.
const NAMED: i16 = 2;

/// When a sound is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// The member muted and unmuted at once.
    FastTrigger,
    /// The member came into voice.
    Entrance,
}

impl Occasion {
    fn to_db(self) -> i16 {
        match self {
            Self::FastTrigger => 0,
            Self::Entrance => 1,
        }
    }

    /// What is heard of those who have chosen nothing.
    fn usual(self) -> Choice {
        match self {
            Self::FastTrigger => Choice::Any,
            Self::Entrance => Choice::Nothing,
        }
    }
}

/// What a member wants to be heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Nothing.
    Nothing,
    /// Any sound.
    Any,
    /// The sound of this name, without its extension.
    Sound(String),
}

impl Choice {
    fn from_row((choice, sound): (i16, Option<String>)) -> Self {
        match (choice, sound) {
            (NAMED, Some(sound)) => Self::Sound(sound),
            (1, _) => Self::Any,
            _ => Self::Nothing,
        }
    }
}

/// Binds a member's fast trigger to a sound, there or not, unless the member has chosen something;
/// says whether it did. Run inside [`Db::write`].
///
/// # Errors
/// The database's.
pub(super) fn adopt(conn: &mut AnyConnection, user: UserId, sound: &str) -> QueryResult<bool> {
    let occasion = Occasion::FastTrigger.to_db();
    if user_sounds::find(conn, user, occasion)?.is_some() {
        return Ok(false);
    }
    user_sounds::replace(conn, user, occasion, NAMED, Some(sound)).map(|()| true)
}

/// Where a member is in voice, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// The channel.
    pub channel: ChannelId,
    /// Whether the member has muted the microphone, and not the whole headset.
    pub is_muted: bool,
}

/// A member's voice state has changed.
#[derive(Debug, Clone)]
pub struct VoiceChange {
    /// The guild.
    pub guild: GuildId,
    /// The member.
    pub user: UserId,
    /// What the log calls the member.
    pub user_tag: String,
    /// The member as Discord describes them with it.
    pub member: Member,
    /// Where they were.
    pub before: Option<Seat>,
    /// Where they are.
    pub now: Option<Seat>,
}

/// The occasions of all guilds.
pub struct Occasions {
    db: Db,
    library: Arc<Library>,
    settings: Arc<Settings>,
    player: Arc<Player>,
    limits: Arc<Limits>,
    clock: Clock,
    /// Who has muted just now, and when.
    muted: Mutex<HashMap<(GuildId, UserId), Duration>>,
}

impl Occasions {
    /// Occasions on which `player` plays. Each costs the member a token of `limits`.
    pub fn new(
        db: Db,
        library: Arc<Library>,
        settings: Arc<Settings>,
        player: Arc<Player>,
        limits: Arc<Limits>,
        clock: Clock,
    ) -> Self {
        Self {
            db,
            library,
            settings,
            player,
            limits,
            clock,
            muted: Mutex::default(),
        }
    }

    /// What a member has chosen for an occasion.
    ///
    /// # Errors
    /// The database's.
    pub async fn choice(&self, user: UserId, occasion: Occasion) -> Result<Choice, Error> {
        let number = occasion.to_db();
        let row = self
            .db
            .quick(move |conn| user_sounds::find(conn, user, number));
        let row = row.await?;
        Ok(row.map_or_else(|| occasion.usual(), Choice::from_row))
    }

    /// Keeps what a member chooses for an occasion, a sound by its name in a guild or among the
    /// operator's; answers it with the sound's full stem.
    ///
    /// # Errors
    /// 404 for a sound that is not there; the database's. Nothing has changed then.
    pub async fn choose(
        &self,
        guild: Option<GuildId>,
        user: UserId,
        occasion: Occasion,
        choice: Choice,
    ) -> Result<Choice, Error> {
        let choice = match choice {
            Choice::Sound(name) => {
                let sound = self.library.find_at(guild, &name);
                let sound = sound.ok_or(Error::NotFound("sound was not found"))?;
                Choice::Sound(sound.stem.clone())
            }
            other => other,
        };
        let (number, kept) = (occasion.to_db(), choice.clone());
        let write = move |conn: &mut _| {
            let (choice, sound) = match &kept {
                Choice::Nothing => (0, None),
                Choice::Any => (1, None),
                Choice::Sound(sound) => (NAMED, Some(sound.as_str())),
            };
            user_sounds::replace(conn, user, number, choice, sound)
        };
        self.db.write(write).await?;
        Ok(choice)
    }

    /// Plays what this change of a voice state is the occasion for. Who may not play, has no token
    /// left, or whose sound is gone, is not heard, and told nothing: nobody has asked.
    pub async fn voice_changed(&self, change: VoiceChange) {
        let Some(occasion) = self.occasion(&change) else {
            return;
        };
        let (guild, user) = (change.guild, change.user);
        if let Err(error) = self.play(change, occasion).await {
            tracing::debug!(guild.id = %guild, user.id = %user, ?occasion, ?error, "not played");
        }
    }

    /// What occasion a change is, if it is one; remembers who has muted.
    fn occasion(&self, change: &VoiceChange) -> Option<Occasion> {
        let who = (change.guild, change.user);
        let now = self.clock.monotonic();
        let mut muted = self.muted.lock().unwrap_or_else(PoisonError::into_inner);
        muted.retain(|_, at| now.saturating_sub(*at) <= TRIGGER_WITHIN);
        let (Some(before), Some(seat)) = (change.before, change.now) else {
            muted.remove(&who);
            return change.now.map(|_| Occasion::Entrance);
        };
        if before.channel != seat.channel {
            muted.remove(&who);
            return None;
        }
        match (before.is_muted, seat.is_muted) {
            (false, true) => {
                muted.insert(who, now);
                None
            }
            (true, false) => muted.remove(&who).map(|_| Occasion::FastTrigger),
            _ => None,
        }
    }

    async fn play(&self, change: VoiceChange, occasion: Occasion) -> Result<(), Error> {
        let settings = self.settings.get(change.guild).await?;
        let is_on = match occasion {
            Occasion::FastTrigger => settings.has_fast_trigger,
            Occasion::Entrance => settings.has_entrances,
        };
        if !is_on {
            return Ok(());
        }
        let choice = self.choice(change.user, occasion).await?;
        if choice == Choice::Nothing {
            return Ok(());
        }
        let channel = change.now.map(|seat| seat.channel);
        if occasion == Occasion::Entrance && self.player.is_heard_elsewhere(change.guild, channel) {
            return Ok(());
        }
        if let Err(budget) = self.limits.charge(change.user) {
            return Err(Error::Limited(Duration::from_millis(budget.reset_ms)));
        }
        let asker = Asker {
            guild: change.guild,
            user: change.user,
            who: Who::Member(Some(change.member)),
        };
        let played = match choice {
            Choice::Sound(sound) => self.player.play(asker, change.user_tag, &sound).await,
            _ => self.player.play_random(asker, change.user_tag, None).await,
        };
        played.map(drop)
    }
}
