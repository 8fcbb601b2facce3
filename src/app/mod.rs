//! Every long-lived part of the server, built here and nowhere else, in order. `cli` builds and
//! runs it; `http` reaches everything through it.

mod collection;
mod entrance;
mod keys;
mod upstream;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::audio::Transcoder;
use crate::bot::{self, Bot};
use crate::clock::Clock;
use crate::config::Config;
use crate::db::{Db, OpenError};
use crate::domain::admins::Admins;
use crate::domain::app_log::AppLog;
use crate::domain::archives::Archives;
use crate::domain::commands::{Commands, Registrar, Unregistered};
use crate::domain::events::{Audience, Events, Feeds};
use crate::domain::favourites::Favourites;
use crate::domain::grants::Grants;
use crate::domain::guild_data::GuildData;
use crate::domain::guilds::{Gateway, Guilds, Offline};
use crate::domain::ingest::Ingest;
use crate::domain::jwe::Jwe;
use crate::domain::labels::Labels;
use crate::domain::library::Library;
use crate::domain::limits::Limits;
use crate::domain::login::Login;
use crate::domain::occasions::Occasions;
use crate::domain::play_log::PlayLog;
use crate::domain::player::Player;
use crate::domain::sessions::Sessions;
use crate::domain::settings::Settings;
use crate::domain::soundboard::Soundboard;
use crate::domain::suggestions::Suggestions;
use crate::domain::tokens::Tokens;
use crate::domain::uploads::Uploads;
use crate::domain::user_guilds::UserGuilds;
use crate::domain::voice::{Mute, Voice};
use crate::error::Error;
use crate::secret::Secret;
use crate::telemetry::Records;
use collection::Collection;
use entrance::Entrance;
use upstream::{Ground, Upstream};

/// How often extensions of tokens are written.
const FLUSH_EVERY: Duration = Duration::from_secs(5);
/// How long the end waits for a database that is not available.
const FLUSH_PATIENCE: Duration = Duration::from_secs(10);
/// After this many flushes idle limits are dropped: once a minute.
const FLUSHES_PER_CLEANING: u32 = 12;
/// After this many the guilds' bins and the log are looked through for what is too old: once an
/// hour.
const FLUSHES_PER_PURGE: u32 = 720;

/// A part could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The database.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// What stands in the database.
    #[error("cannot read the database")]
    Rows(#[source] Error),
    /// The keys or the caches in the data folder.
    #[error("cannot use the data folder {0}")]
    DataDir(String, #[source] io::Error),
    /// The client for Discord.
    #[error("cannot set up the connection to Discord")]
    Discord(#[source] Error),
}

/// The server's parts.
pub struct App {
    /// As it was started.
    pub config: Config,
    /// The time that everything goes by.
    pub clock: Clock,
    /// Rows.
    pub db: Db,
    /// Who administers this installation.
    pub admins: Arc<Admins>,
    /// The operator's sounds.
    pub library: Arc<Library>,
    /// What prepares them before somebody asks.
    pub ingest: Arc<Ingest>,
    /// Whose guild it is.
    pub guilds: Arc<Guilds>,
    /// What dashboards see of them.
    pub guild_data: Arc<GuildData>,
    /// What callers may ask for.
    pub limits: Arc<Limits>,
    /// Sessions and API tokens.
    pub tokens: Arc<Tokens>,
    /// The way in through Discord.
    pub login: Login,
    /// What the Bearer header carries.
    pub jwe: Arc<Jwe>,
    /// What Discord has granted us to read.
    pub grants: Arc<Grants>,
    /// Which guilds a user is in.
    pub user_guilds: UserGuilds,
    /// The one way a sound is played.
    pub player: Arc<Player>,
    /// Bots that others bring along.
    pub sessions: Sessions,
    /// What each guild has chosen.
    pub settings: Arc<Settings>,
    /// What is heard without a command.
    pub occasions: Arc<Occasions>,
    /// What happens, for those who listen.
    pub feeds: Feeds,
    /// The sounds that members like.
    pub favourites: Arc<Favourites>,
    /// What somebody may mean who has typed a part of a name.
    pub suggestions: Arc<Suggestions>,
    /// The guilds' own sounds.
    pub uploads: Arc<Uploads>,
    /// The same by the archive.
    pub archives: Archives,
    /// Discord's own soundboards.
    pub soundboard: Arc<Soundboard>,
    /// What people say of sounds.
    pub labels: Arc<Labels>,
    /// The commands that guilds have made for themselves.
    pub commands: Arc<Commands>,
    /// What was logged.
    pub app_log: AppLog,
    /// What turns files into sound.
    pub transcoder: Transcoder,
    /// Key of the cookie that binds a login to its browser.
    pub cookie_key: Secret,
    play_log: PlayLog,
    bot: Option<Arc<Bot>>,
}

impl App {
    /// Builds the parts. `worker` is the program whose `decode-worker` command decodes sounds:
    /// this one, or the real one in a test; `records` is what is logged. Must be called inside the
    /// runtime; blocks it while the database is opened.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn build(
        config: Config,
        clock: Clock,
        worker: PathBuf,
        records: Records,
    ) -> Result<Arc<Self>, BuildError> {
        let data_dir = |error| BuildError::DataDir(config.data_dir.display().to_string(), error);
        let cookie_key = cookie_key(&config).map_err(data_dir)?;
        let (db, admins) = open_db(&config, &clock)?;
        let upstream = Upstream::open(&config, &clock)?;
        let discord = upstream.discord.clone();
        let limits = Arc::new(Limits::new(&config, &clock));
        let collection = Collection::open(&config, &db, &clock, worker, &limits, discord.clone());
        let Collection {
            library,
            labels,
            favourites,
            uploads,
            archives,
            transcoder,
        } = collection.map_err(data_dir)?;
        let settings = Arc::new(Settings::new(db.clone()));
        let ingest = ingest(&config, &library, &transcoder, &settings, &db, &clock);
        let bot = upstream.bot(&config, &db, &clock);
        let (gateway, voice, registrar) = ports(bot.as_ref());
        let (events, app_log) = listen_to(records, &config, &db, &clock);
        let commands = own_commands(&db, &library, registrar, &events);
        let guilds = Guilds::new(gateway, discord.clone(), db.clone(), clock.clone());
        let guilds = Arc::new(guilds);
        let tokens = Arc::new(Tokens::new(db.clone(), clock.clone()));
        let play_log = PlayLog::start(db.clone());
        let oauth = upstream.oauth.as_ref();
        let entrance = Entrance::open(&config, oauth, &guilds, &tokens, &db, &clock);
        let Entrance { login, jwe, grants } = entrance.map_err(data_dir)?;
        let user_guilds = UserGuilds::new(Arc::clone(&grants), Arc::clone(&guilds));
        let guild_data = guild_data(&config, &upstream, &guilds, &events, &clock);
        let feeds = feeds(&config, &events, &guilds, &admins, &tokens, &clock);
        let player = Arc::new(Player::new(
            Arc::clone(&guilds),
            Arc::clone(&library),
            Arc::clone(&labels),
            transcoder.clone(),
            Arc::clone(&settings),
            voice,
            config.discord.voice_settle,
            play_log.clone(),
            events,
            clock.clone(),
        ));
        let ground = Ground {
            library: &library,
            labels: &labels,
            transcoder: &transcoder,
            play_log: &play_log,
            limits: &limits,
            db: &db,
            clock: &clock,
        };
        let sessions = upstream.sessions(&config, bot.as_ref(), &player, ground);
        let soundboard = Soundboard::new(discord, Arc::clone(&player), Arc::clone(&uploads));
        let suggestions = Arc::new(Suggestions::new(
            Arc::clone(&library),
            Arc::clone(&favourites),
            play_log.clone(),
        ));
        let occasions = Arc::new(Occasions::new(
            db.clone(),
            Arc::clone(&library),
            Arc::clone(&settings),
            Arc::clone(&player),
            Arc::clone(&limits),
            clock.clone(),
        ));
        Ok(Arc::new(Self {
            config,
            clock,
            db,
            admins,
            library,
            ingest,
            guilds,
            guild_data,
            limits,
            tokens,
            login,
            jwe,
            grants,
            user_guilds,
            player,
            sessions,
            settings,
            occasions,
            feeds,
            favourites,
            suggestions,
            uploads,
            archives,
            soundboard: Arc::new(soundboard),
            labels,
            commands,
            app_log,
            transcoder,
            cookie_key,
            play_log,
            bot,
        }))
    }

    /// Whether a bot is configured.
    pub fn has_bot(&self) -> bool {
        self.bot.is_some()
    }

    /// What the bot's commands and events work on.
    pub fn bot_parts(&self) -> bot::Parts {
        bot::Parts {
            player: Arc::clone(&self.player),
            library: Arc::clone(&self.library),
            settings: Arc::clone(&self.settings),
            occasions: Arc::clone(&self.occasions),
            favourites: Arc::clone(&self.favourites),
            suggestions: Arc::clone(&self.suggestions),
            uploads: Arc::clone(&self.uploads),
            labels: Arc::clone(&self.labels),
            guild_data: Arc::clone(&self.guild_data),
            commands: Arc::clone(&self.commands),
            soundboard: Arc::clone(&self.soundboard),
            limits: Arc::clone(&self.limits),
            db: self.db.clone(),
        }
    }

    /// Starts what runs by itself: the bot, the preparing of sounds, and the regular writing and
    /// cleaning.
    pub fn start(self: &Arc<Self>) -> Running {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = vec![tokio::spawn(Arc::clone(self).maintain(stopped.clone()))];
        let (ingest, until) = (Arc::clone(&self.ingest), stopped.clone());
        tasks.push(tokio::spawn(async move { ingest.run(until).await }));
        let (grants, until) = (Arc::clone(&self.grants), stopped.clone());
        tasks.push(tokio::spawn(async move { grants.run(until).await }));
        let (app, until) = (Arc::clone(self), stopped.clone());
        tasks.push(tokio::spawn(async move { app.sessions.run(until).await }));
        if let Some(bot) = self.bot.clone() {
            let parts = self.bot_parts();
            tasks.push(tokio::spawn(async move {
                if let Err(error) = bot.run(parts, stopped).await {
                    tracing::error!(%error, "the bot has stopped; everything else goes on");
                }
            }));
        }
        Running {
            app: Arc::clone(self),
            stop,
            tasks,
        }
    }

    /// Drops what was kept for long enough.
    async fn purge(&self) {
        if let Err(error) = self.uploads.purge().await {
            tracing::error!(?error, "deleted sounds were not removed, trying again");
        }
        if let Err(error) = self.app_log.delete_old().await {
            tracing::error!(
                ?error,
                "old messages of the log were not removed, trying again"
            );
        }
    }

    async fn maintain(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        let mut ticks = interval(FLUSH_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut flushes: u32 = 0;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stopped.wait_for(|stopped| *stopped) => return,
            }
            if let Err(error) = self.tokens.flush().await {
                tracing::error!(?error, "lifetimes of tokens were not written, trying again");
            }
            flushes = flushes.wrapping_add(1);
            if flushes.is_multiple_of(FLUSHES_PER_CLEANING) {
                self.limits.drop_idle();
            }
            if flushes % FLUSHES_PER_PURGE == 1 {
                self.purge().await;
            }
        }
    }
}

/// The database, and whom it names as administrators.
fn open_db(config: &Config, clock: &Clock) -> Result<(Db, Arc<Admins>), BuildError> {
    let db = Db::open(&config.database)?;
    let admins = Admins::open(db.clone(), config.admins.clone(), clock.clone());
    Ok((db, Arc::new(admins.map_err(BuildError::Rows)?)))
}

/// The key that was given, else one that is made once.
fn cookie_key(config: &Config) -> io::Result<Secret> {
    match &config.http.secret_key {
        Some(key) => Ok(key.clone()),
        None => keys::cookie_key(&config.data_dir),
    }
}

/// The bus and the table that hear what is logged.
fn listen_to(records: Records, config: &Config, db: &Db, clock: &Clock) -> (Arc<Events>, AppLog) {
    let Records {
        live,
        waiting,
        lost,
    } = records;
    let events = Arc::new(Events::new(clock, live));
    let (keep, keep_max) = (config.log.keep, config.log.keep_max);
    let table = AppLog::start(db.clone(), clock.clone(), waiting, lost, keep, keep_max);
    (events, table)
}

fn guild_data(
    config: &Config,
    upstream: &Upstream,
    guilds: &Arc<Guilds>,
    events: &Arc<Events>,
    clock: &Clock,
) -> Arc<GuildData> {
    Arc::new(GuildData::new(
        Arc::clone(guilds),
        upstream.discord.clone(),
        Arc::clone(&upstream.cache),
        config.discord.members_intent,
        Arc::clone(events),
        clock.clone(),
    ))
}

/// What the domain knows the bot as.
fn ports(bot: Option<&Arc<Bot>>) -> (Arc<dyn Gateway>, Arc<dyn Voice>, Arc<dyn Registrar>) {
    match bot {
        Some(bot) => (bot.gateway(), bot.voice(), bot.registrar()),
        None => (Arc::new(Offline), Arc::new(Mute), Arc::new(Unregistered)),
    }
}

/// What prepares sounds before somebody asks.
fn ingest(
    config: &Config,
    library: &Arc<Library>,
    transcoder: &Transcoder,
    settings: &Arc<Settings>,
    db: &Db,
    clock: &Clock,
) -> Arc<Ingest> {
    Arc::new(Ingest::new(
        Arc::clone(library),
        transcoder.clone(),
        Arc::clone(settings),
        db.clone(),
        clock.clone(),
        config.sounds.prepare_ahead,
    ))
}

/// The commands that guilds make, beside the bot's.
fn own_commands(
    db: &Db,
    library: &Arc<Library>,
    registrar: Arc<dyn Registrar>,
    events: &Arc<Events>,
) -> Arc<Commands> {
    let (library, events) = (Arc::clone(library), Arc::clone(events));
    let commands = Commands::new(db.clone(), library, bot::command_names(), registrar, events);
    Arc::new(commands)
}

fn feeds(
    config: &Config,
    events: &Arc<Events>,
    guilds: &Arc<Guilds>,
    admins: &Arc<Admins>,
    tokens: &Arc<Tokens>,
    clock: &Clock,
) -> Feeds {
    let audience = Audience::new(Arc::clone(guilds), Arc::clone(admins), clock.clone());
    Feeds::new(
        Arc::clone(events),
        audience,
        Arc::clone(tokens),
        clock.clone(),
        (config.limits.streams_per_user, config.limits.streams_max),
    )
}

/// A started server.
pub struct Running {
    app: Arc<App>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Stops in order: the bot leaves its channels and closes its connection, then what waits to
    /// be written is written.
    pub async fn stop(self) {
        let _tasks_have_ended = self.stop.send(true);
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a part of the server ended badly");
            }
        }
        if timeout(FLUSH_PATIENCE, self.app.play_log.flush())
            .await
            .is_err()
        {
            tracing::error!("the database is not available: the last plays are lost");
        }
        if let Err(error) = self.app.tokens.flush().await {
            tracing::error!(?error, "lifetimes of tokens were not written");
        }
        // Last: what went wrong until now is in it.
        if timeout(FLUSH_PATIENCE, self.app.app_log.flush())
            .await
            .is_err()
        {
            tracing::error!("the database is not available: the last messages are not kept");
        }
        if let Err(error) = self.app.db.settle().await {
            tracing::error!(?error, "the database's journal is left beside it");
        }
    }
}
