//! Starting and stopping a simulator, and its addresses and credentials.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

use crate::audio::dave::Gateway;
use crate::audio::hub::Hub;
use crate::authority::Authority;
use crate::faults::active::Faults;
use crate::protocol::host::HOSTS;
use crate::settings::{Settings, StartError};
use crate::state::{Limits, Ports, Shared, VoiceSettings};
use crate::stop::Stopper;
use crate::world::{Application, ChannelKind, Guild, User};
use crate::{gateway, http, voice};

/// How much audio may wait to be read, in bytes.
const AUDIO_WAITING_BYTES: usize = 4 * 1024 * 1024;

/// How long servers get to say goodbye.
const GOODBYE: Duration = Duration::from_secs(5);

/// A running simulated Discord.
///
/// Clones are handles to the same one; it stops when the last is dropped, or at
/// [`shutdown`](Sim::shutdown).
#[derive(Clone)]
pub struct Sim {
    pub(crate) shared: Arc<Shared>,
    /// The application id of what the methods call "the bot".
    pub(crate) bot: u64,
    handle: Arc<Handle>,
}

/// Dropping this drops the stopper, which every server task heeds.
struct Handle {
    authority_pem: String,
    stopper: Stopper,
    servers: Mutex<Vec<JoinHandle<()>>>,
}

/// A guild as a test needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuildView {
    /// Snowflake.
    pub id: u64,
    /// Shown name.
    pub name: String,
    /// The owner's user id.
    pub owner: u64,
    /// The first voice channel.
    pub voice_channel: Option<u64>,
    /// The first text channel.
    pub text_channel: Option<u64>,
    /// Whether the bot is a member.
    pub has_bot: bool,
}

impl Sim {
    /// Starts all servers on 127.0.0.1, on the caller's tokio runtime.
    ///
    /// # Errors
    ///
    /// [`StartError::World`] if the world names things that are not in it,
    /// [`StartError::Listen`] if a port cannot be opened, [`StartError::Dave`] if the voice
    /// gateway's key cannot be made, [`StartError::Certificate`] and
    /// [`StartError::Authority`] if the certificate authority cannot be made or written.
    pub async fn start(settings: Settings) -> Result<Sim, StartError> {
        settings.world.check().map_err(StartError::World)?;
        let authority = Authority::new()?;
        let tls = authority.tls(&HOSTS)?;
        if let Some(path) = &settings.authority_path {
            write(path, authority.pem())?;
        }
        let (pages, http_port) = listen(settings.port).await?;
        let (secure_pages, tls_port) = listen(0).await?;
        let (gateways, gateway_port) = listen(0).await?;
        let (voices, voice_port) = listen(0).await?;
        let (other_voices, other_voice_port) = listen(0).await?;
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let udp = udp.map_err(|source| StartError::Listen { port: 0, source })?;
        // As much as the system allows: a busy machine may not look for a while, and what
        // hundreds of speakers send meanwhile must not count as lost.
        let _as_it_was = SockRef::from(&udp).set_recv_buffer_size(AUDIO_WAITING_BYTES);
        let udp_port = udp.local_addr();
        let udp_port = udp_port
            .map_err(|source| StartError::Listen { port: 0, source })?
            .port();
        let ports = Ports {
            http: http_port,
            https: tls_port,
            gateway: gateway_port,
            voices: [voice_port, other_voice_port],
            udp: udp_port,
        };
        let hub = Hub::new(settings.recording, Arc::new(Faults::new()));
        let bot = settings
            .world
            .applications
            .first()
            .map_or(0, |first| first.id);
        let voice = VoiceSettings {
            modes: settings.modes,
            heartbeat_interval: settings.voice_heartbeat_interval,
            dave: settings.dave,
        };
        let limits = Limits {
            gateway: settings.gateway,
            rest: settings.rate_limits,
            acknowledge_within: settings.acknowledge_within,
        };
        let dave = Gateway::new().map_err(|error| StartError::Dave(Box::new(error)))?;
        let shared = Shared::new(settings.world, ports, limits, voice, hub, dave);
        let shared = Arc::new(shared);

        let (stopper, stop) = Stopper::new();
        let audio = shared.clone();
        let audio_stop = stop.clone();
        let servers = vec![
            tokio::spawn(http::serve(pages, shared.clone(), stop.clone())),
            tokio::spawn(http::serve_tls(
                secure_pages,
                tls.clone(),
                shared.clone(),
                stop.clone(),
            )),
            tokio::spawn(gateway::listen(gateways, shared.clone(), stop.clone())),
            tokio::spawn(voice::listen(
                voices,
                tls.clone(),
                shared.clone(),
                stop.clone(),
            )),
            tokio::spawn(voice::listen(other_voices, tls, shared.clone(), stop)),
            tokio::spawn(async move { audio.hub.listen(udp, audio_stop).await }),
        ];
        let authority_pem = authority.pem().to_owned();
        let handle = Handle {
            authority_pem,
            stopper,
            servers: Mutex::new(servers),
        };
        Ok(Sim {
            shared,
            bot,
            handle: Arc::new(handle),
        })
    }

    /// A handle to the same simulator for which "the bot" is another application's.
    #[must_use]
    pub fn for_bot(&self, application: u64) -> Sim {
        Sim {
            bot: application,
            ..self.clone()
        }
    }

    /// What stands in for `https://discord.com`, such as `http://127.0.0.1:41234`.
    pub fn api_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.shared.ports.http)
    }

    /// Where the same server answers over TLS, as `discord.com` and the other names of
    /// Discord.
    ///
    /// For clients that cannot be told another address than `https://discord.com`, or that
    /// are to be tested without: make this what that name resolves to, and have them trust
    /// [the authority](Sim::authority_pem). It speaks HTTP/1.1. The gateway's address that it
    /// tells is [`gateway_url`](Sim::gateway_url) all the same, without TLS.
    pub fn https_addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.shared.ports.https).into()
    }

    /// The gateway's address; clients usually ask REST for it.
    pub fn gateway_url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.shared.ports.gateway)
    }

    /// The certificate authority that clients of voice and HTTPS must trust, as PEM.
    pub fn authority_pem(&self) -> &str {
        &self.handle.authority_pem
    }

    /// The bot's application: client id and secret, bot token, redirect addresses.
    ///
    /// "The bot" is the first application's, or that of [`for_bot`](Sim::for_bot). If there
    /// is none, this is an application that nothing knows.
    pub fn application(&self) -> Application {
        let found = self
            .shared
            .read(|state| state.find_application(self.bot).cloned());
        found.unwrap_or_else(|| Application::new(self.bot, ""))
    }

    /// All applications in the order they were added.
    pub fn applications(&self) -> Vec<Application> {
        self.shared.read(|state| state.applications.clone())
    }

    /// Allows every application's authorize page to send users back to `uri`.
    pub fn add_redirect_uri(&self, uri: &str) {
        self.shared.change(|state| state.add_redirect_uri(uri));
    }

    /// The id of the user with this name.
    pub fn user_id(&self, username: &str) -> Option<u64> {
        self.shared
            .read(|state| state.find_user_named(username).map(|user| user.id))
    }

    /// The people of the world, bots and bystanders left out.
    pub fn users(&self) -> Vec<User> {
        self.shared.read(|state| state.humans().cloned().collect())
    }

    /// All guilds in the order they were added.
    pub fn guilds(&self) -> Vec<GuildView> {
        self.shared.read(|state| {
            state
                .guilds
                .iter()
                .map(|guild| view(guild, self.bot))
                .collect()
        })
    }

    /// Stops all servers and waits until they have closed their connections.
    pub async fn shutdown(self) {
        self.handle.stopper.stop();
        let servers = {
            let mut servers = self
                .handle
                .servers
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *servers)
        };
        for server in servers {
            let abort = server.abort_handle();
            if tokio::time::timeout(GOODBYE, server).await.is_err() {
                abort.abort();
            }
        }
    }
}

impl std::fmt::Debug for Sim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sim")
            .field("api_url", &self.api_url())
            .finish_non_exhaustive()
    }
}

fn view(guild: &Guild, bot: u64) -> GuildView {
    let first = |kind| guild.first_channel(kind).map(|channel| channel.id);
    GuildView {
        id: guild.id,
        name: guild.name.clone(),
        owner: guild.owner,
        voice_channel: first(ChannelKind::Voice),
        text_channel: first(ChannelKind::Text),
        has_bot: guild.members.contains_key(&bot),
    }
}

async fn listen(port: u16) -> Result<(TcpListener, u16), StartError> {
    let failed = |source| StartError::Listen { port, source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    Ok((listener, port))
}

fn write(path: &Path, pem: &str) -> Result<(), StartError> {
    std::fs::write(path, pem).map_err(|source| StartError::Authority {
        path: path.to_owned(),
        source,
    })
}
