//! The simulated Discord as a program: starts the demo world and says how to reach it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use discord_sim::{Settings, Sim};
use tracing_subscriber::EnvFilter;

/// A simulated Discord on loopback: log in a bot, join voice, play, and see what is heard.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The port of the HTTP server on 127.0.0.1; 0 lets the system choose.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Allow the authorize page to return to this address; may be given several times.
    #[arg(long = "redirect-uri", value_name = "URL")]
    redirect_uris: Vec<String>,
    /// Write what a bot needs to find it to this file, as environment variables.
    #[arg(long = "env", value_name = "FILE")]
    environment: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error, "cannot go on");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    // Gone again at the end: the authority is of no use without its simulator.
    let folder = tempfile::Builder::new().prefix("discord-sim-").tempdir()?;
    let authority = folder.path().join("authority.pem");
    let sim = Sim::start(Settings {
        port: arguments.port,
        authority_path: Some(authority.clone()),
        ..Settings::default()
    })
    .await?;
    for uri in &arguments.redirect_uris {
        sim.add_redirect_uri(uri);
    }
    let authority = authority.display().to_string();
    if let Some(path) = &arguments.environment {
        std::fs::write(path, environment(&sim, &authority))?;
    }
    introduce(&sim, &authority)?;
    tokio::signal::ctrl_c().await?;
    sim.shutdown().await;
    Ok(())
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

fn introduce(sim: &Sim, authority: &str) -> std::io::Result<()> {
    let url = sim.api_url();
    let application = sim.application();
    let mut out = std::io::stdout().lock();
    writeln!(out, "A simulated Discord is running. Its page: {url}/")?;
    writeln!(out)?;
    writeln!(out, "  in place of https://discord.com   {url}")?;
    writeln!(
        out,
        "  discord.com itself, over TLS      {}",
        sim.https_addr()
    )?;
    writeln!(
        out,
        "  bot token                         {}",
        application.bot_token
    )?;
    writeln!(
        out,
        "  client id                         {}",
        application.id
    )?;
    writeln!(
        out,
        "  client secret                     {}",
        application.client_secret
    )?;
    writeln!(out, "  authority to trust for TLS        {authority}")?;
    writeln!(out)?;
    writeln!(out, "Guilds:")?;
    for guild in sim.guilds() {
        let bot = if guild.has_bot {
            "with the bot"
        } else {
            "without the bot"
        };
        writeln!(out, "  {}  {} ({bot})", guild.id, guild.name)?;
    }
    let names = sim
        .users()
        .into_iter()
        .map(|user| user.username)
        .collect::<Vec<_>>();
    writeln!(out, "People: {}", names.join(", "))?;
    writeln!(out)?;
    writeln!(
        out,
        "serenity:    HttpBuilder::new(token).proxy(\"{url}\").ratelimiter_disabled(true)"
    )?;
    writeln!(
        out,
        "voice:       start the bot with SSL_CERT_FILE={authority}"
    )?;
    writeln!(
        out,
        "join voice:  curl -H 'content-type: application/json' -d '{{\"user\":\"ben\"}}' \\"
    )?;
    if let Some(guild) = sim.guilds().first() {
        writeln!(
            out,
            "               {url}/sim/guilds/{}/voice/join",
            guild.id
        )?;
    }
    writeln!(out)?;
    writeln!(out, "Ctrl-C ends it.")?;
    out.flush()
}
