//! How much a simulator carries: many idle voice connections, then fewer that play.
//!
//! `cargo bench --profile dist -p discord-sim --bench load` starts a simulator in this process
//! and real bots (serenity and songbird, end-to-end encryption on) in another, joins a voice
//! channel with one listener in each guild, and prints what a connection costs the simulator.
//! Absolute numbers move with the machine; what counts is that nothing breaks and nothing is late.
#![expect(
    clippy::print_stdout,
    reason = "the tables are what this program is for"
)]
#![expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "figures for people"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::num::NonZeroU64;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use discord_sim::{Application, Guild, Settings, Sim, User, World};
use opus2::{Bitrate, Channels, Encoder};
use serde::{Deserialize, Serialize};
use serenity::all::{ClientBuilder, GatewayIntents, HttpBuilder};
use songbird::driver::{Scheduler, SchedulerConfig};
use songbird::{SerenityInit as _, Songbird};

type SharedCall = Arc<tokio::sync::Mutex<songbird::Call>>;
type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Guilds of one bot: a gateway connection may ask for about a hundred joins in a minute.
const GUILDS_PER_BOT: usize = 100;
/// Frames of 20 ms in a second.
const FRAMES_A_SECOND: usize = 50;
/// How long everything may take to connect.
const PATIENCE: Duration = Duration::from_mins(2);

/// Measures what a simulated Discord carries.
#[derive(Parser)]
struct Options {
    /// Idle voice connections of the first part; 0 leaves it out.
    #[arg(long, default_value_t = 1_000)]
    idle: usize,
    /// Playing voice connections of the second part; 0 leaves it out.
    #[arg(long, default_value_t = 200)]
    playing: usize,
    /// How long each part is measured, in seconds.
    #[arg(long, default_value_t = 30)]
    seconds: usize,
    /// Set by cargo.
    #[arg(long, hide = true)]
    bench: bool,
    /// Be the bots: the plan comes on standard input.
    #[arg(long, hide = true)]
    bots: bool,
}

/// What the bots' process is told.
#[derive(Deserialize, Serialize)]
struct Plan {
    api_url: String,
    bots: Vec<Login>,
}

#[derive(Deserialize, Serialize)]
struct Login {
    token: String,
    /// Guilds and the voice channels to join there.
    rooms: Vec<(NonZeroU64, NonZeroU64)>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = runtime().and_then(|runtime| {
        runtime.block_on(async {
            if options.bots {
                return be_bots().await;
            }
            if options.idle > 0 {
                measure(options.idle, false, options.seconds).await?;
            }
            if options.playing > 0 {
                measure(options.playing, true, options.seconds).await?;
            }
            Ok(())
        })
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failed> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?)
}

/// Runs one part and prints its figures.
async fn measure(connections: usize, play: bool, seconds: usize) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let authority = folder.path().join("authority.pem");
    let (built, mut logins) = world(connections);
    let sim = Sim::start(Settings {
        world: built,
        authority_path: Some(authority.clone()),
        ..Settings::default()
    })
    .await?;
    logins.api_url = sim.api_url();
    let before = Usage::now();

    let sound = folder.path().join("tone.opus");
    std::fs::write(&sound, tone(seconds + 10)?)?;
    let mut bots = Bots::start(&authority, &logins)?;
    for index in 0..logins.bots.len() {
        let there = sim.for_bot(application_id(index));
        if !there.wait_bot_ready(PATIENCE).await {
            return Err(format!("bot {index} did not log in").into());
        }
    }
    let joining = Instant::now();
    bots.tell("join")?;
    let joined = tokio::task::block_in_place(|| bots.said("joined"))?;
    let joined_after = joining.elapsed();
    if joined != connections {
        return Err(format!("only {joined} of {connections} connections came about").into());
    }
    for (application, (guild, channel)) in rooms(&logins) {
        let there = sim.for_bot(application);
        if !there
            .wait_bot_in_voice(guild.get(), Some(channel.get()), PATIENCE)
            .await
        {
            return Err(format!("no bot in guild {guild}").into());
        }
    }
    if play {
        bots.tell(&format!("play {}", sound.display()))?;
        for (application, (guild, _)) in rooms(&logins) {
            let there = sim.for_bot(application);
            if !there
                .wait_packets(guild.get(), FRAMES_A_SECOND, PATIENCE)
                .await
            {
                return Err(format!("nothing is heard in guild {guild}").into());
            }
        }
        for (application, (guild, _)) in rooms(&logins) {
            sim.for_bot(application).clear_heard(guild.get());
        }
    }
    let (start, clients) = (Usage::now(), Usage::of(bots.child.id()));
    let began = Instant::now();
    tokio::time::sleep(Duration::from_secs(u64::try_from(seconds)?)).await;
    let window = began.elapsed();
    let (end, clients_end) = (Usage::now(), Usage::of(bots.child.id()));

    let share = |from: Usage, to: Usage| {
        100.0 * to.processor.saturating_sub(from.processor).as_secs_f64() / window.as_secs_f64()
    };
    let ours = share(start, end);
    let each_kib =
        (end.resident.saturating_sub(before.resident)) as f64 / 1024.0 / connections as f64;
    let kind = if play { "playing" } else { "idle" };
    println!("{connections} {kind} voice connections, {seconds} s");
    println!(
        "  joined within                     {:.2} s",
        joined_after.as_secs_f64()
    );
    println!(
        "  the simulator's share of a core   {ours:.1} %, {:.3} % each",
        ours / connections as f64
    );
    println!(
        "  the bots' share of a core         {:.1} %",
        share(clients, clients_end)
    );
    println!(
        "  the simulator's memory            {:.0} MiB, {each_kib:.0} KiB each",
        end.resident as f64 / 1_048_576.0
    );
    if play {
        report_heard(&sim, &logins, window);
    }
    let gone = rooms(&logins)
        .filter(|(application, (guild, _))| {
            sim.for_bot(*application)
                .bot_voice_channel(guild.get())
                .is_none()
        })
        .count();
    println!("  connections lost                  {gone}");
    bots.tell("end now")?;
    bots.child.wait()?;
    sim.shutdown().await;
    Ok(())
}

/// What came of the packets of all connections together.
fn report_heard(sim: &Sim, logins: &Plan, window: Duration) {
    let mut gaps = Vec::new();
    let (mut packets, mut breaks, mut unopened) = (0, 0, 0);
    for (application, (guild, _)) in rooms(logins) {
        let heard = sim.for_bot(application).heard(guild.get());
        packets += heard.packets;
        breaks += heard.sequence_breaks;
        unopened += heard.decrypt_failures;
        gaps.extend(
            heard
                .utterances
                .iter()
                .flat_map(discord_sim::Utterance::gaps),
        );
    }
    gaps.sort_unstable();
    let at = |share: usize| {
        let place = (gaps.len() * share / 1000).min(gaps.len().saturating_sub(1));
        gaps.get(place).copied().unwrap_or_default().as_secs_f64() * 1e3
    };
    let rate = packets as f64 / window.as_secs_f64() / rooms(logins).count() as f64;
    println!("  packets a second and connection   {rate:.1}");
    println!(
        "  gap between packets               p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms",
        at(500),
        at(990),
        at(1000)
    );
    println!("  sequence breaks, unopened packets {breaks}, {unopened}");
}

fn rooms(plan: &Plan) -> impl Iterator<Item = (u64, (NonZeroU64, NonZeroU64))> {
    plan.bots.iter().enumerate().flat_map(|(index, bot)| {
        let application = application_id(index);
        bot.rooms.iter().map(move |room| (application, *room))
    })
}

/// The id of the bot with this number.
fn application_id(index: usize) -> u64 {
    1_000_000 + index as u64
}

/// Guilds with one person in voice each, shared out among as many bots as that takes.
fn world(guilds: usize) -> (World, Plan) {
    let mut world = World::empty();
    let mut plan = Plan {
        api_url: String::new(),
        bots: Vec::new(),
    };
    for index in 0..guilds.div_ceil(GUILDS_PER_BOT) {
        let application = Application::new(application_id(index), &format!("bot {index}"));
        plan.bots.push(Login {
            token: application.bot_token.clone(),
            rooms: Vec::new(),
        });
        world = world.application(application);
    }
    for index in 0..guilds {
        let bot = index / GUILDS_PER_BOT;
        // Snowflakes of different milliseconds, as real ones are.
        let base = (index as u64 + 1) << 22;
        let (guild, channel, person) = (base, base + 1, base + 2);
        world = world.user(User::new(person, &format!("listener {index}")));
        world = world.guild(
            Guild::new(guild, &format!("guild {index}"), person)
                .voice(channel, "Lounge")
                .member(person)
                .member(application_id(bot))
                .in_voice(person, channel),
        );
        let room = NonZeroU64::new(guild).zip(NonZeroU64::new(channel));
        if let (Some(login), Some(room)) = (plan.bots.get_mut(bot), room) {
            login.rooms.push(room);
        }
    }
    (world, plan)
}

/// The bots' process.
struct Bots {
    child: Child,
    input: ChildStdin,
    output: BufReader<std::process::ChildStdout>,
}

impl Bots {
    fn start(authority: &Path, plan: &Plan) -> Result<Bots, Failed> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--bots")
            .env("SSL_CERT_FILE", authority)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take().ok_or("no standard input")?;
        let output = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let mut bots = Bots {
            child,
            input,
            output,
        };
        bots.tell(&serde_json::to_string(plan)?)?;
        Ok(bots)
    }

    fn tell(&mut self, line: &str) -> Result<(), Failed> {
        writeln!(self.input, "{line}")?;
        Ok(())
    }

    /// Waits for a line that begins with `word`; the number after it.
    fn said(&mut self, word: &str) -> Result<usize, Failed> {
        let mut line = String::new();
        while self.output.read_line(&mut line)? > 0 {
            if let Some(number) = line.strip_prefix(word) {
                return Ok(number.trim().parse()?);
            }
            line.clear();
        }
        Err("the bots have ended".into())
    }
}

impl Drop for Bots {
    fn drop(&mut self) {
        // It has usually ended by itself; after an error it has not.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Logs in, joins, and does what is said on standard input until it ends.
async fn be_bots() -> Result<(), Failed> {
    let mut lines = std::io::stdin().lines();
    let plan: Plan = serde_json::from_str(&lines.next().ok_or("no plan")??)?;
    // A mixer that songbird moves to another thread, because its own is late, loses a packet.
    let mut scheduling = SchedulerConfig::default();
    scheduling.move_expensive_tasks = false;
    let driver = songbird::Config::default().scheduler(Scheduler::new(scheduling));
    let mut rooms = Vec::new();
    for bot in plan.bots {
        let http = HttpBuilder::new(&bot.token)
            .proxy(&plan.api_url)
            .ratelimiter_disabled(true)
            .build();
        let songbird = Songbird::serenity_from_config(driver.clone());
        let intents = GatewayIntents::GUILDS | GatewayIntents::GUILD_VOICE_STATES;
        let mut client = ClientBuilder::new_with_http(http, intents)
            .register_songbird_with(songbird.clone())
            .await?;
        tokio::spawn(async move { client.start().await });
        rooms.extend(bot.rooms.into_iter().map(|room| (songbird.clone(), room)));
    }
    let mut calls: Vec<SharedCall> = Vec::new();
    for line in lines {
        match line?.split_once(' ') {
            Some(("play", path)) => {
                for call in &calls {
                    let file = songbird::input::File::new(path.to_owned());
                    call.lock().await.play_input(file.into());
                }
            }
            Some(_) => break,
            None => {
                calls = join_all(std::mem::take(&mut rooms)).await?;
                println!("joined {}", calls.len());
            }
        }
    }
    Ok(())
}

/// Joins all channels at once; those that could be joined.
async fn join_all(
    rooms: Vec<(Arc<Songbird>, (NonZeroU64, NonZeroU64))>,
) -> Result<Vec<SharedCall>, Failed> {
    let mut joining = tokio::task::JoinSet::new();
    for (songbird, (guild, channel)) in rooms {
        joining.spawn(async move {
            let deadline = Instant::now() + PATIENCE;
            loop {
                match songbird.join(guild, channel).await {
                    Ok(call) => return Some(call),
                    // Too many at once: a real bot tries again as well.
                    Err(_) if Instant::now() < deadline => {
                        let _ = songbird.remove(guild).await;
                        tokio::time::sleep(Duration::from_millis(500)).await;
                    }
                    Err(_) => return None,
                }
            }
        });
    }
    let mut calls = Vec::new();
    while let Some(call) = joining.join_next().await {
        calls.extend(call?);
    }
    Ok(calls)
}

/// An Ogg Opus file of a 440 Hz tone.
fn tone(seconds: usize) -> Result<Vec<u8>, Failed> {
    const SAMPLES: usize = 960;
    let mut encoder = Encoder::new(48_000, Channels::Stereo, opus2::Application::Audio)?;
    encoder.set_bitrate(Bitrate::Bits(96_000))?;
    let mut ogg = ogg::PacketWriter::new(Vec::new());
    let head = b"OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00";
    let end = ogg::PacketWriteEndInfo::EndPage;
    ogg.write_packet(head.as_slice(), 1, end, 0)?;
    ogg.write_packet(
        b"OpusTags\x04\x00\x00\x00tone\x00\x00\x00\x00".as_slice(),
        1,
        end,
        0,
    )?;
    let frames = seconds * FRAMES_A_SECOND;
    for frame in 0..frames {
        let samples = (0..SAMPLES).flat_map(|n| {
            let turns = (frame * SAMPLES + n) as f64 * 440.0 / 48_000.0;
            let sample = (turns * std::f64::consts::TAU).sin() * 0.5;
            #[expect(clippy::cast_possible_truncation, reason = "between -1 and 1")]
            let sample = sample as f32;
            [sample, sample]
        });
        let packet = encoder.encode_vec_float(&samples.collect::<Vec<_>>(), 1_275)?;
        let last = frame + 1 == frames;
        let end = if last {
            ogg::PacketWriteEndInfo::EndStream
        } else {
            ogg::PacketWriteEndInfo::NormalPacket
        };
        ogg.write_packet(packet, 1, end, ((frame + 1) * SAMPLES) as u64)?;
    }
    Ok(ogg.into_inner())
}

/// What a process has used so far.
#[derive(Clone, Copy)]
struct Usage {
    processor: Duration,
    resident: u64,
}

impl Usage {
    fn now() -> Usage {
        Usage::of(std::process::id())
    }

    fn of(pid: u32) -> Usage {
        // The kernel counts in hundredths of a second.
        const TICK: Duration = Duration::from_millis(10);
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
        let ticks = fields.split(' ').skip(11).take(2);
        let ticks: u32 = ticks.filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
            .unwrap_or(0);
        Usage {
            processor: TICK * ticks,
            resident: resident * 1024,
        }
    }
}
