//! Playing a sound: the one way in for slash commands and requests alike, with the same rules,
//! and the only writer of the play log. Each guild's player is an [`actor`] of its own.

mod actor;
mod asker;
mod elsewhere;
mod handle;
mod link;
mod order;
mod queue;
mod random;
mod screen;
mod view;
mod work;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use crate::audio::{Prepared, Transcoder};
use crate::clock::Clock;
use crate::domain::changes::Changes;
use crate::domain::events::{Event, Events, GuildEvent, Part, PlayerEvent};
use crate::domain::guilds::Guilds;
use crate::domain::labels::Labels;
use crate::domain::library::{Library, Sound};
use crate::domain::play_log::PlayLog;
use crate::domain::settings::{GuildSettings, Settings, Volume};
use crate::domain::voice::Voice;
use crate::error::Error;
use crate::ids::{ChannelId, GuildId};
pub use asker::{Asker, Who};
use handle::Handle;
use order::{Command, Order, Outcome, Parts};
pub use view::{NowPlaying, PlayerState, Queued, State};

/// How long an answer waits for its row. The row is written all the same. Contract 5.
const COMMIT_WAIT: Duration = Duration::from_secs(2);

/// A play that has begun or waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Play {
    /// Where.
    pub channel: ChannelId,
    /// The sound's name without its extension, as logged.
    pub sound: String,
    /// 0 when it plays, else how many are before it.
    pub position: usize,
    /// Whether its row was committed before this answer.
    pub logged: bool,
}

/// The players of all guilds.
pub struct Player {
    library: Arc<Library>,
    labels: Arc<Labels>,
    transcoder: Transcoder,
    settings: Arc<Settings>,
    parts: Arc<Parts>,
    /// The guilds that have asked for anything so far.
    actors: Mutex<HashMap<GuildId, Handle>>,
}

impl Player {
    /// A player that follows callers through `voice`. After a join with listeners in the channel
    /// the first sound waits for `settle`.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of its own, named in `app`"
    )]
    pub fn new(
        guilds: Arc<Guilds>,
        library: Arc<Library>,
        labels: Arc<Labels>,
        transcoder: Transcoder,
        settings: Arc<Settings>,
        voice: Arc<dyn Voice>,
        settle: Duration,
        log: PlayLog,
        events: Arc<Events>,
        clock: Clock,
    ) -> Self {
        let parts = Parts {
            guilds,
            voice,
            log,
            events,
            clock,
            settle,
        };
        Self {
            library,
            labels,
            transcoder,
            settings,
            parts: Arc::new(parts),
            actors: Mutex::default(),
        }
    }

    /// Plays a sound of the operator's folder in the asker's voice channel by the guild's mode,
    /// and logs it once its audio has started. `user_tag` is what the log calls the asker.
    /// Contract 5.
    ///
    /// # Errors
    /// 403 where the asker is no member, is timed out, may not play, is not in voice, or where the
    /// bot may not connect or speak; 404 for an unknown sound; 409 for one that cannot be played,
    /// was stopped or replaced before it began, or found the queue full; 502 and 504 for Discord's
    /// voice. Nothing is logged then.
    pub async fn play(&self, asker: Asker, user_tag: String, sound: &str) -> Result<Play, Error> {
        let (settings, channel) = self.check_play(&asker).await?;
        let found = self.library.find_in(asker.guild, sound);
        let file = found.ok_or(Error::NotFound(
            "there is no sound of this name, see the list of sounds",
        ))?;
        self.check_bot_rights(asker.guild, channel)?;
        let transcoder = self.transcoder_for(&settings);
        let audio = transcoder.prepare(&file.original).await?;
        self.order(asker, user_tag, settings, channel, &file, audio)
            .await
    }

    /// Plays any sound that can be played, seldom one of those that were played last in the guild;
    /// with a tag, any that has it.
    ///
    /// # Errors
    /// As for [`play`](Self::play); 404 where there are no sounds.
    pub async fn play_random(
        &self,
        asker: Asker,
        user_tag: String,
        tag: Option<&str>,
    ) -> Result<Play, Error> {
        let (settings, channel) = self.check_play(&asker).await?;
        self.check_bot_rights(asker.guild, channel)?;
        let guild = asker.guild;
        let recent = self.parts.log.recent(guild).await?;
        let recent: Vec<String> = recent.into_iter().map(|play| play.sound).collect();
        let transcoder = self.transcoder_for(&settings);
        let mut sounds = self.library.list_in(guild);
        if let Some(tag) = tag {
            self.labels.retain_tagged(&mut sounds, tag);
            if sounds.is_empty() {
                return Err(Error::NotFound("no sound has this tag"));
            }
        }
        loop {
            let picked = random::pick(&sounds, &recent);
            let place = picked.ok_or(Error::NotFound("there are no sounds yet"))?;
            let file = sounds.swap_remove(place);
            match transcoder.prepare(&file.original).await {
                Ok(audio) => {
                    let play = self.order(asker, user_tag, settings, channel, &file, audio);
                    return play.await;
                }
                // Not this one, then.
                Err(Error::Conflict(_) | Error::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// A sound as it is heard in a guild, or anywhere else, for those who listen to it alone.
    ///
    /// # Errors
    /// As for the transcoder's: 409 with the reason where it cannot be played, 404 where its file is
    /// gone, 503 where there is too much to do.
    pub async fn prepare(&self, guild: Option<GuildId>, sound: &Sound) -> Result<Prepared, Error> {
        let transcoder = match guild {
            Some(guild) => self.transcoder_for(&*self.settings.get(guild).await?),
            None => self.transcoder.clone(),
        };
        transcoder.prepare(&sound.original).await
    }

    /// What makes sounds as loud as a guild wants them.
    fn transcoder_for(&self, settings: &GuildSettings) -> Transcoder {
        let usual = self.transcoder.target();
        self.transcoder.at(settings.loudness.unwrap_or(usual))
    }

    /// Hands a sound to the guild's player.
    async fn order(
        &self,
        asker: Asker,
        user_tag: String,
        settings: Arc<GuildSettings>,
        channel: ChannelId,
        file: &Sound,
        audio: Prepared,
    ) -> Result<Play, Error> {
        let order = Order {
            channel,
            sound: file.stem.clone(),
            audio,
            user: asker.user,
            user_tag,
        };
        let actor = self.actor(asker.guild, settings);
        let (position, logged) = match actor.ask(|reply| Command::Play(order, reply)).await? {
            Outcome::Started(commit) => {
                (0, matches!(timeout(COMMIT_WAIT, commit).await, Ok(Ok(()))))
            }
            Outcome::Queued(position) => (position, false),
        };
        Ok(Play {
            channel,
            sound: file.stem.clone(),
            position,
            logged,
        })
    }

    /// Goes into the asker's voice channel without playing anything.
    ///
    /// # Errors
    /// As for [`play`](Self::play).
    pub async fn join(&self, asker: &Asker) -> Result<PlayerState, Error> {
        let settings = self.check(asker).await?;
        let channel = self.voice_channel(asker)?;
        self.check_bot_rights(asker.guild, channel)?;
        let actor = self.actor(asker.guild, settings);
        actor.ask(|reply| Command::Join(channel, reply)).await?;
        self.state(asker.guild).await
    }

    /// Stops what plays in the guild and drops what waits; the bot stays in its channel.
    ///
    /// # Errors
    /// 403 as for [`play`](Self::play).
    pub async fn stop(&self, asker: &Asker) -> Result<PlayerState, Error> {
        self.command(asker, Command::Stop).await
    }

    /// Ends what plays; what waits comes next.
    ///
    /// # Errors
    /// 403 as for [`play`](Self::play).
    pub async fn skip(&self, asker: &Asker) -> Result<PlayerState, Error> {
        self.command(asker, Command::Skip).await
    }

    /// Leaves the guild's voice channel.
    ///
    /// # Errors
    /// 403 as for [`play`](Self::play).
    pub async fn leave(&self, asker: &Asker) -> Result<PlayerState, Error> {
        self.command(asker, Command::Leave).await
    }

    /// Sets how loud everything is in the guild, now and from now on.
    ///
    /// # Errors
    /// 403 as for [`play`](Self::play); the database's. Nothing has changed then.
    pub async fn set_volume(&self, asker: &Asker, volume: Volume) -> Result<PlayerState, Error> {
        self.check(asker).await?;
        self.check_in_voice(asker)?;
        self.change_settings(asker.guild, move |settings| settings.volume = volume)
            .await?;
        self.state(asker.guild).await
    }

    /// Changes what a guild has chosen; the caller has checked that the asker may. What plays
    /// follows at once.
    ///
    /// # Errors
    /// The database's; nothing has changed then.
    pub async fn change_settings(
        &self,
        guild: GuildId,
        change: impl FnOnce(&mut GuildSettings) + Send + 'static,
    ) -> Result<Arc<GuildSettings>, Error> {
        let before = self.settings.get(guild).await?;
        let settings = self.settings.update(guild, change).await?;
        if settings.volume != before.volume {
            let event = PlayerEvent::Volume(settings.volume);
            self.parts.events.publish(Event::Player(guild, event));
        }
        if !settings.differs_in_volume_alone(&before) {
            let event = GuildEvent::Invalidated(Part::Settings);
            self.parts.events.publish(Event::Guild(guild, event));
        }
        if let Some(actor) = self.find_actor(guild) {
            let _has_ended = actor
                .commands
                .send(Command::Settings(Arc::clone(&settings)))
                .await;
        }
        Ok(settings)
    }

    /// Changes what a guild has chosen, all or nothing; the caller has checked that the asker
    /// manages it. `reads_messages` is whether the bot may read what a prefix stands before.
    ///
    /// # Errors
    /// Those of [`Changes::check`] and the database's; 503 while the guild's roles are not known.
    pub async fn choose(
        &self,
        guild: GuildId,
        changes: Changes,
        reads_messages: bool,
    ) -> Result<Arc<GuildSettings>, Error> {
        let details = self.parts.guilds.get_details(guild)?;
        let checked = changes.check(&details, reads_messages)?;
        self.change_settings(guild, move |now| checked.apply(now))
            .await
    }

    /// Somebody came into or left a voice channel of the guild.
    pub fn voice_changed(&self, guild: GuildId) {
        if let Some(actor) = self.find_actor(guild) {
            // Where it is so busy that there is no room, it looks by itself.
            let _looks_anyway = actor.commands.try_send(Command::Look);
        }
    }

    /// The bot is not in the guild any more: its player ends.
    pub async fn guild_left(&self, guild: GuildId) {
        let actor = {
            let mut actors = self.actors.lock().unwrap_or_else(PoisonError::into_inner);
            actors.remove(&guild)
        };
        // Whoever waits for it is told that it has ended.
        drop(actor);
        self.parts.voice.forget(guild).await;
    }

    /// Whether the bot is in a voice channel other than this one, and somebody with it.
    pub fn is_heard_elsewhere(&self, guild: GuildId, than: Option<ChannelId>) -> bool {
        let own = self
            .parts
            .voice
            .channel(guild)
            .filter(|own| Some(*own) != than);
        own.is_some_and(|own| self.parts.guilds.gateway().has_listeners(guild, own))
    }

    /// Goes into the asker's voice channel because a play is likely to follow, where the guild
    /// wants that and nobody is left behind.
    ///
    /// # Errors
    /// As for [`play`](Self::play).
    pub async fn expect_play(&self, asker: &Asker) -> Result<(), Error> {
        let settings = self.settings.get(asker.guild).await?;
        if !settings.joins_early {
            return Ok(());
        }
        let channel = self.voice_channel(asker)?;
        let own = self.parts.voice.channel(asker.guild);
        if own == Some(channel) || self.is_heard_elsewhere(asker.guild, Some(channel)) {
            return Ok(());
        }
        self.join(asker).await.map(drop)
    }

    /// The player of a guild; the caller has checked that the asker may see it.
    ///
    /// # Errors
    /// The database's.
    pub async fn state(&self, guild: GuildId) -> Result<PlayerState, Error> {
        let channel = self.parts.voice.channel(guild);
        // The player itself may be about to follow them.
        let settings = self.settings.get(guild).await?;
        let Some(actor) = self.find_actor(guild) else {
            return Ok(PlayerState::untouched(channel, &settings));
        };
        let view = actor.view.borrow().clone();
        let (state, reason) = view.seen_in(channel);
        Ok(PlayerState {
            channel,
            state,
            reason,
            playing: view.playing,
            queue: view.queue,
            volume: settings.volume,
            mode: settings.mode,
        })
    }

    async fn command(
        &self,
        asker: &Asker,
        command: impl FnOnce(tokio::sync::oneshot::Sender<Result<(), Error>>) -> Command,
    ) -> Result<PlayerState, Error> {
        let settings = self.check(asker).await?;
        self.check_in_voice(asker)?;
        self.actor(asker.guild, settings).ask(command).await?;
        self.state(asker.guild).await
    }

    /// The guild's player, started if it has not been before.
    fn actor(&self, guild: GuildId, settings: Arc<GuildSettings>) -> Handle {
        let mut actors = self.actors.lock().unwrap_or_else(PoisonError::into_inner);
        let start = || actor::start(guild, Arc::clone(&self.parts), settings);
        actors.entry(guild).or_insert_with(start).clone()
    }

    fn find_actor(&self, guild: GuildId) -> Option<Handle> {
        let actors = self.actors.lock().unwrap_or_else(PoisonError::into_inner);
        actors.get(&guild).cloned()
    }
}
