//! The application without its HTTP side, in a guild with two voice channels.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use discord_sim::{
    Application, Dave, Guild, Reply, Requests, Role, Settings, Sim, User, World, permissions,
};
use tempfile::TempDir;
use yuri::app::{App, Running};
use yuri::clock::Clock;
use yuri::config::Config;
use yuri::db::plays;
use yuri::domain::player::{Asker, PlayerState, Who};
use yuri::domain::settings::GuildSettings;
use yuri::ids::{ChannelId, GuildId, UserId};
use yuri::telemetry::Records;

use crate::audio::{fixture, worker};
use crate::support::child;

pub(super) const BOT: u64 = 1_098_214_563_907_108_864;
/// Owner of the guild, sits in the lounge.
pub(super) const ADA: u64 = 182_440_710_331_105_281;
/// Member of the guild, sits nowhere.
pub(super) const BEN: u64 = 264_911_308_557_295_617;
pub(super) const GUILD: u64 = 1_104_556_120_873_582_592;
pub(super) const LOUNGE: u64 = 1_104_556_121_590_808_577;
pub(super) const GENERAL: u64 = GUILD + 2;
pub(super) const STUDIO: u64 = 1_104_556_121_590_808_578;
/// A guild without the bot.
pub(super) const ELSEWHERE: u64 = 1_133_070_882_316_972_032;

/// 2019-04-06T18:48:02Z.
pub(super) const START_MS: i64 = 1_554_576_482_000;

/// The sounds: two seconds of 440 Hz each.
pub(super) const TONES: [&str; 5] = [
    "tone-opus.ogg",
    "tone-vorbis.ogg",
    "tone.flac",
    "tone.mp3",
    "tone.wav",
];

/// Long enough for a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A running application and the Discord it is connected to.
pub(super) struct Stage {
    pub(super) sim: Sim,
    pub(super) app: Arc<App>,
    pub(super) clock: Clock,
    running: Running,
    folder: TempDir,
}

fn world() -> World {
    let role = Role {
        bot: Some(BOT),
        ..Role::new(GUILD + 1, "Yuri", permissions::EVERYONE)
    };
    World::empty()
        .user(User::new(ADA, "ada"))
        .user(User::new(BEN, "ben"))
        .application(Application::new(BOT, "Yuri"))
        .guild(
            Guild::new(GUILD, "Sound Lab", ADA)
                .text(GENERAL, "general")
                .voice(LOUNGE, "Lounge")
                .voice(STUDIO, "Studio")
                .role(role)
                .member(ADA)
                .member(BEN)
                .member_with_roles(BOT, &[GUILD + 1])
                .in_voice(ADA, LOUNGE),
        )
        .guild(
            Guild::new(ELSEWHERE, "Book Club", BEN)
                .text(ELSEWHERE + 1, "general")
                .member(BEN),
        )
}

impl Stage {
    /// With some tones as the sounds.
    pub(super) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with settings, by their variables.
    ///
    /// Without end-to-end encryption: it needs a moment after each join, in which nobody is
    /// heard.
    pub(super) async fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::build(world(), Dave::Off, settings).await
    }

    /// With end-to-end encryption, and settings.
    pub(super) async fn start_encrypted(settings: &[(&str, &str)]) -> Self {
        Self::build(world(), Dave::Required, settings).await
    }

    /// With guilds beside the usual ones.
    pub(super) async fn start_among(guilds: impl Fn(World) -> World) -> Self {
        Self::build(guilds(world()), Dave::Off, &[]).await
    }

    async fn build(world: World, dave: Dave, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = child::authority_path();
        let authority = authority.unwrap_or_else(|| folder.path().join("ca.pem"));
        let simulated = Settings {
            world,
            dave,
            authority_path: Some(authority.clone()),
            ..Settings::default()
        };
        let sim = Sim::start(simulated).await.unwrap();
        // serenity takes the limit of one interaction's messages for that of all together, and
        // waits; a test asks faster than people do.
        sim.set_rate_limit(Requests::to("/webhooks/*/*"), None);
        let sounds = folder.path().join("sounds");
        fs::create_dir(&sounds).unwrap();
        for tone in TONES {
            fs::write(sounds.join(tone), fixture(tone)).unwrap();
        }
        let application = sim.application();
        let ours = [
            (
                "YURI_DATA_DIR",
                folder.path().join("data").display().to_string(),
            ),
            ("YURI_SOUNDS__DIR", sounds.display().to_string()),
            ("YURI_SOUNDS__PREPARE_AHEAD", "false".to_owned()),
            ("YURI_DISCORD__VOICE_SETTLE_MS", "0".to_owned()),
            // A test asks for more than people do.
            ("YURI_LIMITS__BURST", "1000".to_owned()),
            ("YURI_DISCORD__API_URL", sim.api_url()),
            ("YURI_DISCORD__CONNECT_TO", sim.https_addr().to_string()),
            ("SSL_CERT_FILE", authority.display().to_string()),
            ("YURI_DISCORD__BOT_TOKEN", application.bot_token),
            ("YURI_DISCORD__CLIENT_ID", application.id.to_string()),
            ("YURI_DISCORD__CLIENT_SECRET", application.client_secret),
        ];
        let settings = settings
            .iter()
            .map(|(key, value)| (*key, (*value).to_owned()));
        let environment = ours.into_iter().chain(settings);
        let environment = environment.map(|(key, value)| (key.to_owned(), value));
        let config = Config::load(folder.path(), environment).unwrap();
        let clock = Clock::manual(START_MS);
        let app = App::build(config, clock.clone(), worker(), Records::none()).unwrap();
        let running = app.start();
        let stage = Self {
            sim,
            app,
            clock,
            running,
            folder,
        };
        stage
            .until(|app| app.guilds.gateway().guilds().is_some())
            .await;
        assert!(stage.sim.wait_command("play", PATIENCE).await);
        stage
    }

    /// A member uses a command.
    pub(super) async fn slash(&self, user: u64, command: &str) -> Reply {
        self.sim.slash(user, GUILD, command, &[]).await.unwrap()
    }

    /// A member uses `/play`.
    pub(super) async fn play(&self, user: u64, sound: &str) -> Reply {
        self.sim
            .slash(user, GUILD, "play", &[("sound", sound)])
            .await
            .unwrap()
    }

    /// Adds a sound and waits until it can be found.
    pub(super) async fn add_sound(&self, name: &str, content: &[u8]) {
        fs::write(self.folder.path().join("sounds").join(name), content).unwrap();
        self.until(|app| app.library.find(name).is_some()).await;
    }

    /// Removes a sound and waits until it cannot be found any more.
    pub(super) async fn remove_sound(&self, name: &str) {
        fs::remove_file(self.folder.path().join("sounds").join(name)).unwrap();
        self.until(|app| app.library.find(name).is_none()).await;
    }

    /// The log of the guild, newest first: sound and user.
    pub(super) async fn log(&self) -> Vec<(String, String)> {
        let guild = GuildId::try_from(GUILD).unwrap();
        let page = self
            .app
            .db
            .quick(move |conn| plays::page(conn, guild, 0, 100))
            .await
            .unwrap();
        page.entries
            .into_iter()
            .map(|play| (play.sound, play.user_tag))
            .collect()
    }

    /// Waits until something of the application is so.
    pub(super) async fn until(&self, so: impl Fn(&App) -> bool) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while !so(&self.app) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        waited.await.expect("it became so");
    }

    /// The guild's player.
    pub(super) async fn player(&self) -> PlayerState {
        self.app.player.state(Self::guild()).await.unwrap()
    }

    /// Waits until something of the guild's player is so.
    pub(super) async fn until_player(&self, so: impl Fn(&PlayerState) -> bool) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while !so(&self.player().await) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        waited.await.expect("it became so");
    }

    /// Changes what the guild has chosen.
    pub(super) async fn choose(&self, change: impl FnOnce(&mut GuildSettings) + Send + 'static) {
        let player = &self.app.player;
        player.change_settings(Self::guild(), change).await.unwrap();
    }

    /// A member as the routes describe them to the player.
    pub(super) fn asker(user: u64) -> Asker {
        Asker {
            guild: Self::guild(),
            user: UserId::try_from(user).unwrap(),
            who: Who::Member(None),
        }
    }

    /// The lounge's id as the application takes it.
    pub(super) fn lounge() -> ChannelId {
        ChannelId::try_from(LOUNGE).unwrap()
    }

    /// The guild's id as the application takes it.
    pub(super) fn guild() -> GuildId {
        GuildId::try_from(GUILD).unwrap()
    }

    /// Stops the application as the end of the process does; the simulation goes on.
    pub(super) async fn stop(self) -> Sim {
        self.running.stop().await;
        self.sim
    }
}
