//! Measures how live events reach those who listen, beside some who do not read.
//!
//! `cargo run --profile dist -p bench --bin listeners` builds the server as it is shipped, starts a
//! simulated Discord in this process and the server in another, opens a thousand streams of
//! `GET /events`, and changes a guild's volume ten times a second. The time of an event is that from
//! the request that causes it to the listener that has read it. Then the same again, with a hundred
//! of the thousand that never read.
#![expect(
    clippy::print_stdout,
    reason = "the tables are what this program is for"
)]

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bench::Failed;
use bench::figures::{Goals, Times};
use bench::installation::{Installation, Person, authority};
use bench::process::{self, memory};
use bench::product::{self, target_folder};
use clap::Parser;
use discord_sim::{RateLimits, Settings, Sim, User};
use reqwest::{Client, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);
/// After so long without a word a stream has said everything.
const SILENCE: Duration = Duration::from_secs(2);
/// Between two events.
const PAUSE: Duration = Duration::from_millis(100);
/// Volumes that events tell apart: each comes again after twenty seconds.
const VOLUMES: u16 = 200;
/// What a stalled listener's kernel takes, in bytes: as little as it can.
const STALLED_BUFFER_BYTES: u32 = 4096;
/// Events that fill all buffers of those who do not read.
const FLOOD: usize = 40_000;
/// Of these so many are asked for at once.
const FLOOD_AT_ONCE: usize = 16;
/// Who listens beside ada, who sits in voice.
const OTHERS: u64 = 500_000_000_000_000_001;

/// Measures how live events reach a thousand listeners, beside a hundred that do not read.
#[derive(Debug, Parser)]
struct Options {
    /// Measure this binary instead of building one.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// Streams that are open at once.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(10..=5000))]
    listeners: u16,
    /// How many of them do not read, the second time.
    #[arg(long, default_value_t = 100)]
    stalled: u16,
    /// Seconds of events.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    window_s: u64,
}

/// When each volume was last asked for.
type Asked = Arc<Mutex<Vec<Option<Instant>>>>;

/// What one pass has measured.
struct Pass {
    stalled: usize,
    events: usize,
    delays: Times,
    missing: usize,
    resident: u64,
    processor: f64,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("listeners: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Failed> {
    let target = target_folder()?;
    let binary = product::find_or_build(options.server.as_deref(), &target)?;
    let folder = target.join("bench/listeners");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let stage = Stage::build(&folder, &binary).await?;
        let alone = memory(stage.server.pid()).resident;
        println!(
            "\n{} listeners, {} users; other work on this machine: load {:.1}\n",
            options.listeners,
            stage.people.len(),
            process::load_average()
        );
        println!(
            "| do not read | events | p50 ms | p99 ms | most ms | not heard | % of a core | server MB |"
        );
        println!("|---:|---:|---:|---:|---:|---:|---:|---:|");
        println!("| nobody listens | – | – | – | – | – | – | {:.1} |", megabytes(alone));
        let all = usize::from(options.listeners);
        let mut passes = Vec::new();
        for stalled in [0, usize::from(options.stalled).min(all)] {
            let window = Duration::from_secs(options.window_s);
            let pass = stage.pass(all - stalled, stalled, window).await?;
            print_pass(&pass);
            passes.push(pass);
        }
        let goals = judge(&passes, alone);
        goals.print();
        stage.close().await
    })
}

fn print_pass(pass: &Pass) {
    println!(
        "| {} | {} | {:.1} | {:.1} | {:.1} | {} | {:.1} | {:.1} |",
        pass.stalled,
        pass.events,
        pass.delays.p50(),
        pass.delays.p99(),
        pass.delays.most(),
        pass.missing,
        pass.processor,
        megabytes(pass.resident),
    );
}

fn megabytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1000).unwrap_or(u32::MAX)) / 1e3
}

fn judge(passes: &[Pass], alone: u64) -> Goals {
    let mut goals = Goals::default();
    if let [without, with] = passes {
        let p99 = with.delays.p99();
        goals.at_most("p99 of those who read", p99, 100.0, "ms");
        let times = p99 / without.delays.p99();
        goals.at_most("the same, to when all read", times, 2.0, "times");
        let heard = format!("{} and {}", without.missing, with.missing);
        let all = without.missing + with.missing == 0;
        goals.is_so("everybody who reads hears everything", heard, all);
        let grown = megabytes(with.resident.saturating_sub(alone));
        goals.at_most("memory of all listeners", grown, 100.0, "MB");
    }
    goals
}

struct Stage {
    sim: Sim,
    server: Installation,
    guild: u64,
    people: Vec<Person>,
    client: Client,
}

impl Stage {
    async fn build(folder: &Path, binary: &Path) -> Result<Self, Failed> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        let sim = Sim::start(Settings {
            authority_path: Some(authority(folder)),
            rate_limits: RateLimits {
                enforced: false,
                ..RateLimits::default()
            },
            ..Settings::default()
        })
        .await?;
        let guild = sim.guilds().first().ok_or("there is no guild")?.id;
        let mut names = vec!["ada".to_owned()];
        for number in 0..4 {
            let name = format!("guest{number}");
            sim.add_user(User::new(OTHERS + number, &name));
            sim.add_member(OTHERS + number, guild)?;
            names.push(name);
        }
        let settings = [
            ("YURI_LIMITS__STREAMS_PER_USER", "1000"),
            // Else Discord is asked before each change, forty times a second.
            ("YURI_DISCORD__MEMBERS_INTENT", "true"),
        ];
        let server = Installation::start(&sim, folder, Command::new(binary), &settings).await?;
        let client = Client::new();
        let mut people = Vec::new();
        for name in names {
            people.push(server.log_in(&name, Ipv4Addr::LOCALHOST).await?);
        }
        Ok(Self {
            sim,
            server,
            guild,
            people,
            client,
        })
    }

    /// Opens the listeners, tells events, and measures how they come in.
    async fn pass(&self, reading: usize, stalled: usize, window: Duration) -> Result<Pass, Failed> {
        let mut silent = Vec::new();
        for person in self.people.iter().cycle().take(stalled) {
            silent.push(self.stall(person).await?);
        }
        if stalled > 0 {
            self.flood().await?;
        }
        let asked: Asked = Arc::new(Mutex::new(vec![None; usize::from(VOLUMES)]));
        let mut streams = JoinSet::new();
        let mut readers = Vec::new();
        for person in self.people.iter().cycle().take(reading) {
            readers.push(self.listen(person).await?);
        }
        let events = window.as_millis() / PAUSE.as_millis();
        let events = usize::try_from(events)?;
        for reader in readers {
            let asked = Arc::clone(&asked);
            streams.spawn(hear(reader, asked, events));
        }
        let pid = self.server.pid();
        let (before, began) = (process::processor_time(pid), Instant::now());
        let mut next = tokio::time::interval(PAUSE);
        for number in 0..events {
            next.tick().await;
            let volume = u16::try_from(number % usize::from(VOLUMES))?;
            if let Some(slot) = lock(&asked).get_mut(usize::from(volume)) {
                *slot = Some(Instant::now());
            }
            self.change(volume).await?;
        }
        let used = process::processor_time(pid).saturating_sub(before);
        let processor = 100.0 * used.as_secs_f64() / began.elapsed().as_secs_f64();
        let resident = memory(pid).resident;
        let mut pass = Pass {
            stalled,
            events,
            delays: Times::default(),
            missing: 0,
            resident,
            processor,
        };
        while let Some(heard) = streams.join_next().await {
            let heard = heard??;
            pass.missing += events.saturating_sub(heard.len());
            pass.delays.extend(heard);
        }
        count_dropped(silent).await;
        Ok(pass)
    }

    async fn flood(&self) -> Result<(), Failed> {
        let mut numbers = (0..FLOOD).map(|number| number % usize::from(VOLUMES));
        loop {
            let several: Vec<_> = numbers.by_ref().take(FLOOD_AT_ONCE).collect();
            if several.is_empty() {
                return Ok(());
            }
            let mut changes = JoinSet::new();
            for volume in several {
                changes.spawn(self.change(u16::try_from(volume)?));
            }
            while let Some(changed) = changes.join_next().await {
                changed??;
            }
        }
    }

    /// Opens a stream.
    async fn listen(&self, person: &Person) -> Result<Response, Failed> {
        let address = self.server.address();
        let url = format!("http://{address}/events?guild={}", self.guild);
        let request = self.client.get(url);
        let request = request.basic_auth(&person.id, Some(&person.token));
        Ok(request.send().await?.error_for_status()?)
    }

    /// Opens a stream that is never read.
    async fn stall(&self, person: &Person) -> Result<TcpStream, Failed> {
        let address = self.server.address();
        let authorization = person.authorization();
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(STALLED_BUFFER_BYTES)?;
        let mut stream = socket.connect(address).await?;
        let request = format!(
            "GET /events?guild={} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {authorization}\r\n\r\n",
            self.guild
        );
        stream.write_all(request.as_bytes()).await?;
        Ok(stream)
    }

    /// Something happens: ada changes the guild's volume.
    fn change(&self, volume: u16) -> impl Future<Output = Result<(), Failed>> + Send + use<> {
        let address = self.server.address();
        let url = format!("http://{address}/api/guilds/{}/volume", self.guild);
        let request = self.client.put(url);
        let request = match self.people.first() {
            Some(ada) => request.basic_auth(&ada.id, Some(&ada.token)),
            None => request,
        };
        let request = request.header("Content-Type", "application/json");
        let request = request.body(format!(r#"{{"volume":{volume}}}"#));
        async move {
            let answer = request.send().await?.error_for_status()?;
            answer.bytes().await?;
            Ok(())
        }
    }

    async fn close(self) -> Result<(), Failed> {
        self.server.stop().await?;
        self.sim.shutdown().await;
        Ok(())
    }
}

/// Reads a stream until it has heard so many events; how late each was.
async fn hear(mut stream: Response, asked: Asked, events: usize) -> Result<Vec<Duration>, Failed> {
    const NAME: &str = r#""volume":"#;
    let mut delays = Vec::with_capacity(events);
    let mut text = String::new();
    let reading = async {
        while delays.len() < events {
            let Some(chunk) = stream.chunk().await? else {
                break;
            };
            let now = Instant::now();
            text.push_str(std::str::from_utf8(&chunk)?);
            while let Some(end) = text.find("\n\n") {
                let message: String = text.drain(..end + 2).collect();
                let Some(at) = message.find(NAME) else {
                    continue;
                };
                let digits = message.get(at + NAME.len()..).unwrap_or_default();
                let digits = digits.split(|c: char| !c.is_ascii_digit()).next();
                let volume: usize = digits.unwrap_or_default().parse()?;
                if let Some(Some(asked)) = lock(&asked).get(volume) {
                    delays.push(now.saturating_duration_since(*asked));
                }
            }
        }
        Ok::<_, Failed>(())
    };
    match timeout(PATIENCE * 30, reading).await {
        Ok(done) => done?,
        Err(_) => eprintln!("a listener has waited in vain"),
    }
    Ok(delays)
}

/// Counts those who did not read and were told to go.
async fn count_dropped(silent: Vec<TcpStream>) {
    let all = silent.len();
    let reading: JoinSet<String> = silent.into_iter().map(last_words).collect();
    let said = reading.join_all().await;
    let is_told = |said: &&String| said.contains(r#"{"reason":"slow"}"#);
    let dropped = said.iter().filter(is_told).count();
    if all > 0 {
        eprintln!("{dropped} of {all} that did not read were told that they are too slow");
    }
}

/// All that waits on a stream.
async fn last_words(mut stream: TcpStream) -> String {
    let mut body = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    while let Ok(Ok(count @ 1..)) = timeout(SILENCE, stream.read(&mut buffer)).await {
        body.extend(buffer.iter().take(count));
    }
    String::from_utf8_lossy(&body).into_owned()
}

fn lock(asked: &Asked) -> std::sync::MutexGuard<'_, Vec<Option<Instant>>> {
    asked.lock().unwrap_or_else(PoisonError::into_inner)
}
