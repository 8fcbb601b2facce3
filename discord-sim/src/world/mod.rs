//! What exists in the simulated Discord: users, applications and guilds, as plain values.
//!
//! A [`World`] is built by the caller and handed to [`Sim::start`](crate::Sim::start); from
//! then on the running state owns its parts and everything reads them there.

mod check;
mod demo;
mod document;
pub(crate) mod expressions;
pub(crate) mod file;
mod guild;
pub(crate) mod message;
pub(crate) mod named;
mod permission_names;
pub mod permissions;
pub(crate) mod presence;
pub(crate) mod snowflake;
pub(crate) mod wire;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rand::RngExt as _;
use rand::distr::Alphanumeric;

pub use document::WorldError;
pub use expressions::{Emoji, Sound};
pub use file::File;
pub use guild::{Channel, ChannelKind, Guild, Member, Overwrite, OverwriteTarget, Role};
pub(crate) use guild::{MOST_CHANNELS, MOST_ROLES, VoiceState};
pub use message::{Attachment, EmojiName, Mentions, Message, Reaction};
pub use presence::{Activity, Status};

/// Everything that exists when the simulator starts.
///
/// ```
/// use discord_sim::{Application, Guild, User, World};
///
/// let world = World::empty()
///     .user(User::new(11, "ada").global_name("Ada"))
///     .application(Application::new(21, "Yuri"))
///     .guild(Guild::new(31, "Sound Lab", 11).voice(32, "Lounge").member(11).member(21));
/// ```
#[derive(Clone, Debug)]
pub struct World {
    pub(crate) users: Vec<User>,
    pub(crate) applications: Vec<Application>,
    pub(crate) guilds: Vec<Guild>,
}

impl World {
    /// A world with nobody in it.
    pub fn empty() -> World {
        World {
            users: Vec::new(),
            applications: Vec::new(),
            guilds: Vec::new(),
        }
    }

    /// Adds a person.
    #[must_use]
    pub fn user(mut self, user: User) -> World {
        self.users.push(user);
        self
    }

    /// Adds an application together with its bot user, which has the application's id.
    #[must_use]
    pub fn application(mut self, application: Application) -> World {
        let mut bot = User::new(application.id, &application.name);
        // Bots are the only accounts that still carry a four-digit discriminator.
        "4821".clone_into(&mut bot.discriminator);
        bot.bot = true;
        self.users.push(bot);
        self.applications.push(application);
        self
    }

    /// Sets what the first application's bot logs in with.
    ///
    /// # Errors
    ///
    /// [`WorldError`] if there is no application.
    pub fn set_bot_token(&mut self, token: &str) -> Result<(), WorldError> {
        let none = || WorldError {
            place: "applications".to_owned(),
            reason: "there is none to give the bot token to".to_owned(),
        };
        let first = self.applications.first_mut().ok_or_else(none)?;
        token.clone_into(&mut first.bot_token);
        Ok(())
    }

    /// Adds a guild; its members must have been added as users before it starts.
    #[must_use]
    pub fn guild(mut self, guild: Guild) -> World {
        self.guilds.push(guild);
        self
    }
}

impl Default for World {
    fn default() -> World {
        World::demo()
    }
}

/// A person or a bot.
#[derive(Clone, Debug)]
pub struct User {
    /// Snowflake.
    pub id: u64,
    /// The unique name, also the simulator's log-in name.
    pub username: String,
    /// The name shown instead of the user name, if set.
    pub global_name: Option<String>,
    /// `"0"` for everyone but bots and accounts of old.
    pub discriminator: String,
    /// Hash of the avatar image, if there is one.
    pub avatar: Option<String>,
    /// Whether this is the user of an [`Application`].
    pub bot: bool,
    /// Whether this is someone who only fills a guild: nobody is asked to be this person.
    pub bystander: bool,
}

impl User {
    /// A person without global name and avatar.
    pub fn new(id: u64, username: &str) -> User {
        User {
            id,
            username: username.to_owned(),
            global_name: None,
            discriminator: "0".to_owned(),
            avatar: None,
            bot: false,
            bystander: false,
        }
    }

    /// Makes this someone who only fills a guild.
    #[must_use]
    pub fn bystander(mut self) -> User {
        self.bystander = true;
        self
    }

    /// Sets the name shown instead of the user name.
    #[must_use]
    pub fn global_name(mut self, name: &str) -> User {
        self.global_name = Some(name.to_owned());
        self
    }

    /// The name a client shows.
    pub fn display_name(&self) -> &str {
        self.global_name.as_deref().unwrap_or(&self.username)
    }
}

/// A developer's application with its bot; the bot user's id is the application's id.
#[derive(Clone)]
pub struct Application {
    /// Snowflake; also the OAuth `client_id` and the bot user's id.
    pub id: u64,
    /// Shown on the authorize page, and the bot's user name.
    pub name: String,
    /// OAuth client secret.
    pub client_secret: String,
    /// What the bot logs in with.
    pub bot_token: String,
    /// The addresses the authorize page may send users back to, compared exactly.
    pub redirect_uris: Vec<String>,
    /// The privileged intents switched on in the developer portal, as gateway intent bits.
    pub privileged_intents: u64,
    /// What it says of itself.
    pub description: String,
    /// What it can be found by.
    pub tags: Vec<String>,
    /// Where people are sent who want to add it, instead of to the authorize page.
    pub custom_install_url: Option<String>,
    /// The scopes and the [permission bits](permissions) that it asks for when it is added.
    pub install_params: Option<(Vec<String>, u64)>,
    /// Where it verifies accounts for linked roles.
    pub role_connections_url: Option<String>,
    /// Emojis of its own, which its bot can use everywhere.
    pub emojis: Vec<Emoji>,
}

impl Application {
    /// An application with fresh secrets, no redirect address and all privileged intents.
    pub fn new(id: u64, name: &str) -> Application {
        Application {
            id,
            name: name.to_owned(),
            client_secret: random_text(32),
            bot_token: format!(
                "{}.{}.{}",
                BASE64_URL_SAFE_NO_PAD.encode(id.to_string()),
                random_text(6),
                random_text(38)
            ),
            redirect_uris: Vec::new(),
            privileged_intents: u64::MAX,
            description: String::new(),
            tags: Vec::new(),
            custom_install_url: None,
            install_params: None,
            role_connections_url: None,
            emojis: Vec::new(),
        }
    }

    /// Allows the authorize page to send users back to `uri`.
    #[must_use]
    pub fn redirect_uri(mut self, uri: &str) -> Application {
        self.redirect_uris.push(uri.to_owned());
        self
    }
}

impl std::fmt::Debug for Application {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Application")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("redirect_uris", &self.redirect_uris)
            .finish_non_exhaustive()
    }
}

/// Letters and digits from the operating system's generator, for tokens and session ids.
pub(crate) fn random_text(length: usize) -> String {
    rand::rng()
        .sample_iter(Alphanumeric)
        .take(length)
        .map(char::from)
        .collect()
}
