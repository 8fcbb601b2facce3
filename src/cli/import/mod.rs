//! `yuri import`: sounds from a folder or an archive, into the operator's folder or into a guild,
//! and what the original server has kept of them.
//! A line for each file on standard output, a bar on a terminal.

mod workshop;

use std::error::Error;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use indicatif::{MultiProgress, ProgressBar};
use tokio::signal::ctrl_c;
use tokio::task::spawn_blocking;
use tracing::level_filters::LevelFilter;

use super::{complain, load_config, progress};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::import::{
    Bounds, Brought, Destination, Import, Outcome, Source, Step, Unusable, take_over,
};
use crate::ids::GuildId;
use crate::telemetry;
use workshop::{Unwritable, Workshop};

/// Some files were refused.
const REFUSED: u8 = 1;
/// Nothing could be done, or not everything; clap's own status for arguments it does not know.
const UNUSABLE: u8 = 2;

/// Options of `yuri import`.
#[derive(clap::Args)]
pub(super) struct Options {
    /// A folder, an archive (zip, tar, tar.gz), or the database of the original server.
    #[arg(value_name = "DIR|ARCHIVE")]
    from: PathBuf,
    /// Make the sounds those of this guild, by its id; without it they go to the operator's folder.
    #[arg(long)]
    guild: Option<GuildId>,
    /// Change nothing and say what would happen.
    #[arg(long)]
    dry_run: bool,
}

/// Runs the import and says how it ended.
pub(super) fn run(options: Options) -> ExitCode {
    let config = match load_config() {
        Ok(config) => config,
        Err(faults) => {
            complain(&faults);
            return UNUSABLE.into();
        }
    };
    // What is refused stands in the report.
    let mut log = config.log.clone();
    "error".clone_into(&mut log.filter);
    let (recorder, _nobody_keeps_them) = telemetry::recorder(LevelFilter::OFF, Clock::system());
    let console = telemetry::start(&log, recorder);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let ended = runtime
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(import(options, config, console)));
    match ended {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => REFUSED.into(),
        Err(error) => {
            complain(&*error);
            match error.downcast_ref() {
                Some(Unusable::Hostile(_) | Unusable::TooMuch(_)) => REFUSED.into(),
                _ => UNUSABLE.into(),
            }
        }
    }
}

/// Answers how much was refused.
async fn import(
    options: Options,
    config: Config,
    console: MultiProgress,
) -> Result<usize, Box<dyn Error>> {
    let from = options.from.clone();
    let source = spawn_blocking(move || Source::open(&from, &Bounds::OPERATOR)).await??;
    let databases = source.databases.clone();
    let needs_rows = options.guild.is_some() || source.has_labels() || !databases.is_empty();
    let workshop = Workshop::open(config, options.dry_run, needs_rows)?;
    let destination = destination(&options, &workshop)?;
    let mut screen = Screen::new(console, options.dry_run);
    for fault in source.faults() {
        screen.refuse(fault);
    }
    let mut import = Import::new(workshop.transcoder.clone(), destination);
    tokio::select! {
        ended = import.run(source, |step| screen.show(step)) => ended?,
        interrupted = ctrl_c() => {
            interrupted?;
            screen.finish();
            return Err("interrupted; what was added stays".into());
        }
    }
    if let Some(app) = &workshop.app {
        for path in databases {
            let brought = take_over(&path, &app.db, &app.settings).await?;
            let name = path.file_name().unwrap_or_default();
            screen.show_history(&name.to_string_lossy(), &brought);
        }
    }
    screen.finish();
    Ok(screen.refused)
}

fn destination(options: &Options, workshop: &Workshop) -> Result<Destination, Box<dyn Error>> {
    let dir = &workshop.sounds_dir;
    let destination = match (options.guild, &workshop.app) {
        (Some(guild), Some(app)) => Destination::guild(
            guild,
            None,
            Arc::clone(&app.uploads),
            Arc::clone(&app.library),
            Arc::clone(&app.labels),
            workshop.path(),
        ),
        _ if options.dry_run => Destination::dry_operator(dir, workshop.path()),
        (_, app) => {
            let labels = app.as_ref().map(|app| Arc::clone(&app.labels));
            let operator = Destination::operator(dir, labels);
            operator.map_err(|error| Unwritable::new(dir, error))?
        }
    };
    Ok(destination)
}

/// The report, and the bar below it.
struct Screen {
    console: MultiProgress,
    bar: ProgressBar,
    is_dry: bool,
    added: usize,
    there: usize,
    refused: usize,
    passed_over: usize,
}

impl Screen {
    fn new(console: MultiProgress, is_dry: bool) -> Self {
        let bar = console.add(progress::new_bar("looking at the sounds that are there"));
        Self {
            console,
            bar,
            is_dry,
            added: 0,
            there: 0,
            refused: 0,
            passed_over: 0,
        }
    }

    fn show(&mut self, step: Step) {
        let number = |number| u64::try_from(number).unwrap_or(u64::MAX);
        self.bar.set_length(number(step.total));
        self.bar.set_position(number(step.done));
        let Some((file, outcome)) = step.file else {
            return;
        };
        self.bar.set_message("importing");
        match outcome {
            Outcome::Added(name) => {
                self.added += 1;
                let verb = if self.is_dry { "would add" } else { "added" };
                let from = if name == file {
                    String::new()
                } else {
                    format!(", from {file}")
                };
                self.say(verb, &format!("{name}{from}"));
            }
            Outcome::Duplicate(name) => {
                self.there += 1;
                self.say("there", &format!("{file}: the same as {name}"));
            }
            Outcome::Refused(reason) => self.refuse(&format!("{file}: {reason}")),
            Outcome::PassedOver(reason) => {
                self.passed_over += 1;
                self.say("passed over", &format!("{file}: {reason}"));
            }
        }
    }

    fn show_history(&mut self, name: &str, brought: &Brought) {
        for fault in &brought.faults {
            self.refuse(&format!("{name}: {fault}"));
        }
        let Brought {
            plays,
            counts,
            guilds,
            favourites,
            fast_triggers,
            ..
        } = brought;
        let verb = if self.is_dry { "would take" } else { "took" };
        let what = format!(
            "{name}: {plays} plays, {counts} counted without a row, {guilds} guilds, \
             {favourites} favourites, {fast_triggers} fast triggers"
        );
        self.say(verb, &what);
    }

    fn refuse(&mut self, what: &str) {
        self.refused += 1;
        self.say("refused", what);
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
        let Self {
            added,
            there,
            refused,
            passed_over,
            ..
        } = self;
        let verb = if self.is_dry { "to be added" } else { "added" };
        self.line(&format!(
            "{added} {verb}, {there} there already, {refused} refused, {passed_over} passed over"
        ));
    }

    fn say(&self, verb: &str, what: &str) {
        self.line(&format!("{verb:<11}  {what}"));
    }

    /// Names may hold anything: what would move the cursor is shown as a sign.
    fn line(&self, text: &str) {
        let shown = |it: char| if it.is_control() { '\u{fffd}' } else { it };
        let text: String = text.chars().map(shown).collect();
        self.console.suspend(|| {
            // Nobody reads it any more; the work goes on.
            let _closed = writeln!(io::stdout(), "{text}");
        });
    }
}
