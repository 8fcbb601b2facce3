//! A bot that somebody has brought along: one for all of its sessions, with parts of its own for all
//! that it knows and does. What it holds of the token is wiped with it. Called by
//! [`Sessions`](super::Sessions).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::timeout;

use super::line::{Ears, Line};
use super::{OwnBot, Parts, TokenHash};
use crate::discord::Discord;
use crate::domain::events::Events;
use crate::domain::guild_data::OwnView;
use crate::domain::guilds::{BotUser, Guilds, Outage};
use crate::domain::player::{Player, PlayerState};
use crate::domain::settings::{GuildSettings, Settings};
use crate::error::Error;
use crate::ids::{GuildId, UserId};

/// How long whoever wants something of a bot waits until it is connected. Discord wants five seconds
/// between two sessions of a bot, and its guilds take up to five more.
const CONNECT_PATIENCE: Duration = Duration::from_secs(15);
const NOT_IN_TIME: Error = Error::Unavailable("the bot is not connected to Discord yet, try again");

/// A bot, and what is there for it.
pub(super) struct Guest {
    pub(super) user: BotUser,
    pub(super) view: Arc<OwnView>,
    token: TokenHash,
    discord: Arc<Discord>,
    kind: Kind,
    companion: OnceLock<AbortHandle>,
}

enum Kind {
    /// The server's own: it is connected by itself, and its player is everybody's.
    Own(Arc<Player>),
    /// One that is here as long as its sessions are.
    Other(Box<Other>),
}

struct Other {
    line: Arc<dyn Line>,
    turn: Turn,
    link: Mutex<Link>,
}

/// Whether the bot is connected.
enum Link {
    /// Nothing has needed it.
    Idle,
    Open {
        player: Arc<Player>,
        stop: watch::Sender<bool>,
        running: JoinHandle<()>,
    },
    /// The last session has ended.
    Closed,
}

impl Guest {
    /// The server's own bot.
    pub(super) fn own(user: BotUser, own: &OwnBot) -> Self {
        let discord = Arc::clone(&own.discord);
        let (gateway, cache) = (Arc::clone(&own.gateway), Arc::clone(&own.cache));
        Self {
            view: Arc::new(OwnView::new(user.id, Arc::clone(&discord), gateway, cache)),
            user,
            token: TokenHash::of(discord.token()),
            discord,
            kind: Kind::Own(Arc::clone(&own.player)),
            companion: OnceLock::new(),
        }
    }

    /// A bot that Discord has just said is one.
    pub(super) fn other(user: BotUser, discord: Arc<Discord>, turn: Turn, parts: &Parts) -> Self {
        let line = parts.bots.line(user.id, Arc::clone(&discord));
        let view = OwnView::new(
            user.id,
            Arc::clone(&discord),
            line.gateway(),
            Arc::clone(&parts.cache),
        );
        Self {
            user,
            view: Arc::new(view),
            token: TokenHash::of(discord.token()),
            discord,
            kind: Kind::Other(Box::new(Other {
                line,
                turn,
                link: Mutex::new(Link::Idle),
            })),
            companion: OnceLock::new(),
        }
    }

    /// Whether this bot has that token.
    pub(super) fn has_token(&self, token: &TokenHash) -> bool {
        self.token == *token
    }

    /// What asks Discord in the bot's name.
    pub(super) fn discord(&self) -> &Arc<Discord> {
        &self.discord
    }

    /// Runs something until the guest is closed.
    pub(super) fn accompany(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = tokio::spawn(task).abort_handle();
        if let Err(task) = self.companion.set(task) {
            task.abort();
        }
    }

    /// The bot's player, once the bot is connected.
    ///
    /// # Errors
    /// 401 where its sessions have ended in the meantime, or Discord refuses its token; 503 where it
    /// cannot be connected now.
    pub(super) async fn player(&self, parts: &Parts) -> Result<Arc<Player>, Error> {
        let other = match &self.kind {
            Kind::Own(player) => return Ok(Arc::clone(player)),
            Kind::Other(other) => other,
        };
        let (player, mut end) = other.open(parts, &self.discord, &self.view)?;
        let ready = tokio::select! {
            ready = timeout(CONNECT_PATIENCE, other.line.ready()) => ready,
            // Who would stop it is gone with it.
            _ = end.wait_for(|has_ended| *has_ended) => return Err(Error::Unauthorized),
        };
        match ready {
            // It is still up while it is being closed.
            Ok(Ok(())) if *end.borrow() => Err(Error::Unauthorized),
            Ok(Ok(())) => Ok(player),
            Ok(Err(Outage::TokenRefused)) => Err(Error::Unauthorized),
            Ok(Err(outage)) => Err(Error::Unavailable(outage.text())),
            Err(_) => Err(NOT_IN_TIME),
        }
    }

    /// The player of a guild that the bot is in; it is not connected for that.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn player_state(&self, guild: GuildId) -> Result<PlayerState, Error> {
        let other = match &self.kind {
            Kind::Own(player) => return player.state(guild).await,
            Kind::Other(other) => other,
        };
        if let Some(player) = other.find_player() {
            return player.state(guild).await;
        }
        Ok(PlayerState::untouched(None, &GuildSettings::default()))
    }

    /// The end of the last session: the connection is closed, in its own time. What is still to be
    /// waited for comes back.
    pub(super) fn close(&self) -> Option<JoinHandle<()>> {
        if let Some(companion) = self.companion.get() {
            companion.abort();
        }
        let Kind::Other(other) = &self.kind else {
            return None;
        };
        match std::mem::replace(&mut *other.link(), Link::Closed) {
            Link::Idle | Link::Closed => None,
            Link::Open { stop, running, .. } => {
                let _has_ended_by_itself = stop.send(true);
                Some(running)
            }
        }
    }
}

/// Held while a bot is connected: who comes again waits until the last connection is closed, since
/// the farewell of one would end the voice of the other.
type Turn = Arc<tokio::sync::Mutex<()>>;

/// The turns of all bots that are here, or were a moment ago.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<UserId, Weak<tokio::sync::Mutex<()>>>>);

impl Turns {
    /// That of a bot.
    pub(super) fn of(&self, bot: UserId) -> Turn {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(&bot).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Turn::default();
        turns.insert(bot, Arc::downgrade(&turn));
        turn
    }
}

impl Other {
    fn open(
        &self,
        parts: &Parts,
        discord: &Arc<Discord>,
        view: &Arc<OwnView>,
    ) -> Result<(Arc<Player>, watch::Receiver<bool>), Error> {
        let mut state = self.link();
        match &*state {
            Link::Open { player, stop, .. } => return Ok((Arc::clone(player), stop.subscribe())),
            Link::Closed => return Err(Error::Unauthorized),
            Link::Idle => {}
        }
        let player = self.new_player(parts, discord);
        let ears = Ears {
            player: Arc::clone(&player),
            watcher: view.clone(),
        };
        let (stop, stopped) = watch::channel(false);
        let (line, turn, until) = (Arc::clone(&self.line), self.turn.clone(), stopped.clone());
        let running = tokio::spawn(async move {
            let mut stopped = stopped;
            let stopped = async {
                // Who would stop it is gone with it.
                let _said_or_gone = stopped.wait_for(|stopped| *stopped).await;
            };
            tokio::select! {
                _turn = turn.lock() => line.run(ears, until).await,
                () = stopped => {}
            }
        });
        let end = stop.subscribe();
        *state = Link::Open {
            player: Arc::clone(&player),
            stop,
            running,
        };
        Ok((player, end))
    }

    fn new_player(&self, parts: &Parts, discord: &Arc<Discord>) -> Arc<Player> {
        let discord = Some(Arc::clone(discord));
        let (db, clock) = (parts.db.clone(), parts.clock.clone());
        let guilds = Guilds::new(self.line.gateway(), discord, db, clock.clone());
        Arc::new(Player::new(
            Arc::new(guilds),
            Arc::clone(&parts.library),
            Arc::clone(&parts.labels),
            parts.transcoder.clone(),
            // Nobody else's: neither what a guild has chosen for the server's bot nor what that does.
            Arc::new(Settings::in_memory()),
            self.line.voice(),
            parts.settle,
            parts.play_log.clone(),
            Arc::new(Events::unheard(&clock)),
            clock,
        ))
    }

    fn find_player(&self) -> Option<Arc<Player>> {
        match &*self.link() {
            Link::Open { player, .. } => Some(Arc::clone(player)),
            Link::Idle | Link::Closed => None,
        }
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
