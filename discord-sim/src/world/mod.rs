//! What exists in the simulated Discord: users, applications and guilds, as plain values.
//!
//! A [`World`] is built by the caller and handed to [`Sim::start`](crate::Sim::start); from
//! then on the running state owns its parts and everything reads them there.

mod check;
mod demo;
pub mod permissions;
pub(crate) mod snowflake;
pub(crate) mod wire;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rand::RngExt as _;
use rand::distr::Alphanumeric;

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

/// A guild ("server") with everything in it.
#[derive(Clone, Debug)]
pub struct Guild {
    /// Snowflake; also the id of the `@everyone` role.
    pub id: u64,
    /// Shown name.
    pub name: String,
    /// The owner's user id.
    pub owner: u64,
    /// Roles, `@everyone` first.
    pub roles: Vec<Role>,
    /// Channels in the order they are shown.
    pub channels: Vec<Channel>,
    /// Members by user id.
    pub members: BTreeMap<u64, Member>,
    pub(crate) voice: BTreeMap<u64, VoiceState>,
}

impl Guild {
    /// A guild with only the `@everyone` role; add the owner as a member too.
    pub fn new(id: u64, name: &str, owner: u64) -> Guild {
        Guild {
            id,
            name: name.to_owned(),
            owner,
            roles: vec![Role::new(id, "@everyone", permissions::EVERYONE)],
            channels: Vec::new(),
            members: BTreeMap::new(),
            voice: BTreeMap::new(),
        }
    }

    /// Adds a category; the channels added after it belong to it.
    #[must_use]
    pub fn category(self, id: u64, name: &str) -> Guild {
        self.channel(Channel::new(id, name, ChannelKind::Category))
    }

    /// Adds a text channel.
    #[must_use]
    pub fn text(self, id: u64, name: &str) -> Guild {
        self.channel(Channel::new(id, name, ChannelKind::Text))
    }

    /// Adds a voice channel.
    #[must_use]
    pub fn voice(self, id: u64, name: &str) -> Guild {
        self.channel(Channel::new(id, name, ChannelKind::Voice))
    }

    /// Adds a channel, below the category added last if there is one.
    #[must_use]
    pub fn channel(mut self, mut channel: Channel) -> Guild {
        if channel.kind != ChannelKind::Category && channel.parent.is_none() {
            let category = self
                .channels
                .iter()
                .rfind(|c| c.kind == ChannelKind::Category);
            channel.parent = category.map(|category| category.id);
        }
        self.channels.push(channel);
        self
    }

    /// Adds a role above those added before.
    #[must_use]
    pub fn role(mut self, role: Role) -> Guild {
        self.roles.push(role);
        self
    }

    /// Adds a member without roles.
    #[must_use]
    pub fn member(self, user: u64) -> Guild {
        self.member_with_roles(user, &[])
    }

    /// Adds a member with roles.
    #[must_use]
    pub fn member_with_roles(mut self, user: u64, roles: &[u64]) -> Guild {
        self.members.insert(user, Member::new(user, roles));
        self
    }

    /// Seats a member in a voice channel from the start.
    #[must_use]
    pub fn in_voice(mut self, user: u64, channel: u64) -> Guild {
        self.voice
            .insert(user, VoiceState::new(channel, random_text(32)));
        self
    }

    pub(crate) fn find_channel(&self, id: u64) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.id == id)
    }

    pub(crate) fn first_channel(&self, kind: ChannelKind) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.kind == kind)
    }
}

/// A role of a guild.
#[derive(Clone, Debug)]
pub struct Role {
    /// Snowflake.
    pub id: u64,
    /// Shown name.
    pub name: String,
    /// [Permission bits](permissions).
    pub permissions: u64,
    /// `0xRRGGBB`, 0 for none.
    pub color: u32,
    /// The application this role was made for, if it is a bot's own role.
    pub bot: Option<u64>,
}

impl Role {
    /// A colourless role.
    pub fn new(id: u64, name: &str, permissions: u64) -> Role {
        Role {
            id,
            name: name.to_owned(),
            permissions,
            color: 0,
            bot: None,
        }
    }
}

/// What a channel is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelKind {
    /// Messages.
    Text,
    /// Sound.
    Voice,
    /// A heading above other channels.
    Category,
}

impl ChannelKind {
    /// Discord's number for it.
    pub(crate) fn number(self) -> u8 {
        match self {
            ChannelKind::Text => 0,
            ChannelKind::Voice => 2,
            ChannelKind::Category => 4,
        }
    }
}

/// A channel of a guild.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Snowflake.
    pub id: u64,
    /// Shown name.
    pub name: String,
    /// What it is for.
    pub kind: ChannelKind,
    /// The category it stands under.
    pub parent: Option<u64>,
    /// Exceptions from the guild's permissions.
    pub overwrites: Vec<Overwrite>,
    /// How many may be in a voice channel at once; 0 for any number.
    pub user_limit: u32,
}

impl Channel {
    /// A channel without overwrites and limits.
    pub fn new(id: u64, name: &str, kind: ChannelKind) -> Channel {
        Channel {
            id,
            name: name.to_owned(),
            kind,
            parent: None,
            overwrites: Vec::new(),
            user_limit: 0,
        }
    }
}

/// Whom an [`Overwrite`] concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverwriteTarget {
    /// Everyone with this role; the guild's id means `@everyone`.
    Role(u64),
    /// One member.
    Member(u64),
}

/// An exception from the guild's permissions in one channel.
#[derive(Clone, Copy, Debug)]
pub struct Overwrite {
    /// Whom it concerns.
    pub target: OverwriteTarget,
    /// Bits granted.
    pub allow: u64,
    /// Bits taken away.
    pub deny: u64,
}

/// A user's membership of one guild.
#[derive(Clone, Debug)]
pub struct Member {
    /// The user's id.
    pub user: u64,
    /// The name shown in this guild, if it differs.
    pub nick: Option<String>,
    /// Role ids, `@everyone` left out.
    pub roles: Vec<u64>,
    /// When the user joined, in Unix milliseconds.
    pub joined_at_ms: u64,
    /// Until when the member is timed out, in Unix milliseconds.
    pub timeout_until_ms: Option<u64>,
}

impl Member {
    pub(crate) fn new(user: u64, roles: &[u64]) -> Member {
        Member {
            user,
            nick: None,
            roles: roles.to_vec(),
            // A fixed date long ago: worlds are the same on every run.
            joined_at_ms: 1_704_110_400_000,
            timeout_until_ms: None,
        }
    }

    pub(crate) fn is_timed_out(&self, now_ms: u64) -> bool {
        self.timeout_until_ms.is_some_and(|until| now_ms < until)
    }
}

/// Where a member sits in voice, and how.
#[derive(Clone, Debug)]
pub(crate) struct VoiceState {
    pub(crate) channel: u64,
    pub(crate) session_id: String,
    pub(crate) self_mute: bool,
    pub(crate) self_deaf: bool,
}

impl VoiceState {
    pub(crate) fn new(channel: u64, session_id: String) -> VoiceState {
        VoiceState {
            channel,
            session_id,
            self_mute: false,
            self_deaf: false,
        }
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
