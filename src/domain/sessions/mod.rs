//! Sessions for any bot: who has a bot's token brings it along, gets a session for it, and works with
//! that until it ends. `http` calls; Discord is asked over REST, and connected to only when a sound is
//! wanted. Seed 001, contract 8.
//!
//! Isolation is by construction: all that is known of a bot and done for it hangs on its
//! [`Guest`], which holds a client, a connection, a player and settings of its own; caches are keyed by
//! bot. The token is kept in the guest's client alone, and wiped with it.

mod guest;
mod line;
mod register;
mod trial;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::audio::Transcoder;
use crate::clock::Clock;
use crate::config;
use crate::db::Db;
use crate::discord::Discord;
use crate::discord::endpoints::Message;
use crate::discord::guild_data::Channel;
use crate::discord::rest::Rest;
use crate::domain::guild_data::{GuildCache, Members};
use crate::domain::guilds::{BotUser, Gateway};
use crate::domain::labels::Labels;
use crate::domain::library::Library;
use crate::domain::limits::Limits;
use crate::domain::play_log::PlayLog;
use crate::domain::player::{Player, PlayerState};
use crate::domain::tokens::random_text;
use crate::error::Error;
use crate::ids::{ChannelId, GuildId, UserId};
use crate::secret::Secret;
use guest::{Guest, Turns};
pub use line::{Bots, Ears, Line};
use register::{Caps, Ended, Register, SessionHash};
use trial::{TokenHash, Trials};

/// Characters of a session's id: 381 bits.
const ID_CHARS: usize = 64;

/// What sessions work with.
pub struct Parts {
    /// Who connects bots to the gateway.
    pub bots: Arc<dyn Bots>,
    /// Discord, for all bots.
    pub rest: Arc<Rest>,
    /// Where it is.
    pub discord: config::Discord,
    /// What Discord has told to such bots, by bot.
    pub cache: Arc<GuildCache>,
    /// All sounds.
    pub library: Arc<Library>,
    /// What people say of them.
    pub labels: Arc<Labels>,
    /// What turns files into sound.
    pub transcoder: Transcoder,
    /// Where plays are written down.
    pub play_log: PlayLog,
    /// The wait between a join and the first sound.
    pub settle: Duration,
    /// What addresses may ask for.
    pub limits: Arc<Limits>,
    /// Rows.
    pub db: Db,
    /// The time that sessions end by.
    pub clock: Clock,
}

/// The server's own bot, which may have sessions like any other.
pub struct OwnBot {
    /// Its id.
    pub id: UserId,
    /// What asks Discord in its name.
    pub discord: Arc<Discord>,
    /// What its connection knows.
    pub gateway: Arc<dyn Gateway>,
    /// What it was told besides.
    pub cache: Arc<GuildCache>,
    /// What plays for it.
    pub player: Arc<Player>,
}

/// All sessions.
pub struct Sessions(Arc<Inner>);

struct Inner {
    parts: Parts,
    own: Option<OwnBot>,
    trials: Trials,
    turns: Turns,
    register: Mutex<Register>,
    /// The next end may be sooner than it was.
    changed: Notify,
    /// Connections that are being closed.
    closing: Mutex<Vec<JoinHandle<()>>>,
}

/// One session, for the time of a request.
#[derive(Clone)]
pub struct Session {
    hash: SessionHash,
    short_hash: String,
    guest: Arc<Guest>,
    inner: Arc<Inner>,
}

impl Sessions {
    /// No sessions yet, and as many as `caps` has at most. `own` is `None` where no bot is configured.
    pub fn new(config: &config::Sessions, parts: Parts, own: Option<OwnBot>) -> Self {
        let caps = Caps {
            all: config.max,
            of_bot: config.max_per_bot,
            // Administrators may come from one address.
            of_address: match config.mode {
                config::SessionsMode::Open => config.max_per_address,
                config::SessionsMode::Off | config::SessionsMode::Admins => usize::MAX,
            },
        };
        Self(Arc::new(Inner {
            trials: Trials::new(&parts.clock),
            turns: Turns::default(),
            parts,
            own,
            register: Mutex::new(Register::new(caps)),
            changed: Notify::new(),
            closing: Mutex::default(),
        }))
    }

    /// Begins a session of the bot that has this token; answers its id, which is kept nowhere. The
    /// caller has counted the attempt.
    ///
    /// # Errors
    /// 401 for whatever Discord does not take for a bot's token, always the same; 429 where there are
    /// too many sessions, or too many tokens of this address were refused; 502, 503 and 504 for
    /// Discord's failures.
    pub async fn login(&self, token: Secret, address: IpAddr) -> Result<Secret, Error> {
        let inner = &self.0;
        inner.register().check_room(address)?;
        let tried = inner.trials.judge(token, address, inner).await?;
        let id = Secret::new(random_text(ID_CHARS));
        let (hash, short_hash) = register::hash_of(id.expose());
        let now = inner.parts.clock.monotonic();
        let bot = tried.user.clone();
        let (begun, ended) = {
            let mut register = inner.register();
            // Discord takes one token of a bot: one that was there before is good no more.
            let replaced = register.find_guest(bot.id);
            let replaced = replaced.filter(|guest| !guest.has_token(&tried.token));
            let ended = replaced.map(|guest| register.end_bot(guest.user.id));
            let guest = || inner.new_guest(bot.clone(), tried.discord);
            let begun = register.begin(hash, bot.id, address, now, guest);
            if let Ok(Some(guest)) = &begun {
                // Before anybody else can end it.
                inner.watch_token(guest, tried.token);
            }
            (begun, ended)
        };
        if let Some(ended) = ended {
            inner.close(ended, "the bot has a new token");
        }
        begun?;
        inner.changed.notify_one();
        tracing::info!(bot_id = %bot.id, session = short_hash, "a session has begun");
        Ok(id)
    }

    /// The session of this id.
    ///
    /// # Errors
    /// 401 for an id of no living session.
    pub fn verify(&self, id: &str) -> Result<Session, Error> {
        if id.len() != ID_CHARS {
            return Err(Error::Unauthorized);
        }
        let (hash, short_hash) = register::hash_of(id);
        let now = self.0.parts.clock.monotonic();
        let guest = self.0.register().find(&hash, now).cloned();
        Ok(Session {
            hash,
            short_hash,
            guest: guest.ok_or(Error::Unauthorized)?,
            inner: Arc::clone(&self.0),
        })
    }

    /// Ends a session; nothing happens where it has ended.
    pub fn logout(&self, session: &Session) {
        let ended = self.0.register().end(&session.hash);
        self.0.close(ended, "logout");
    }

    /// Ends sessions when it is time, until `stop` becomes true; then all of them, and waits until
    /// their connections are closed.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        let inner = &self.0;
        let clock = &inner.parts.clock;
        loop {
            let now = clock.monotonic();
            let ended = inner.register().end_due(now);
            inner.close(ended, "its time is over");
            let due = inner.register().next_end();
            let wait = async {
                match due {
                    Some(due) => clock.sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = wait => {}
                () = inner.changed.notified() => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        let ended = inner.register().end_all();
        inner.close(ended, "the server stops");
        let closing = std::mem::take(&mut *inner.closing());
        for closed in closing {
            let _ended_badly_or_not = closed.await;
        }
    }
}

impl Session {
    /// The session's bot.
    pub fn bot(&self) -> &BotUser {
        &self.guest.user
    }

    /// The session is used now, which puts off its end.
    pub fn touch(&self) {
        let now = self.inner.parts.clock.monotonic();
        self.inner.register().touch(&self.hash, now);
    }

    /// Eight hexadecimal digits of the SHA-256 of its id: what logs call it. Contract 8.
    pub fn short_hash(&self) -> &str {
        &self.short_hash
    }

    /// The guild that is named, if the bot is in it; else the only one that it is in.
    ///
    /// # Errors
    /// 404 where it is not in the named one or in none, 400 where it is in several; 502, 503 and 504
    /// for Discord's failures, 429 where it limits the bot.
    pub async fn get_guild(&self, named: Option<GuildId>) -> Result<GuildId, Error> {
        self.check_alive()?;
        self.seen(self.guest.view.get_guild(named).await)
    }

    /// A guild's members by id, those after `after`: 10 000 at most, and then the answer says that
    /// there are more. [`get_guild`](Self::get_guild) has passed.
    ///
    /// # Errors
    /// 403 where Discord does not list them to this bot; as [`get_guild`](Self::get_guild).
    pub async fn list_members(
        &self,
        guild: GuildId,
        after: Option<UserId>,
    ) -> Result<Members, Error> {
        self.seen(self.guest.view.list_members(guild, after).await)
    }

    /// The channels that the bot sees, in their order; [`get_guild`](Self::get_guild) has passed.
    ///
    /// # Errors
    /// As [`get_guild`](Self::get_guild).
    pub async fn list_channels(&self, guild: GuildId) -> Result<Vec<Channel>, Error> {
        self.seen(self.guest.view.list_channels(guild).await)
    }

    /// The newest messages of a channel, newest first: `limit` at most, 1 to 1000.
    ///
    /// # Errors
    /// 404 for a channel that the bot does not see, 400 for one without messages; as
    /// [`get_guild`](Self::get_guild).
    pub async fn list_messages(
        &self,
        channel: ChannelId,
        limit: u32,
    ) -> Result<Vec<Message>, Error> {
        self.check_alive()?;
        self.seen(self.guest.view.list_messages(channel, limit).await)
    }

    /// What plays for the bot, once it is connected to the gateway.
    ///
    /// # Errors
    /// 401 where the session has ended in the meantime; 503 where the bot cannot be connected now.
    pub async fn player(&self) -> Result<Arc<Player>, Error> {
        let player = self.guest.player(&self.inner.parts).await?;
        self.check_alive()?;
        Ok(player)
    }

    /// The player of a guild that the bot is in; the bot is not connected for that.
    ///
    /// # Errors
    /// The database's.
    pub async fn player_state(&self, guild: GuildId) -> Result<PlayerState, Error> {
        self.guest.player_state(guild).await
    }

    /// A request may take its time, and the session end before it.
    fn check_alive(&self) -> Result<(), Error> {
        let now = self.inner.parts.clock.monotonic();
        let is_alive = self.inner.register().find(&self.hash, now).is_some();
        is_alive.then_some(()).ok_or(Error::Unauthorized)
    }

    /// What Discord has refused the token for ends the session: its holder is told just that.
    fn seen<T>(&self, asked: Result<T, Error>) -> Result<T, Error> {
        if asked.is_err() && self.guest.discord().is_token_refused() {
            return Err(Error::Unauthorized);
        }
        asked
    }
}

impl Inner {
    fn new_guest(&self, user: BotUser, discord: Arc<Discord>) -> Guest {
        let own = self.own.as_ref().filter(|own| own.id == user.id);
        let own = own.filter(|own| own.discord.token() == discord.token());
        if let Some(own) = own {
            return Guest::own(user, own);
        }
        let turn = self.turns.of(user.id);
        Guest::other(user, discord, turn, &self.parts)
    }

    /// What asks Discord with this token, if its bot has sessions.
    fn find_guest(&self, token: &TokenHash) -> Option<Arc<Discord>> {
        let register = self.register();
        let guest = register.guests().find(|guest| guest.has_token(token));
        guest.map(|guest| Arc::clone(guest.discord()))
    }

    /// Ends the sessions of a bot when Discord refuses its token.
    fn watch_token(self: &Arc<Self>, guest: &Guest, token: TokenHash) {
        let inner = Arc::downgrade(self);
        let (bot, discord) = (guest.user.id, Arc::clone(guest.discord()));
        // It ends with the guest at the latest.
        guest.accompany(async move {
            discord.token_refused().await;
            let Some(inner) = inner.upgrade() else { return };
            let ended = {
                let mut register = inner.register();
                let now = register.find_guest(bot);
                // Another token of it may have come meanwhile.
                let is_it = now.is_some_and(|now| now.has_token(&token));
                is_it.then(|| register.end_bot(bot))
            };
            if let Some(ended) = ended {
                inner.close(ended, "discord refuses the bot's token");
            }
        });
    }

    fn close(&self, ended: Ended, reason: &'static str) {
        for session in ended.sessions {
            tracing::info!(
                bot_id = %session.bot,
                session = register::short(&session.hash),
                reason,
                "a session has ended"
            );
        }
        let mut closing = self.closing();
        closing.retain(|running| !running.is_finished());
        closing.extend(ended.guests.iter().filter_map(|guest| guest.close()));
    }

    fn register(&self) -> MutexGuard<'_, Register> {
        self.register.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn closing(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.closing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
