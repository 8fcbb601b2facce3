//! The configuration: read once at start, typed, every fault reported together.
//! `cli` loads it and passes its sections on; nothing else reads the environment.

mod auth;
pub mod built;
mod log;
mod sessions;
mod source;
mod uploads;

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use reqwest::Url;

use crate::ids::UserId;
use crate::secret::Secret;
pub use auth::Auth;
pub use log::{Log, LogFormat};
pub use sessions::{Sessions, SessionsMode};
use source::Source;
pub use uploads::{Archives, Uploads};

/// The defaults: the file that the repository shows is the one that the binary carries.
const DEFAULTS: &str = include_str!("../../Rocket.toml");

/// The longest prefix of commands in messages.
const PREFIX_CHARS_MAX: usize = 10;

/// What a database's address looks like.
const DATABASE_FORM: &str = "must be a path, sqlite:<path> or postgres://user@host/name";

/// The real Discord.
pub const DISCORD: &str = "https://discord.com";

/// Everything that can be configured. Its `Debug` form shows no secret.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where browsers reach this server.
    pub public_url: PublicUrl,
    /// The folder of the database, the keys and the caches.
    pub data_dir: PathBuf,
    /// What is logged, and kept of it.
    pub log: Log,
    /// This installation's administrators.
    pub admins: Vec<UserId>,
    /// Where rows are kept.
    pub database: DatabaseUrl,
    /// The operator's sounds.
    pub sounds: Sounds,
    /// Sounds of guilds.
    pub uploads: Uploads,
    /// The same by the archive.
    pub archives: Archives,
    /// The connection to Discord.
    pub discord: Discord,
    /// Logging in on other sites' pages.
    pub auth: Auth,
    /// Bots that others bring.
    pub sessions: Sessions,
    /// What callers may ask for.
    pub limits: Limits,
    /// The listener and who is believed on it.
    pub http: Http,
}

/// The operator's sounds.
#[derive(Debug, Clone)]
pub struct Sounds {
    /// The folder whose files are the sounds.
    pub dir: PathBuf,
    /// The longest sound that is played.
    pub max_length: Duration,
    /// How loud every sound is made, in LUFS.
    pub loudness_lufs: f64,
    /// Most that the folder of prepared sounds may hold, in bytes.
    pub cache_max_bytes: u64,
    /// Whether sounds are prepared before somebody asks for them.
    pub prepare_ahead: bool,
}

/// The connection to Discord.
#[derive(Debug, Clone)]
pub struct Discord {
    /// The address of Discord, without a slash at its end.
    pub api_url: String,
    /// Where connections to discord.com go instead, for a simulated Discord.
    pub connect_to: Option<SocketAddr>,
    /// Certificate authorities to trust beside the public ones, as a file of PEM.
    pub authorities: Option<PathBuf>,
    /// The bot's token; without it there is no bot.
    pub bot_token: Option<Secret>,
    /// The application's id; without it nobody can log in.
    pub client_id: Option<String>,
    /// The application's secret; without it nobody can log in.
    pub client_secret: Option<Secret>,
    /// Wait between a fresh join and the first sound.
    pub voice_settle: Duration,
    /// Requests that Discord answers with 401, 403 or 429 in ten minutes after which it is not asked
    /// anything more; at 10 000 it bans the address.
    pub invalid_requests_max: u32,
    /// What messages may begin with in place of a mention, 1 to 10 characters without white
    /// space. The application needs Discord's privileged Message Content Intent then.
    pub message_prefix: Option<String>,
    /// Whether the application has Discord's privileged Guild Members intent: all members of a
    /// guild are known then, and what changes of them counts at once.
    pub members_intent: bool,
    /// Whether `/botapi` shows messages to those who may read them.
    pub botapi_messages: bool,
}

impl Discord {
    /// Whether this is the real Discord, and not one that stands in for it.
    pub fn is_real(&self) -> bool {
        self.api_url == DISCORD && self.connect_to.is_none()
    }

    /// What the server's own requests to Discord begin with: what is given in Discord's place, or
    /// Discord's own name where connections to that are led elsewhere.
    pub fn rest_url(&self) -> &str {
        match self.connect_to {
            Some(_) => DISCORD,
            None => &self.api_url,
        }
    }

    /// The bot's account, which has the id of the application.
    pub fn bot_id(&self) -> Option<UserId> {
        self.client_id.as_ref()?.parse().ok()
    }

    /// What is still missing before the bot can run and people can log in, by setting.
    pub fn missing(&self) -> Vec<&'static str> {
        let given = [
            ("YURI_DISCORD__BOT_TOKEN", self.bot_token.is_some()),
            ("YURI_DISCORD__CLIENT_ID", self.client_id.is_some()),
            ("YURI_DISCORD__CLIENT_SECRET", self.client_secret.is_some()),
        ];
        given
            .into_iter()
            .filter(|(_, given)| !given)
            .map(|(name, _)| name)
            .collect()
    }
}

/// What callers may ask for.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Requests of one user at once.
    pub burst: NonZeroU32,
    /// Time until one more is admitted; never zero.
    pub refill: Duration,
    /// Longest page of the log and the statistics.
    pub page_max: u32,
    /// Most live channels of one user at once.
    pub streams_per_user: usize,
    /// Most live channels of all users at once.
    pub streams_max: usize,
}

/// The listener and who is believed on it.
#[derive(Debug, Clone)]
pub struct Http {
    /// Where it listens.
    pub address: SocketAddr,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins, besides our own, whose pages may read answers, and change things with a visitor's
    /// login: as browsers write them.
    pub cors_origins: Vec<String>,
    /// Key of the encrypted cookie that binds a login to its browser: 32 bytes in base64.
    pub secret_key: Option<Secret>,
}

/// The address of this server as browsers see it, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// Takes an `https` or `http` address without a path: cookies and links are for a whole host.
    fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| "is not a URL")?;
        let bare = url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/";
        match (url.scheme(), url.host_str()) {
            ("http" | "https", Some(_)) if bare => {
                Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
            }
            _ => Err("must look like https://sounds.example.org"),
        }
    }

    /// The full address of `path`, which starts with a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Whether browsers come over TLS, so that cookies must not travel without it.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }

    /// Scheme, host and port, as browsers name this server in `Origin`.
    pub fn origin(&self) -> String {
        Url::parse(&self.0)
            .map(|url| url.origin().ascii_serialization())
            .unwrap_or_default()
    }
}

/// Where rows are kept.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A file of this machine.
    Sqlite(PathBuf),
    /// A PostgreSQL server, by its connection URL, which may hold a password.
    Postgres(String),
}

impl DatabaseUrl {
    /// Takes a path, `sqlite:<path>`, `postgres://` or `postgresql://`.
    ///
    /// # Errors
    /// When the URL is of another database, or cannot be told from its password.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let scheme = text
            .split_once(':')
            .map(|(scheme, _)| scheme.to_ascii_lowercase());
        match scheme.as_deref() {
            Some("postgres" | "postgresql") => Self::parse_postgres(text),
            Some("sqlite") => Self::parse_path(&text["sqlite:".len()..]),
            // A letter alone is a drive of Windows.
            Some(scheme) if scheme.len() > 1 && !scheme.contains(['/', '.', '\\']) => {
                Err(DATABASE_FORM)
            }
            _ => Self::parse_path(text),
        }
    }

    fn parse_path(text: &str) -> Result<Self, &'static str> {
        let path = text.strip_prefix("//").unwrap_or(text);
        // Each connection to `:memory:` would have a database of its own.
        if path.is_empty() || path.starts_with(':') {
            return Err(DATABASE_FORM);
        }
        Ok(Self::Sqlite(path.into()))
    }

    /// The driver's messages quote what it takes for a host: an unescaped `@` in the password
    /// would show part of it.
    fn parse_postgres(text: &str) -> Result<Self, &'static str> {
        let rest = text
            .split_once("://")
            .map(|(_, rest)| rest)
            .ok_or(DATABASE_FORM)?;
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if rest.matches('@').count() > 1
            || authority.matches('@').count() != rest.matches('@').count()
        {
            return Err("has a character in its password that must be written as %40, %2F or %3F");
        }
        Ok(Self::Postgres(text.to_owned()))
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(_) => f.write_str("postgres:***"),
        }
    }
}

/// Everything that is wrong with a configuration, a line each; no value of a secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the configuration has faults:\n  {}", .0.join("\n  "))]
pub struct Faults(pub Vec<String>);

impl Config {
    /// Reads the embedded defaults, `Rocket.toml` in `working_dir`, `Rocket.toml` in the data
    /// folder and `environment`, each overriding the one before. Contract 10.
    ///
    /// # Errors
    /// All [`Faults`] at once: unknown keys, values of the wrong form, unreadable files.
    pub fn load(
        working_dir: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Faults> {
        let mut source = Source::read(DEFAULTS, working_dir, environment);
        let config = read(&mut source);
        let faults = source.into_faults();
        if faults.is_empty() {
            Ok(config)
        } else {
            Err(Faults(faults))
        }
    }
}

fn read(source: &mut Source) -> Config {
    let data_dir = PathBuf::from(source.text("data_dir"));
    let ip = source.parse("address", IpAddr::from([127, 0, 0, 1]), |text| {
        text.parse().map_err(|_| "is not an IP address")
    });
    let port = source.parse("port", 8000, |text| {
        text.parse().map_err(|_| "is not a port")
    });
    let address = SocketAddr::new(ip, port);
    let here = PublicUrl(format!("http://{}", reachable(address)));
    let public_url = source.parse("public_url", here.clone(), |text| match text {
        "" => Ok(here.clone()),
        url => PublicUrl::parse(url),
    });
    let beside = DatabaseUrl::Sqlite(data_dir.join("yuri.sqlite3"));
    let database = source.parse_secret("database.url", beside.clone(), |text| match text {
        "" => Ok(beside.clone()),
        url => DatabaseUrl::parse(url),
    });
    let admins = source.parse("admins", Vec::new(), |text| {
        list(text, |id| id.parse().ok()).ok_or("is not a list of Discord user ids")
    });
    Config {
        public_url,
        data_dir,
        log: Log::read(source),
        admins,
        database,
        sounds: Sounds {
            dir: source.text("sounds.dir").into(),
            max_length: Duration::from_secs(source.number("sounds.max_length_s", 1, 3600)),
            loudness_lufs: source.parse("sounds.loudness_lufs", -16.0, |text| match text.parse() {
                Ok(lufs) if (-31.0..=-5.0).contains(&lufs) => Ok(lufs),
                _ => Err("is not a loudness from -31 to -5"),
            }),
            cache_max_bytes: source.number("sounds.cache_max_mib", 16, 1 << 24) << 20,
            prepare_ahead: source.switch("sounds.prepare_ahead", true),
        },
        uploads: Uploads::read(source),
        archives: Archives::read(source),
        discord: read_discord(source),
        auth: Auth::read(source),
        sessions: Sessions::read(source),
        limits: Limits {
            burst: NonZeroU32::MIN.saturating_add(
                u32::try_from(source.number("limits.burst", 1, 1_000_000) - 1).unwrap_or(0),
            ),
            refill: Duration::from_millis(source.number("limits.refill_ms", 1, 3_600_000)),
            page_max: u32::try_from(source.number("limits.page_max", 1, 1_000_000))
                .unwrap_or(u32::MAX),
            streams_per_user: source.size("limits.streams_per_user", 1_000_000),
            streams_max: source.size("limits.streams_max", 1_000_000),
        },
        http: Http {
            address,
            trusted_proxies: source.parse("http.trusted_proxies", Vec::new(), |text| {
                list(text, parse_network).ok_or("is not a list of addresses or networks")
            }),
            cors_origins: source.parse("http.cors_origins", Vec::new(), |text| {
                list(text, parse_origin)
                    .ok_or("is not a list of origins like https://board.example.org")
            }),
            secret_key: source.parse_secret("secret_key", None, |text| match text {
                "" => Ok(None),
                key if is_key(key) => Ok(Some(Secret::new(key.to_owned()))),
                _ => Err("is not 32 or 64 bytes in base64 (openssl rand -base64 32)"),
            }),
        },
    }
}

fn read_discord(source: &mut Source) -> Discord {
    let secret = |source: &mut Source, key: &str| {
        source.parse_secret(key, None, |text| match text {
            "" => Ok(None),
            text if text.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(Some(Secret::new(text.to_owned())))
            }
            _ => Err("has characters that no such secret has"),
        })
    };
    Discord {
        api_url: source.parse("discord.api_url", DISCORD.to_owned(), |text| {
            PublicUrl::parse(text).map(|url| url.0)
        }),
        connect_to: source.parse("discord.connect_to", None, |text| match text {
            "" => Ok(None),
            address => address
                .parse()
                .map(Some)
                .map_err(|_| "is not an address with a port, like 127.0.0.1:4443"),
        }),
        authorities: source.parse("ssl_cert_file", None, |text| match text {
            "" => Ok(None),
            path if Path::new(path).is_file() => Ok(Some(PathBuf::from(path))),
            _ => Err("is not a file"),
        }),
        bot_token: secret(source, "discord.bot_token"),
        client_id: source.parse("discord.client_id", None, |text| match text {
            "" => Ok(None),
            id => id
                .parse::<UserId>()
                .map(|id| Some(id.to_string()))
                .map_err(|_| "is not an application id"),
        }),
        client_secret: secret(source, "discord.client_secret"),
        message_prefix: source.parse("discord.message_prefix", None, |text| match text {
            "" => Ok(None),
            prefix if is_prefix(prefix) => Ok(Some(prefix.to_owned())),
            _ => Err("is not 1 to 10 characters without white space"),
        }),
        members_intent: source.switch("discord.members_intent", false),
        botapi_messages: source.switch("discord.botapi_messages", false),
        voice_settle: Duration::from_millis(source.number("discord.voice_settle_ms", 0, 10_000)),
        invalid_requests_max: source
            .number("discord.invalid_requests_max", 10, 9_000)
            .try_into()
            .unwrap_or(u32::MAX),
    }
}

/// Where a browser of this machine reaches an address that is listened on.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if ip.is_unspecified() => SocketAddr::new([127, 0, 0, 1].into(), address.port()),
        _ => address,
    }
}

/// The items of a comma-separated list; `None` when one of them cannot be read.
fn list<T>(text: &str, item: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    text.split(',')
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(item)
        .collect()
}

fn parse_network(text: &str) -> Option<IpNet> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// A page's origin as browsers write it, since it is compared to the letter: scheme, host in small
/// letters, and the port unless it is the scheme's own.
fn parse_origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let is_of_pages = matches!(url.scheme(), "http" | "https");
    // URLs may have a `*` in the host; it would stand for no other name here.
    let is_exact = !text.contains('*') && url.origin().ascii_serialization() == text;
    (is_of_pages && is_exact).then(|| text.to_owned())
}

/// Whether commands in messages may begin with this: 1 to 10 characters without white space.
pub fn is_prefix(text: &str) -> bool {
    let is_odd = |c: char| c.is_whitespace() || c.is_control();
    (1..=PREFIX_CHARS_MAX).contains(&text.chars().count()) && !text.contains(is_odd)
}

fn is_key(text: &str) -> bool {
    STANDARD
        .decode(text)
        .is_ok_and(|bytes| matches!(bytes.len(), 32 | 64))
}

/// This process's environment, as [`Config::load`] takes it. Values that are not UTF-8 are no
/// settings of ours.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}
