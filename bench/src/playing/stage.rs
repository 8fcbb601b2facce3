//! The stage: the simulated Discord in this process, bots in others, and what people do to them.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bench::installation::count_prepared;
use bench::product::{answers, free_address, workspace};
use bench::{Failed, process};
use discord_sim::{Frame, GatewayLimits, RateLimits, Reply, Settings, Sim};

use crate::Plan;
use crate::cast::{self, Room, Who};
use crate::clients::Clients;
use crate::sounds::{self, Sounds};

/// Long enough for a busy machine; nothing waits this long when all is well.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the first start may take, which prepares every sound with spare processor time only.
const PREPARING: Duration = Duration::from_mins(15);
/// How often something is looked at that cannot be waited for.
const GLANCE: Duration = Duration::from_millis(20);
/// So many packets are a sound that has begun; discord.py sends two of a file's header first.
const BEGUN: usize = 8;

/// The simulated Discord, and what bots are started with.
pub(crate) struct Stage {
    pub(crate) sounds: Sounds,
    folder: PathBuf,
    binary: PathBuf,
    clients: Option<Clients>,
    authority: PathBuf,
    sim: Sim,
}

/// How Yuri is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Yuri {
    /// With nothing prepared, and nothing to be prepared ahead.
    Fresh,
    /// The same data as the last fresh start.
    Again,
    /// With every sound prepared.
    Prepared,
}

/// When a sound was asked for and heard.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    pub(crate) asked: Instant,
    pub(crate) heard: Instant,
    /// Packets of it that nobody could hear, because they were encrypted for nobody.
    pub(crate) lost: usize,
}

impl Start {
    pub(crate) fn took(&self) -> Duration {
        self.heard.saturating_duration_since(self.asked)
    }
}

impl Stage {
    /// Starts the simulator, makes the sounds, and has Yuri prepare them.
    pub(crate) async fn build(
        folder: &Path,
        binary: PathBuf,
        clients: Option<Clients>,
        plan: &Plan,
    ) -> Result<Self, Failed> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        let fixtures = workspace().join("tests/fixtures/audio");
        let sounds = sounds::make(folder, &fixtures, clients.as_ref(), plan)?;
        let authority = folder.join("authority.pem");
        let most_guilds = plan.guilds.iter().copied();
        let most_guilds = most_guilds.chain(plan.guilds_beside_peers);
        let sim = Sim::start(Settings {
            world: cast::world(most_guilds.max().unwrap_or(1)),
            authority_path: Some(authority.clone()),
            acknowledge_within: PATIENCE,
            recording: plan.cadence + PATIENCE,
            // Hundreds of guilds are joined at once here, which takes real people minutes.
            gateway: GatewayLimits {
                events_per_minute: 100_000,
                ..GatewayLimits::default()
            },
            rate_limits: RateLimits {
                enforced: false,
                ..RateLimits::default()
            },
            ..Settings::default()
        })
        .await?;
        let stage = Self {
            sounds,
            folder: folder.to_owned(),
            binary,
            clients,
            authority,
            sim,
        };
        stage.prepare().await?;
        Ok(stage)
    }

    /// The bots there are.
    pub(crate) fn cast(&self) -> Vec<Who> {
        let is_there = |who: &Who| *who == Who::Yuri || self.clients.is_some();
        Who::ALL.into_iter().filter(is_there).collect()
    }

    /// Which versions are measured.
    pub(crate) fn versions(&self) -> String {
        let clients = self.clients.as_ref();
        clients.map_or("without peers".to_owned(), Clients::versions)
    }

    /// Starts a bot and waits until it can be used.
    pub(crate) async fn start(&self, who: Who) -> Result<Running, Failed> {
        match who {
            Who::Yuri => self.start_yuri(Yuri::Prepared).await,
            Who::DiscordJs | Who::DiscordPy => self.start_peer(who).await,
        }
    }

    /// Starts Yuri and waits until it can be used.
    pub(crate) async fn start_yuri(&self, how: Yuri) -> Result<Running, Failed> {
        let home = self.home(how);
        if how == Yuri::Fresh && home.exists() {
            fs::remove_dir_all(&home)?;
        }
        let (sounds, prepare_ahead) = match how {
            Yuri::Fresh | Yuri::Again => (&self.sounds.short, "false"),
            Yuri::Prepared => (&self.sounds.all, "true"),
        };
        let address = free_address()?;
        let application = self.sim.for_bot(Who::Yuri.application()).application();
        let mut command = Command::new(&self.binary);
        command
            .args(["serve", "--until-input-ends"])
            .env("YURI_DATA_DIR", &home)
            .env("YURI_SOUNDS__DIR", sounds)
            .env("YURI_SOUNDS__PREPARE_AHEAD", prepare_ahead)
            .env("YURI_SOUNDS__MAX_LENGTH_S", "3600")
            .env("YURI_PUBLIC_URL", format!("http://{address}"))
            .env("YURI_LIMITS__BURST", "1000000")
            .env("YURI_LOG", "warn")
            .env("YURI_DISCORD__API_URL", self.sim.api_url())
            .env(
                "YURI_DISCORD__CONNECT_TO",
                self.sim.https_addr().to_string(),
            )
            .env("YURI_DISCORD__BOT_TOKEN", application.bot_token)
            .env("YURI_DISCORD__CLIENT_ID", application.id.to_string())
            .env("YURI_DISCORD__CLIENT_SECRET", application.client_secret)
            .env("SSL_CERT_FILE", &self.authority)
            .env("ROCKET_ADDRESS", address.ip().to_string())
            .env("ROCKET_PORT", address.port().to_string());
        let mut running = self.launch(Who::Yuri, command, &home)?;
        running.wait_ready(Some(address)).await?;
        Ok(running)
    }

    async fn start_peer(&self, who: Who) -> Result<Running, Failed> {
        let clients = self.clients.as_ref().ok_or("there are no peers")?;
        let application = self.sim.for_bot(who.application()).application();
        let mut command = clients.command(who)?;
        command
            .env("DISCORD_SIM_URL", self.sim.api_url())
            .env("DISCORD_SIM_GATEWAY", self.sim.gateway_url())
            .env("DISCORD_TOKEN", application.bot_token)
            .env("SOUNDS", &self.sounds.all)
            .env("SSL_CERT_FILE", &self.authority)
            .env("NODE_EXTRA_CA_CERTS", &self.authority);
        let mut running = self.launch(who, command, &self.folder.join(who.to_string()))?;
        running.wait_ready(None).await?;
        Ok(running)
    }

    fn launch(&self, who: Who, mut command: Command, home: &Path) -> Result<Running, Failed> {
        fs::create_dir_all(home)?;
        let log = home.join("bench.log");
        let output = File::create(&log)?;
        let child = command
            // A Rocket.toml of the folder that this is called from does not count.
            .current_dir(home)
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .map_err(|error| format!("{who} cannot be started: {error}"))?;
        Ok(Running {
            who,
            sim: self.sim.for_bot(who.application()),
            child,
            log,
        })
    }

    /// Has every sound prepared once, as an installation has after its first minutes.
    async fn prepare(&self) -> Result<(), Failed> {
        eprintln!("preparing the sounds ...");
        let wanted = fs::read_dir(&self.sounds.all)?.count();
        let yuri = self.start_yuri(Yuri::Prepared).await?;
        let cache = self.home(Yuri::Prepared).join("cache");
        let begun = Instant::now();
        while count_prepared(&cache) < wanted {
            if begun.elapsed() > PREPARING {
                let log = yuri.log.display();
                return Err(format!("the sounds were not prepared in time, see {log}").into());
            }
            tokio::time::sleep(GLANCE).await;
        }
        yuri.stop().await
    }

    fn home(&self, how: Yuri) -> PathBuf {
        self.folder.join(match how {
            Yuri::Fresh | Yuri::Again => "fresh",
            Yuri::Prepared => "prepared",
        })
    }

    /// Stops the simulator.
    pub(crate) async fn close(self) {
        self.sim.shutdown().await;
    }
}

/// A bot that runs. Dropping it ends the process.
pub(crate) struct Running {
    pub(crate) who: Who,
    /// The simulator, to which this is "the bot".
    pub(crate) sim: Sim,
    child: Child,
    log: PathBuf,
}

impl Running {
    async fn wait_ready(&mut self, http: Option<SocketAddr>) -> Result<(), Failed> {
        let begun = Instant::now();
        loop {
            let is_ready = match http {
                Some(address) => answers(address, "/ready"),
                None => self.said().lines().any(|line| line == "ready"),
            };
            if is_ready {
                break;
            }
            let who = self.who;
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("{who} ended, {status}:\n{}", self.said()).into());
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("{who} does not start:\n{}", self.said()).into());
            }
            tokio::time::sleep(GLANCE).await;
        }
        if !self.sim.wait_bot_ready(PATIENCE).await
            || !self.sim.wait_command("play", PATIENCE).await
        {
            return Err(format!("{} does not log in:\n{}", self.who, self.said()).into());
        }
        Ok(())
    }

    /// All that the process has printed.
    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the process and its children have used so far.
    pub(crate) fn usage(&self) -> process::Usage {
        process::usage_with_children(self.child.id())
    }

    /// The person of a guild uses a command.
    pub(crate) async fn command(
        &self,
        room: Room,
        command: &str,
        options: &[(&str, &str)],
    ) -> Result<Reply, Failed> {
        let used = self.sim.slash(room.person, room.guild, command, options);
        used.await.map_err(|error| {
            let log = self.log.display();
            format!("{}, /{command}: {error}; see {log}", self.who).into()
        })
    }

    /// Comes into the voice channel, and is heard there from then on.
    pub(crate) async fn join(&self, room: Room) -> Result<(), Failed> {
        let reply = self.command(room, "join", &[]).await?;
        let (guild, channel) = (room.guild, Some(room.channel));
        if !self.sim.wait_bot_in_voice(guild, channel, PATIENCE).await
            || !self.sim.wait_bot_encrypted(guild, PATIENCE).await
        {
            return Err(format!("{} did not join: {}", self.who, reply.content).into());
        }
        Ok(())
    }

    /// Leaves the voice channel.
    pub(crate) async fn leave(&self, room: Room) -> Result<(), Failed> {
        if self.sim.bot_voice_channel(room.guild).is_none() {
            return Ok(());
        }
        let reply = self.command(room, "leave", &[]).await?;
        if !self.sim.wait_bot_out_of_voice(room.guild, PATIENCE).await {
            return Err(format!("{} did not leave: {}", self.who, reply.content).into());
        }
        Ok(())
    }

    /// Plays a sound, and waits until it is heard.
    pub(crate) async fn play(&self, room: Room, sound: &str) -> Result<Start, Failed> {
        let guild = room.guild;
        self.sim.clear_heard(guild);
        let asked = Instant::now();
        let options = [("sound", sound)];
        let using = async {
            let reply = self.command(room, "play", &options).await?;
            if reply.content.starts_with('▶') || reply.content.starts_with("Playing") {
                Ok(())
            } else {
                let (who, said) = (self.who, reply.content);
                Err(Failed::from(format!("{who} did not play {sound}: {said}")))
            }
        };
        let hearing = async {
            if self.sim.wait_packets(guild, BEGUN, PATIENCE).await {
                Ok(())
            } else {
                let (who, log) = (self.who, self.log.display());
                Err(format!("nothing is heard of {who}'s {sound}, see {log}").into())
            }
        };
        tokio::try_join!(using, hearing)?;
        let heard = self.sim.heard(guild);
        let mut frames = heard.utterances.iter().flat_map(|sound| &sound.frames);
        let first = frames.find(|frame| !is_header(frame));
        let first = first.ok_or_else(|| format!("{}: only silence of {sound}", self.who))?;
        Ok(Start {
            asked,
            heard: first.arrival,
            lost: heard.unencrypted_frames + heard.undecryptable_frames,
        })
    }

    /// Stops what plays, and waits until it has ended.
    pub(crate) async fn stop_sound(&self, room: Room) -> Result<(), Failed> {
        self.command(room, "stop", &[]).await?;
        loop {
            let heard = self.sim.heard(room.guild).utterances;
            let Some(open) = heard.iter().find(|sound| !sound.ended) else {
                return Ok(());
            };
            let ended = self.sim.wait_utterance(room.guild, open.index, PATIENCE);
            if ended.await.is_none() {
                return Err(format!("{} does not stop", self.who).into());
            }
        }
    }

    /// Asks the process to end, and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<(), Failed> {
        drop(self.child.stdin.take());
        let begun = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begun.elapsed() > PATIENCE {
                return Err(format!("{} does not end", self.who).into());
            }
            tokio::time::sleep(GLANCE).await;
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already, or about to be: either way there is nothing to report.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Whether this is one of the two packets with which Opus in Ogg begins (RFC 7845).
fn is_header(frame: &Frame) -> bool {
    frame.opus.starts_with(b"OpusHead") || frame.opus.starts_with(b"OpusTags")
}
