//! The stage: the simulated Discord in this process, the server in another, and what all bots do.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bench::figures::Times;
use bench::installation::{Installation, authority, count_prepared};
use bench::process::{self, SERVER_CORE};
use bench::{Failed, tone};
use discord_sim::{RateLimits, Settings, Sim};
use reqwest::Client;
use tokio::task::JoinSet;

use crate::Plan;
use crate::door::{Door, Session, for_each};
use crate::world::{self, Bot};

/// Long enough for a busy machine; nothing waits this long when all is well.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often something is looked at that cannot be waited for.
const GLANCE: Duration = Duration::from_millis(20);
/// Bots that are dealt with at the same time, beside logins.
const AT_ONCE: usize = 10;
/// So many packets are a sound that has begun.
const BEGUN: usize = 8;
/// What stands around the window in which sounds are played: all of them must begin and end.
const AROUND: Duration = Duration::from_mins(2);
/// The sound, and its file.
const SOUND: &str = "long";
const SOUND_FILE: &str = "long.ogg";

/// The simulated Discord, and what servers are started with.
pub(crate) struct Stage {
    pub(crate) sim: Sim,
    /// The first goes the whole way before the others, which are measured.
    bots: Vec<Bot>,
    folder: PathBuf,
    binary: PathBuf,
}

impl Stage {
    /// Starts the simulator with everything that is in it, and makes the sound.
    pub(crate) async fn build(folder: &Path, binary: PathBuf, plan: &Plan) -> Result<Self, Failed> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        let sounds = folder.join("sounds");
        fs::create_dir_all(&sounds)?;
        let long = tone::ogg_opus(plan.window + AROUND, 440.0)?;
        fs::write(sounds.join(SOUND_FILE), long)?;
        let bots = world::bots(plan.bots + 1);
        let sim = Sim::start(Settings {
            world: world::world(&bots),
            authority_path: Some(authority(folder)),
            recording: plan.window + PATIENCE,
            rate_limits: RateLimits {
                enforced: false,
                ..RateLimits::default()
            },
            ..Settings::default()
        })
        .await?;
        world::write_messages(&sim, &bots)?;
        Ok(Self {
            sim,
            bots,
            folder: folder.to_owned(),
            binary,
        })
    }

    /// Starts the server, and waits until it has prepared the sound.
    pub(crate) async fn start(&self) -> Result<(Installation, Door), Failed> {
        let settings = [
            ("YURI_SESSIONS__MODE", "open"),
            ("YURI_SESSIONS__MAX", "1000"),
            ("YURI_SESSIONS__MAX_PER_BOT", "1000"),
            ("YURI_SESSIONS__MAX_PER_ADDRESS", "1000"),
        ];
        let program = process::pinned(SERVER_CORE, &self.binary);
        let server = Installation::start(&self.sim, &self.folder, program, &settings).await?;
        let cache = self.folder.join("data/cache");
        let began = Instant::now();
        while count_prepared(&cache) == 0 {
            if began.elapsed() > PATIENCE {
                return Err("the sound is not prepared".into());
            }
            tokio::time::sleep(GLANCE).await;
        }
        let door = Door::new(server.address())?;
        Ok((server, door))
    }

    /// The bots that are measured.
    pub(crate) fn measured(&self) -> &[Bot] {
        self.bots.get(1..).unwrap_or_default()
    }

    /// One bot does everything once, so that what is there once and for all is there.
    pub(crate) async fn go_ahead(&self, door: &Door) -> Result<(), Failed> {
        let first = self.bots.get(..1).unwrap_or_default();
        let (sessions, _) = self.log_in(door, first).await?;
        self.read(door, &sessions).await?;
        self.join(door, &sessions).await?;
        self.play(door, &sessions).await?;
        self.log_out(door, &sessions).await
    }

    /// Logs all of these in at once; how long each took.
    pub(crate) async fn log_in(
        &self,
        door: &Door,
        bots: &[Bot],
    ) -> Result<(Vec<Session>, Times), Failed> {
        let mut logins = JoinSet::new();
        for bot in bots.iter().copied() {
            let token = self.sim.for_bot(bot.application).application().bot_token;
            let door = door.clone();
            logins.spawn(async move { door.log_in(bot, token).await });
        }
        let (mut sessions, mut times) = (Vec::new(), Times::default());
        while let Some(done) = logins.join_next().await {
            let (session, took) = done??;
            sessions.push(session);
            times.push(took);
        }
        Ok((sessions, times))
    }

    /// All read members, channels and messages.
    pub(crate) async fn read(&self, door: &Door, sessions: &[Session]) -> Result<(), Failed> {
        for_each(sessions, AT_ONCE, |session| {
            let door = door.clone();
            async move { door.read_all(&session).await }
        })
        .await
    }

    /// All come into their voice channels, and can be heard there.
    pub(crate) async fn join(&self, door: &Door, sessions: &[Session]) -> Result<(), Failed> {
        for_each(sessions, AT_ONCE, |session| {
            let bot = session.bot;
            let (door, sim) = (door.clone(), self.sim.for_bot(bot.application));
            async move {
                door.join(&session).await?;
                let channel = Some(bot.voice);
                if !sim.wait_bot_in_voice(bot.guild, channel, PATIENCE).await
                    || !sim.wait_bot_encrypted(bot.guild, PATIENCE).await
                {
                    return Err(format!("bot {} did not join", bot.application).into());
                }
                Ok(())
            }
        })
        .await
    }

    /// All play the sound, and are heard.
    pub(crate) async fn play(&self, door: &Door, sessions: &[Session]) -> Result<(), Failed> {
        for_each(sessions, AT_ONCE, |session| {
            let bot = session.bot;
            let (door, sim) = (door.clone(), self.sim.for_bot(bot.application));
            async move {
                door.play(&session, SOUND).await?;
                if !sim.wait_packets(bot.guild, BEGUN, PATIENCE).await {
                    return Err(format!("bot {} is not heard", bot.application).into());
                }
                Ok(())
            }
        })
        .await
    }

    /// All stop what they play.
    pub(crate) async fn stop(&self, door: &Door, sessions: &[Session]) -> Result<(), Failed> {
        for_each(sessions, AT_ONCE, |session| {
            let door = door.clone();
            async move { door.stop(&session).await }
        })
        .await
    }

    /// All end their sessions, which are not known any more then, and their bots leave.
    pub(crate) async fn log_out(&self, door: &Door, sessions: &[Session]) -> Result<(), Failed> {
        for_each(sessions, AT_ONCE, |session| {
            let bot = session.bot;
            let (door, sim) = (door.clone(), self.sim.for_bot(bot.application));
            async move {
                door.log_out(&session).await?;
                if !door.is_over(&session).await? {
                    return Err("a session goes on after its end".into());
                }
                if !sim.wait_bot_out_of_voice(bot.guild, PATIENCE).await {
                    return Err(format!("bot {} stays in voice", bot.application).into());
                }
                Ok(())
            }
        })
        .await
    }

    /// How often each bot that is measured has identified, as Discord counts it.
    pub(crate) async fn count_identifies(&self) -> Result<Vec<u64>, Failed> {
        let client = Client::new();
        let url = format!("{}/api/v10/gateway/bot", self.sim.api_url());
        let mut counts = Vec::new();
        for bot in self.measured() {
            let token = self.sim.for_bot(bot.application).application().bot_token;
            let request = client.get(&url);
            let request = request.header("Authorization", format!("Bot {token}"));
            let answer = request.send().await?.error_for_status()?;
            let told: serde_json::Value = answer.json().await?;
            let limit = &told["session_start_limit"];
            let count = |key: &str| limit[key].as_u64().ok_or("no session start limit");
            counts.push(count("total")?.saturating_sub(count("remaining")?));
        }
        Ok(counts)
    }

    /// Stops the simulator.
    pub(crate) async fn close(self) {
        self.sim.shutdown().await;
    }
}
