//! `yuri serve`: the server, until it is told to stop.

use std::path::PathBuf;
use std::process::{self, ExitCode};
use std::{env, io};

use rocket::fairing::AdHoc;
use tokio::io::AsyncReadExt as _;
use tokio::signal::unix::{SignalKind, signal};

use indicatif::MultiProgress;

use super::{complain, load_config, progress};
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::telemetry::Records;
use crate::{http, telemetry};

/// Options of `yuri serve`.
#[derive(clap::Args, Default)]
pub(super) struct Options {
    /// Stop when standard input ends: with the program that started this one, however that ends.
    #[arg(long, hide = true)]
    until_input_ends: bool,
}

/// Runs the server and says how it ended.
pub(super) fn run(options: &Options) -> ExitCode {
    let config = match load_config() {
        Ok(config) => config,
        Err(faults) => return complain(&faults),
    };
    let clock = Clock::system();
    let (recorder, records) = telemetry::recorder(config.log.kept, clock.clone());
    let console = telemetry::start(&config.log, recorder);
    raise_file_limit();
    forbid_core_dumps();
    let until_input_ends = options.until_input_ends;
    rocket::async_main(async move {
        let code = match serve(config, clock, records, until_input_ends, console).await {
            Ok(()) => 0,
            Err(error) => {
                complain(&*error);
                1
            }
        };
        // Everything is written and left. What is still there, like a read of standard input or
        // the Discord client's last farewell, must not keep the process.
        process::exit(code)
    })
}

async fn serve(
    config: Config,
    clock: Clock,
    records: Records,
    until_input_ends: bool,
    console: MultiProgress,
) -> Result<(), Box<dyn std::error::Error>> {
    let worker = worker()?;
    let public_url = config.public_url.join("/");
    for name in config.discord.missing() {
        tracing::warn!("{name} is not set: the bot is off and nobody can log in");
    }
    heed_second_request()?;
    let app = App::build(config, clock, worker, records)?;
    tokio::spawn(progress::show(console, app.ingest.progress()));
    let running = app.start();
    let started = AdHoc::on_liftoff("started", move |_| {
        Box::pin(async move { tracing::info!("serving {public_url}") })
    });
    let rocket = http::rocket(app).attach(started).ignite().await?;
    if until_input_ends {
        let shutdown = rocket.shutdown();
        tokio::spawn(async move {
            let _nothing_is_sent = tokio::io::stdin().read(&mut [0; 1]).await;
            shutdown.notify();
        });
    }
    let ended = rocket.launch().await;
    tracing::info!("stopping");
    running.stop().await;
    ended.map(drop).map_err(Into::into)
}

/// Ends the process at once for those who ask for its end a second time.
fn heed_second_request() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        for _ in 0..2 {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        tracing::warn!("told to stop again: what is not written is lost");
        process::exit(1);
    });
    Ok(())
}

/// Every live channel and voice connection is an open file, and most systems let a program have
/// 1024 unless it asks for all that it may have.
fn raise_file_limit() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit on open files cannot be raised");
    }
}

/// Memory holds tokens of bots, the server's own and others', which must not end up in a file. Seed
/// 001, contract 8.
fn forbid_core_dumps() {
    if let Err(error) = rlimit::setrlimit(rlimit::Resource::CORE, 0, 0) {
        tracing::warn!(%error, "core dumps cannot be forbidden");
    }
    // A limit does not keep them from a program that the system pipes them to.
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            tracing::warn!(%error, "core dumps cannot be forbidden");
        }
    }
}

/// This program, to be started again as the decoder: by a name that stays right when the file is
/// replaced under the running server.
pub(super) fn worker() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") {
        Ok("/proc/self/exe".into())
    } else {
        env::current_exe()
    }
}
