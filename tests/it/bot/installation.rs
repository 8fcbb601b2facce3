//! An installation that is started again and again on the same data, beside one simulated
//! Discord: what its bot asks of the gateway is counted there.

use std::sync::Arc;
use std::time::Duration;

use discord_sim::{Effect, Fault, FaultId, GatewayLimits, Payloads, Point, Settings, Sim};
use tempfile::TempDir;
use yuri::app::{App, BuildError, Running};
use yuri::clock::Clock;
use yuri::config::Config;
use yuri::db::OpenError;
use yuri::domain::guilds::Outage;
use yuri::telemetry::Records;

use super::stage::{PATIENCE, START_MS};
use crate::audio::worker;

pub(super) struct Installation {
    pub(super) sim: Sim,
    pub(super) clock: Clock,
    folder: TempDir,
    settings: Vec<(String, String)>,
    identifies: FaultId,
    resumes: FaultId,
}

/// An application that was started.
pub(super) struct Started {
    pub(super) app: Arc<App>,
    running: Running,
}

impl Installation {
    pub(super) async fn new() -> Self {
        Self::with(GatewayLimits::default()).await
    }

    /// With other limits at Discord's gateway.
    pub(super) async fn with(gateway: GatewayLimits) -> Self {
        let settings = Settings {
            gateway,
            ..Settings::default()
        };
        let sim = Sim::start(settings).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let sounds = folder.path().join("sounds");
        std::fs::create_dir(&sounds).unwrap();
        let application = sim.application();
        let settings = [
            (
                "YURI_DATA_DIR",
                folder.path().join("data").display().to_string(),
            ),
            ("YURI_SOUNDS__DIR", sounds.display().to_string()),
            ("YURI_SOUNDS__PREPARE_AHEAD", "false".to_owned()),
            ("YURI_DISCORD__API_URL", sim.api_url()),
            ("YURI_DISCORD__BOT_TOKEN", application.bot_token),
            ("YURI_DISCORD__CLIENT_ID", application.id.to_string()),
            ("YURI_DISCORD__CLIENT_SECRET", application.client_secret),
        ];
        let settings = settings.map(|(key, value)| (key.to_owned(), value));
        let identifies = count(&sim, 2);
        let resumes = count(&sim, 6);
        Self {
            sim,
            clock: Clock::manual(START_MS),
            folder,
            settings: settings.to_vec(),
            identifies,
            resumes,
        }
    }

    /// Sets a variable for the next start.
    pub(super) fn set(mut self, variable: &str, value: &str) -> Self {
        self.settings.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// Starts the application, as soon as the one before has let go of the database.
    pub(super) async fn start(&self) -> Started {
        let started = tokio::time::timeout(PATIENCE, async {
            loop {
                let config = Config::load(self.folder.path(), self.settings.clone()).unwrap();
                match App::build(config, self.clock.clone(), worker(), Records::none()) {
                    Ok(app) => break app,
                    Err(BuildError::Database(OpenError::InUse(_))) => {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        });
        let app = started.await.expect("the database is let go of");
        let running = app.start();
        Started { app, running }
    }

    /// Moves the time of both sides.
    pub(super) fn advance(&self, by: Duration) {
        self.sim.advance_clock(by);
        self.clock.advance(by);
    }

    /// Moves the time, a second at a time, until something is so.
    pub(super) async fn advance_until(&self, so: impl Fn() -> bool) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while !so() {
                self.advance(Duration::from_secs(1));
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        waited.await.expect("it became so");
    }

    /// How often a bot has asked for a session, granted or not.
    pub(super) fn identifies(&self) -> u64 {
        self.met(self.identifies)
    }

    /// How often it has asked for the one it had.
    pub(super) fn resumes(&self) -> u64 {
        self.met(self.resumes)
    }

    fn met(&self, fault: FaultId) -> u64 {
        let mut reports = self.sim.faults().into_iter();
        reports.find(|report| report.id == fault).unwrap().met
    }
}

/// Counts what has this opcode, by a fault that never strikes.
pub(super) fn count(sim: &Sim, op: u64) -> FaultId {
    let received = Point::Received(Payloads::gateway().op(op));
    let never = Fault::on(received, Effect::Swallow).probability(0.0);
    sim.fault(never).unwrap()
}

impl Started {
    pub(super) fn is_connected(&self) -> bool {
        let gateway = self.app.guilds.gateway();
        gateway.is_connected() && gateway.guilds().is_some()
    }

    pub(super) fn outage(&self) -> Outage {
        self.app.guilds.gateway().outage()
    }

    /// Waits until something of the application is so.
    pub(super) async fn until(&self, so: impl Fn(&Self) -> bool) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while !so(self) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        waited.await.expect("it became so");
    }

    /// Whether something does not become so while nothing else happens.
    pub(super) async fn stays(&self, so: impl Fn(&Self) -> bool) {
        for _ in 0..30 {
            assert!(so(self), "it stays so");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Stops the application in bounded time.
    pub(super) async fn stop(self) {
        tokio::time::timeout(Duration::from_secs(8), self.running.stop())
            .await
            .expect("an end in time");
    }
}
