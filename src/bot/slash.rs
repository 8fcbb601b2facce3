//! Keeps the slash commands that Discord offers in a guild as the guild's own commands are. The
//! bot's built-in ones are registered for all guilds at once, by `gateway`, and are left alone.
//!
//! One worker looks at one guild after the other: when its commands change, when the bot comes into
//! it, and at the start at all guilds that have commands, or had some when Discord was told last.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serenity::builder::CreateCommand;
use serenity::http::{Http, HttpError};
use serenity::model::application::{Command as Registered, CommandType};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::directory::{Directory, to_discord};
use crate::clock::Clock;
use crate::domain::commands::{Command, Commands, Registrar, Registration, Response};
use crate::domain::guilds::Gateway as _;
use crate::domain::settings::Language;
use crate::error::Error;
use crate::ids::GuildId;

/// For what Discord is asked about one guild. It may let us wait for hours where somebody has
/// changed very many commands: the others are not to wait with it.
const PATIENCE: Duration = Duration::from_secs(30);
/// Waits between attempts; the last one again and again.
const AGAIN: [Duration; 5] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_hours(1),
];
/// Longest description, in characters. Discord's bound.
const DESCRIPTION_CHARS_MAX: usize = 100;

/// The worker and what it has to do.
pub(super) struct Slash {
    directory: Arc<Directory>,
    clock: Clock,
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Default)]
struct State {
    /// Of the session now, while there is one. serenity lets it hold the handlers of events, which
    /// hold this.
    http: Weak<Http>,
    /// Whether this session's guilds are known.
    has_begun: bool,
    due: HashMap<Work, Due>,
    /// What is being done.
    doing: Option<Work>,
    /// Guilds in which Discord does not let us, until something changes.
    refused: HashSet<GuildId>,
}

/// Something to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Work {
    /// Finding out which guilds to look at.
    FindGuilds,
    /// Looking at one.
    Guild(GuildId),
}

/// When something is to be done.
#[derive(Clone, Copy)]
struct Due {
    /// On the monotonic clock.
    at: Duration,
    /// Attempts that have failed.
    failures: usize,
}

impl Due {
    /// For the first time.
    const NOW: Self = Self {
        at: Duration::ZERO,
        failures: 0,
    };
}

/// Why Discord could not be told.
enum Trouble {
    Ours(Error),
    Discord(serenity::Error),
    Late,
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

impl From<serenity::Error> for Trouble {
    fn from(error: serenity::Error) -> Self {
        Self::Discord(error)
    }
}

impl Slash {
    pub(super) fn new(directory: Arc<Directory>, clock: Clock) -> Self {
        Self {
            directory,
            clock,
            state: Mutex::default(),
            wake: Notify::new(),
        }
    }

    /// A session has begun; its guilds are not known yet.
    pub(super) fn connected(&self, http: &Arc<Http>) {
        let mut state = self.lock();
        state.http = Arc::downgrade(http);
        state.has_begun = false;
    }

    /// The session's guilds have come in, or have had the time to.
    pub(super) fn begin(&self) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.has_begun, true) {
            return;
        }
        state.due.insert(Work::FindGuilds, Due::NOW);
        drop(state);
        self.wake.notify_one();
    }

    /// The bot is not in the guild any more.
    pub(super) fn forget(&self, guild: GuildId) {
        let mut state = self.lock();
        state.due.remove(&Work::Guild(guild));
        state.refused.remove(&guild);
    }

    /// Does what there is to do, for ever.
    pub(super) async fn run(&self, commands: &Commands) -> Infallible {
        loop {
            let next = self.take_next();
            match next {
                Ok((work, failures, http)) => {
                    let done = match work {
                        Work::FindGuilds => self.find_guilds(commands).await,
                        Work::Guild(guild) => {
                            let told = timeout(PATIENCE, tell(&http, commands, guild)).await;
                            told.unwrap_or(Err(Trouble::Late))
                        }
                    };
                    self.finish(work, failures, done);
                }
                Err(Some(at)) => tokio::select! {
                    () = self.wake.notified() => {}
                    () = self.clock.sleep_until(at) => {}
                },
                Err(None) => self.wake.notified().await,
            }
        }
    }

    fn ask(&self, guild: GuildId) {
        let mut state = self.lock();
        state.refused.remove(&guild);
        state.due.insert(Work::Guild(guild), Due::NOW);
        drop(state);
        self.wake.notify_one();
    }

    /// What is to be done now, with the attempts that have failed; else when something is.
    fn take_next(&self) -> Result<(Work, usize, Arc<Http>), Option<Duration>> {
        let mut state = self.lock();
        let first = state.due.iter().min_by_key(|(_, due)| due.at);
        let (work, due) = first.map(|(work, due)| (*work, *due)).ok_or(None)?;
        if due.at > self.clock.monotonic() {
            return Err(Some(due.at));
        }
        let http = state.http.upgrade().ok_or(None)?;
        state.due.remove(&work);
        state.doing = Some(work);
        Ok((work, due.failures, http))
    }

    fn finish(&self, work: Work, failures: usize, done: Result<(), Trouble>) {
        let mut state = self.lock();
        state.doing = None;
        let Err(trouble) = done else { return };
        trouble.log(work);
        if let (Work::Guild(guild), true) = (work, trouble.is_final()) {
            state.refused.insert(guild);
            return;
        }
        let [.., last] = AGAIN;
        let wait = AGAIN.get(failures).copied().unwrap_or(last);
        // Where it was asked for meanwhile, it is done at once.
        state.due.entry(work).or_insert(Due {
            at: self.clock.monotonic() + wait,
            failures: failures.saturating_add(1),
        });
    }

    async fn find_guilds(&self, commands: &Commands) -> Result<(), Trouble> {
        for guild in commands.list_guilds().await? {
            if self.directory.guild(guild).is_some() {
                self.ask(guild);
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registrar for Slash {
    fn changed(&self, guild: GuildId) {
        self.ask(guild);
    }

    fn state(&self, guild: GuildId) -> Registration {
        let state = self.lock();
        let work = Work::Guild(guild);
        let is_at_start = state.doing == Some(Work::FindGuilds)
            || state.due.contains_key(&Work::FindGuilds)
            || !state.has_begun;
        match state.due.get(&work) {
            Some(due) if due.failures > 0 => Registration::Failed,
            Some(_) => Registration::Pending,
            None if state.refused.contains(&guild) => Registration::Failed,
            None if state.doing == Some(work) || is_at_start => Registration::Pending,
            None => Registration::Registered,
        }
    }
}

impl Trouble {
    /// Whether another attempt would end in the same way: the application may not add commands to
    /// the guild, or Discord does not take one of them.
    fn is_final(&self) -> bool {
        match self {
            Self::Discord(serenity::Error::Http(HttpError::UnsuccessfulRequest(answer))) => {
                matches!(answer.status_code.as_u16(), 400 | 401 | 403 | 404)
            }
            _ => false,
        }
    }

    fn log(&self, work: Work) {
        let guild = match work {
            Work::Guild(guild) => Some(guild),
            Work::FindGuilds => None,
        };
        let text = "a guild's own slash commands cannot be registered";
        match self {
            Self::Ours(error) => tracing::warn!(?error, ?guild, "{text}"),
            Self::Discord(error) => tracing::warn!(%error, ?guild, "{text}"),
            Self::Late => tracing::warn!(?guild, "{text}: Discord does not answer in time"),
        }
    }
}

/// Tells Discord of a guild's commands, where it knows of others.
async fn tell(http: &Http, commands: &Commands, guild: GuildId) -> Result<(), Trouble> {
    let own = commands.list(guild).await?;
    let own = own.iter().filter(|it| !commands.is_built_in(&it.name));
    let wanted: Vec<Declaration> = own.map(Declaration::of).collect();
    if wanted.is_empty() && !commands.may_be_registered(guild).await? {
        return Ok(());
    }
    let known = to_discord(guild).get_commands(http).await?;
    let is_same = known.len() == wanted.len() && wanted.iter().all(|it| it.is_among(&known));
    if !is_same {
        if !wanted.is_empty() {
            // Before it is so: after a crash there is one question too many, not one too few.
            commands.set_registered(guild, true).await?;
        }
        let count = wanted.len();
        let declared = wanted.iter().map(Declaration::create).collect();
        to_discord(guild).set_commands(http, declared).await?;
        tracing::debug!(%guild, count, "a guild's own slash commands are registered");
    }
    if wanted.is_empty() {
        commands.set_registered(guild, false).await?;
    }
    Ok(())
}

/// A command as Discord is told of it.
struct Declaration {
    name: String,
    description: String,
    german: String,
}

impl Declaration {
    fn of(command: &Command) -> Self {
        let say = |language: Language| {
            let said = match &command.response {
                Response::Sound(sound) => language.say("Plays {}", &[&sound.sound]),
                _ => language.say("A command of this server", &[]),
            };
            said.chars().take(DESCRIPTION_CHARS_MAX).collect()
        };
        Self {
            name: command.name.clone(),
            description: say(Language::English),
            german: say(Language::German),
        }
    }

    fn create(&self) -> CreateCommand {
        CreateCommand::new(&self.name)
            .description(&self.description)
            .description_localized(Language::German.code(), &self.german)
    }

    /// Whether Discord knows of it, as it is.
    fn is_among(&self, known: &[Registered]) -> bool {
        known.iter().any(|it| {
            it.kind == CommandType::ChatInput
                && it.name == self.name
                && it.description == self.description
                && it.options.is_empty()
        })
    }
}
