//! The simulated Discord as a program: starts a world and says how to reach it.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use discord_sim::{Dave, Settings, Sim, World};
use serde_json::json;
use tracing_subscriber::EnvFilter;

type Failure = Box<dyn std::error::Error>;

/// A simulated Discord on loopback: log in a bot, join voice, play, and see what is heard.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The port of the HTTP server on 127.0.0.1; 0 lets the system choose.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Begin with the world that is written in this file, instead of the demo's.
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// What the first application's bot logs in with, instead of a token made up each time.
    #[arg(long, value_name = "TOKEN")]
    bot_token: Option<String>,
    /// Allow the authorize page to return to this address; may be given several times.
    #[arg(long = "redirect-uri", value_name = "URL")]
    redirect_uris: Vec<String>,
    /// Where to write the certificate authority (PEM); a temporary file if not given.
    #[arg(long, value_name = "FILE")]
    authority: Option<PathBuf>,
    /// Refuse voice clients that cannot encrypt end to end (DAVE), with 4017.
    #[arg(long, conflicts_with = "no_dave")]
    require_dave: bool,
    /// Never encrypt voice end to end.
    #[arg(long)]
    no_dave: bool,
    /// Write what a bot needs to find it to this file, as environment variables.
    #[arg(long = "env", value_name = "FILE")]
    environment: Option<PathBuf>,
    /// Print addresses and credentials as one line of JSON.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&*failure);
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let mut world = match &arguments.world {
        Some(path) => read_world(path)?,
        None => World::demo(),
    };
    if let Some(token) = arguments.bot_token {
        world.set_bot_token(&token)?;
    }
    // Gone again at the end: the authority is of no use without its simulator.
    let folder = tempfile::Builder::new().prefix("discord-sim-").tempdir()?;
    let authority = arguments
        .authority
        .unwrap_or_else(|| folder.path().join("authority.pem"));
    let sim = Sim::start(Settings {
        port: arguments.port,
        world,
        dave: match (arguments.require_dave, arguments.no_dave) {
            (true, _) => Dave::Required,
            (_, true) => Dave::Off,
            _ => Dave::Offered,
        },
        authority_path: Some(authority.clone()),
        ..Settings::default()
    })
    .await?;
    for uri in &arguments.redirect_uris {
        sim.add_redirect_uri(uri);
    }
    let authority = authority.display().to_string();
    if let Some(path) = &arguments.environment {
        let written = std::fs::write(path, environment(&sim, &authority));
        written.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    let text = if arguments.json {
        as_json(&sim, &authority)
    } else {
        introduction(&sim, &authority)?
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    drop(out);
    interrupted().await?;
    sim.shutdown().await;
    Ok(())
}

fn read_world(path: &Path) -> Result<World, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let world = World::from_json(&text);
    Ok(world.map_err(|error| format!("{}: {error}", path.display()))?)
}

/// Tells of a failure and of what is behind it.
fn complain(failure: &dyn std::error::Error) {
    let mut line = format!("discord-sim: {failure}");
    let mut cause = failure.source();
    while let Some(behind) = cause {
        line.push_str(": ");
        line.push_str(&behind.to_string());
        cause = behind.source();
    }
    // Where there is no standard error, there is nobody to tell.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Resolves at Ctrl-C or, where there is such a thing, SIGTERM.
async fn interrupted() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            pressed = tokio::signal::ctrl_c() => pressed,
            _ = terminated.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

/// Lines for a shell, or for `node --env-file`. Of the two variables with the authority, most
/// programs read the first, and Node the second.
fn environment(sim: &Sim, authority: &str) -> String {
    let values = [
        ("DISCORD_SIM_URL", sim.api_url()),
        ("DISCORD_SIM_GATEWAY", sim.gateway_url()),
        ("DISCORD_TOKEN", sim.application().bot_token),
        ("SSL_CERT_FILE", authority.to_owned()),
        ("NODE_EXTRA_CA_CERTS", authority.to_owned()),
    ];
    let lines = values.map(|(name, value)| format!("{name}={value}\n"));
    lines.concat()
}

fn as_json(sim: &Sim, authority: &str) -> String {
    let text = |id: Option<u64>| id.map(|id| id.to_string());
    let applications = sim.applications().into_iter().map(|application| {
        json!({
            "id": application.id.to_string(),
            "name": application.name,
            "bot_token": application.bot_token,
            "client_secret": application.client_secret,
        })
    });
    let guilds = sim.guilds().into_iter().map(|guild| {
        json!({
            "id": guild.id.to_string(),
            "name": guild.name,
            "voice_channel": text(guild.voice_channel),
            "text_channel": text(guild.text_channel),
            "has_bot": guild.has_bot,
        })
    });
    let users = sim
        .users()
        .into_iter()
        .map(|user| json!({ "id": user.id.to_string(), "username": user.username }));
    json!({
        "api": sim.api_url(),
        "https": sim.https_addr().to_string(),
        "gateway": sim.gateway_url(),
        "authority": authority,
        "applications": applications.collect::<Vec<_>>(),
        "guilds": guilds.collect::<Vec<_>>(),
        "users": users.collect::<Vec<_>>(),
    })
    .to_string()
}

fn introduction(sim: &Sim, authority: &str) -> Result<String, std::fmt::Error> {
    let (url, gateway) = (sim.api_url(), sim.gateway_url());
    let mut text = format!(
        "\
A simulated Discord is running. Nothing leaves this machine.

  its page, to look and to act      {url}/
  in place of https://discord.com   {url}
  discord.com itself, over TLS      {https}
  authority to trust for TLS        {authority}
",
        https = sim.https_addr(),
    );
    for application in sim.applications() {
        write!(
            text,
            "
  {name}'s bot token{gap}{token}
  client id                         {id}
  client secret                     {secret}
",
            name = application.name,
            gap = " ".repeat(22_usize.saturating_sub(application.name.len()).max(1)),
            token = application.bot_token,
            id = application.id,
            secret = application.client_secret,
        )?;
    }
    text.push('\n');
    for guild in sim.guilds() {
        let bot = if guild.has_bot {
            ""
        } else {
            ", without the bot"
        };
        writeln!(text, "  guild {}  {}{bot}", guild.id, guild.name)?;
    }
    let names = sim.users().into_iter().map(|user| user.username);
    let names = names.collect::<Vec<_>>();
    writeln!(text, "  people: {}", names.join(", "))?;
    write!(
        text,
        "
Point a bot at it:
  serenity    HttpBuilder::new(token).proxy(\"{url}\").ratelimiter_disabled(true)
  discord.py  discord.http.Route.BASE = \"{url}/api/v10\"
              discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(\"{gateway}/\")
  discord.js  new Client({{ rest: {{ api: \"{url}/api\" }}, intents }})
  for voice   SSL_CERT_FILE={authority}
              or, for Node, NODE_EXTRA_CA_CERTS, when it starts

Then open the page, or act by JSON:
"
    )?;
    if let (Some(guild), Some(person)) = (sim.guilds().first(), names.get(1).or(names.first())) {
        write!(
            text,
            "  curl -H 'content-type: application/json' -d '{{\"user\":\"{person}\"}}' \\
       {url}/sim/guilds/{guild}/voice/join
  curl {url}/sim/guilds/{guild}/heard
",
            guild = guild.id,
        )?;
    }
    text.push_str("\nCtrl-C ends it.");
    Ok(text)
}
