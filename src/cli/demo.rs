//! `yuri demo`: a simulated Discord beside the real server, on loopback, without credentials.
//!
//! The server runs as a process of its own: its voice connections trust the simulated Discord's
//! authority through `SSL_CERT_FILE`, which must not be changed inside a running process.

use std::error::Error;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::Duration;
use std::{env, fs, io};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use discord_sim::{Application, Guild, Settings, Sim, User, World};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Response, Url, redirect};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{sleep, timeout};

use super::complain;
use crate::config::environment;

/// The port that is tried when none is asked for.
const PORT: u16 = 8000;
/// How long the server may take to connect to the simulated Discord.
const START_PATIENCE: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Rocket gives connections five seconds; the bot leaves its channels in less.
const STOP_PATIENCE: Duration = Duration::from_secs(15);
/// Who the printed line is for.
const PERSON: &str = "ada";

/// A bot beside the server's own, for those who try sessions, and a guild of its own in which its
/// owner has written something.
const GUEST: u64 = 1_150_107_406_336_000_000;
const GUEST_OWNER: u64 = 1_150_107_406_336_000_001;
const GUEST_GUILD: u64 = 1_150_107_406_336_000_002;
const GUEST_TEXT: u64 = 1_150_107_406_336_000_003;
const GUEST_VOICE: u64 = 1_150_107_406_336_000_004;

/// Options of `yuri demo`.
#[derive(clap::Args)]
pub(super) struct Options {
    /// The web page's port; 8000, or a free one where that is taken.
    #[arg(long)]
    port: Option<u16>,
    /// Print one line of JSON once everything is ready, for scripts.
    #[arg(long)]
    json: bool,
}

/// The sounds of the repository, inside the binary.
#[derive(rust_embed::RustEmbed)]
#[folder = "sounds/"]
struct Sounds;

/// What `--json` prints. Contract 10.
#[derive(Serialize)]
struct Ready {
    web: String,
    discord: String,
    ca: String,
    guilds: Vec<ReadyGuild>,
    users: Users,
}

#[derive(Serialize)]
struct ReadyGuild {
    id: String,
    name: String,
    voice_channel: String,
}

#[derive(Serialize)]
struct Users {
    ada: String,
    ben: String,
    cleo: String,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: String,
    user_id: String,
}

/// Runs the demonstration until it is interrupted.
pub(super) fn run(options: &Options) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let ended = runtime
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(demo(options)));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&*error),
    }
}

async fn demo(options: &Options) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::Builder::new().prefix("yuri-demo-").tempdir()?;
    let authority = folder.path().join("ca.pem");
    let settings = Settings {
        world: world(),
        authority_path: Some(authority.clone()),
        ..Settings::default()
    };
    let sim = Sim::start(settings).await?;
    sim.send_message(GUEST_OWNER, GUEST_TEXT, "Who plays the airhorn in here?")?;
    let web = format!("http://127.0.0.1:{}", free_port(options.port)?);
    for flow in ["/login", "/token"] {
        sim.add_redirect_uri(&format!("{web}{flow}/authorize"));
    }
    unpack_sounds(&folder.path().join("sounds"))?;

    let mut server = start_server(&sim, &web, &folder, &authority)?;
    // Held here: waiting for a child closes its input, and this one ends with its input.
    let input = server.stdin.take();
    tokio::select! {
        ready = until_ready(&web) => ready?,
        ended = server.wait() => return Err(format!("the server ended: {}", ended?).into()),
        () = interrupted() => return stop(server, input).await,
    }
    if options.json {
        print_json(&ready(&sim, &web, &authority)?)?;
    } else {
        let token = get_token(&web).await?;
        print_welcome(&sim, &web, &token)?;
    }
    tokio::select! {
        ended = server.wait() => Err(format!("the server ended: {}", ended?).into()),
        () = interrupted() => {
            let stopped = stop(server, input).await;
            sim.shutdown().await;
            stopped
        }
    }
}

/// The simulator's own world, with one bot and one guild more.
fn world() -> World {
    World::demo()
        .user(User::new(GUEST_OWNER, "dana"))
        .application(Application::new(GUEST, "Guest"))
        .guild(
            Guild::new(GUEST_GUILD, "Guest House", GUEST_OWNER)
                .text(GUEST_TEXT, "general")
                .voice(GUEST_VOICE, "Parlour")
                .member(GUEST_OWNER)
                .member(GUEST),
        )
}

/// The port asked for, or [`PORT`], or any that is free.
fn free_port(asked: Option<u16>) -> io::Result<u16> {
    let bind = |port| TcpListener::bind(("127.0.0.1", port));
    let listener = match asked {
        Some(port) => bind(port).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("cannot listen on port {port}: {error}"),
            )
        })?,
        None => bind(PORT).or_else(|_| bind(0))?,
    };
    Ok(listener.local_addr()?.port())
}

fn unpack_sounds(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for name in Sounds::iter() {
        if let Some(sound) = Sounds::get(&name) {
            fs::write(folder.join(name.as_ref()), sound.data)?;
        }
    }
    Ok(())
}

/// Starts the server with nothing of this process's own settings.
fn start_server(sim: &Sim, web: &str, folder: &TempDir, authority: &Path) -> io::Result<Child> {
    let application = sim.application();
    let port = web.rsplit(':').next().unwrap_or_default();
    let mut command = Command::new(env::current_exe()?);
    for (name, _) in environment() {
        if name.starts_with("YURI_") || name.starts_with("ROCKET_") {
            command.env_remove(name);
        }
    }
    command
        .args(["serve", "--until-input-ends"])
        .current_dir(folder.path())
        .env("SSL_CERT_FILE", authority)
        // A proxy to the world does not lead to this machine.
        .env("NO_PROXY", "*")
        .env("ROCKET_PORT", port)
        .env("YURI_PUBLIC_URL", web)
        .env("YURI_LOG", "warn")
        .env("YURI_DATA_DIR", folder.path().join("data"))
        .env("YURI_SOUNDS__DIR", folder.path().join("sounds"))
        .env("YURI_SESSIONS__MODE", "open")
        .env("YURI_DISCORD__API_URL", sim.api_url())
        .env("YURI_DISCORD__CONNECT_TO", sim.https_addr().to_string())
        .env("YURI_DISCORD__BOT_TOKEN", application.bot_token)
        .env("YURI_DISCORD__CLIENT_ID", application.id.to_string())
        .env("YURI_DISCORD__CLIENT_SECRET", application.client_secret)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
}

async fn until_ready(web: &str) -> Result<(), Box<dyn Error>> {
    let client = client()?;
    let ready = async {
        loop {
            let answer = client.get(format!("{web}/ready")).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            sleep(LOOK_EVERY).await;
        }
    };
    timeout(START_PATIENCE, ready)
        .await
        .map_err(|_| "the server did not get ready".into())
}

/// Resolves at Ctrl-C or, where there is such a thing, SIGTERM.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => return,
                _ = terminated.recv() => return,
            }
        }
    }
    let _without_a_signal_it_ends_at_once = tokio::signal::ctrl_c().await;
}

/// Lets the server end by itself: its input ends here.
async fn stop(mut server: Child, input: Option<ChildStdin>) -> Result<(), Box<dyn Error>> {
    drop(input);
    if timeout(STOP_PATIENCE, server.wait()).await.is_err() {
        server.kill().await?;
    }
    Ok(())
}

fn ready(sim: &Sim, web: &str, authority: &Path) -> Result<Ready, Box<dyn Error>> {
    let user = |name: &str| {
        sim.user_id(name)
            .map(|id| id.to_string())
            .ok_or("the simulated Discord lacks a user")
    };
    let guilds = sim
        .guilds()
        .into_iter()
        .filter(|guild| guild.has_bot)
        .map(|guild| ReadyGuild {
            id: guild.id.to_string(),
            name: guild.name,
            voice_channel: guild
                .voice_channel
                .map_or_else(String::new, |id| id.to_string()),
        });
    Ok(Ready {
        web: web.to_owned(),
        discord: sim.api_url(),
        ca: authority.display().to_string(),
        guilds: guilds.collect(),
        users: Users {
            ada: user("ada")?,
            ben: user("ben")?,
            cleo: user("cleo")?,
        },
    })
}

fn print_json(ready: &Ready) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, ready)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// Gets an API token as a script would: through the real redirects.
async fn get_token(web: &str) -> Result<TokenAnswer, Box<dyn Error>> {
    let client = client()?;
    let start = client.get(format!("{web}/token")).send().await?;
    let cookie = header(&start, SET_COOKIE)?;
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    let mut page = Url::parse(&header(&start, LOCATION)?)?;
    page.query_pairs_mut().append_pair("login_hint", PERSON);
    let approved = client.get(page).send().await?;
    let callback = header(&approved, LOCATION)?;
    Ok(client
        .get(callback)
        .header(COOKIE, cookie)
        .send()
        .await?
        .json()
        .await?)
}

fn header(answer: &Response, name: reqwest::header::HeaderName) -> Result<String, Box<dyn Error>> {
    let value = answer
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok());
    Ok(value
        .ok_or("the login of the demonstration did not work")?
        .to_owned())
}

fn client() -> reqwest::Result<Client> {
    Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .build()
}

fn print_welcome(sim: &Sim, web: &str, token: &TokenAnswer) -> io::Result<()> {
    let guild = sim.guilds().into_iter().next();
    let (guild, name) = guild.map_or_else(Default::default, |guild| (guild.id, guild.name));
    let TokenAnswer { token, user_id } = token;
    let guest = sim.for_bot(GUEST).application().bot_token;
    let basic = STANDARD.encode(format!("{user_id}:{token}"));
    let mut out = io::stdout().lock();
    write!(
        out,
        "\
Yuri is ready. Nothing leaves this machine.

  Sound board        {web}
                     log in as ada, who sits in the voice channel of \"{name}\"
  Simulated Discord  {discord}
                     shows who is in voice and what the bot sends

  As a program, with a token of ada's:
    curl -u {user_id}:{token} '{web}/api/localsounds?limit=3'
    curl -H 'Authorization: Basic {basic}' {web}/api/logs/{guild}
    curl -u {user_id}:{token} -H 'Content-Type: application/json' \\
         -d '{{\"sound\":\"airhorn\"}}' {web}/api/guilds/{guild}/play

  As another bot, which anybody may bring here:
    curl -H 'Content-Type: application/json' -d '{{\"token\":\"{guest}\"}}' {web}/api/auth/login
    curl -H 'Authorization: SESSION' '{web}/api/messages?channelId={GUEST_TEXT}'
    curl -H 'Authorization: SESSION' -H 'Content-Type: application/json' \\
         -d '{{\"sound\":\"airhorn\",\"channel_id\":\"{GUEST_VOICE}\"}}' {web}/api/guilds/{GUEST_GUILD}/play

Ctrl-C ends it; everything it made is removed.
",
        discord = sim.api_url(),
    )?;
    out.flush()
}
