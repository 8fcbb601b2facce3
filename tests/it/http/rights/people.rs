//! The callers, each with a right of its own, and the guild in which they meet.

use std::fs;
use std::path::Path;
use std::time::Duration;

use diesel::sql_types::Text;
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection, sql_query};
use discord_sim::{User, permissions};
use reqwest::{Client, Method};
use yuri::app::App;
use yuri::domain::admins::RoleName;
use yuri::ids::{ChannelId, GuildId, RoleId, UserId};

use super::super::library::bring;
use super::table::{Right, Row};
use crate::audio::fixture;
use crate::support::{Answer, Server, Setup, Token};

const NAMED_ADMIN: &str = "500000000000000001";
const PATIENCE: Duration = Duration::from_secs(20);

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// No credential.
    Nobody,
    /// Shares no guild with the bot.
    Stranger,
    /// An administrator of the installation whom the configuration names; a stranger to the guild.
    NamedAdmin,
    /// The same by the role `admin`.
    RoleAdmin,
    /// A member without roles.
    Member,
    /// The same, who has brought the sound that it is about.
    Uploader,
    /// The same, timed out.
    TimedOut,
    /// A member who has a DJ role.
    Dj,
    /// The same, timed out.
    TimedOutDj,
    /// A member with a blocked role.
    Blocked,
    /// The same, with a DJ role as well.
    BlockedDj,
    /// A member who has the permission Manage Server.
    Manager,
    /// The same, timed out.
    TimedOutManager,
    /// A member who has the permission Administrator.
    GuildAdministrator,
    /// Owns the guild.
    Owner,
}

/// All of them.
pub(super) const ALL: [Who; 15] = [
    Who::Nobody,
    Who::Stranger,
    Who::NamedAdmin,
    Who::RoleAdmin,
    Who::Member,
    Who::Uploader,
    Who::TimedOut,
    Who::Dj,
    Who::TimedOutDj,
    Who::Blocked,
    Who::BlockedDj,
    Who::Manager,
    Who::TimedOutManager,
    Who::GuildAdministrator,
    Who::Owner,
];

impl Who {
    /// Known, and no member of the guild.
    pub(super) fn is_outsider(self) -> bool {
        matches!(self, Self::Stranger | Self::NamedAdmin | Self::RoleAdmin)
    }

    fn is_timed_out(self) -> bool {
        matches!(
            self,
            Self::TimedOut | Self::TimedOutDj | Self::TimedOutManager
        )
    }
}

/// What a call needs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Before {
    Nothing,
    /// A sound of the guild's called `own`, which [`Who::Uploader`] has brought.
    OwnSound,
    /// The same, deleted; its number is made.
    DeletedSound,
    /// One called `late`, which [`Who::TimedOut`] has brought.
    SoundOfTimedOut,
    /// A role called `editor`, which nobody has.
    Role,
}

/// What a refused call could have changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// All rows, but for what the server writes by itself: [`OWN_TABLES`], [`OWN_COLUMNS`].
    rows: Vec<String>,
    channel: Option<ChannelId>,
    files: usize,
    told_discord: usize,
}

/// What was logged, and what files were found to hold.
const OWN_TABLES: [&str; 2] = ["logs", "sound_files"];
/// How long tokens live.
const OWN_COLUMNS: [&str; 2] = ["used_ms", "expires_ms"];

#[derive(QueryableByName)]
struct Told {
    #[diesel(sql_type = Text)]
    told: String,
}

/// The server, its guild and everybody in it.
pub(super) struct World {
    server: Server,
    guild: GuildId,
    tokens: Vec<(Who, Token)>,
    client: Client,
    database: SqliteConnection,
}

impl World {
    /// Everybody in the one voice channel of the guild.
    pub(super) async fn start(has_dj_roles: bool) -> Self {
        let setup = Setup::with_discord()
            .set("YURI_ADMINS", NAMED_ADMIN)
            .set("YURI_LIMITS__BURST", "1000000")
            .set("YURI_UPLOADS__PER_HOUR", "1000");
        fs::write(setup.sounds().join("horn.wav"), fixture("tone.wav")).unwrap();
        fs::write(setup.sounds().join("empty.mp3"), "").unwrap();
        let database = setup.data().join("yuri.sqlite3");
        let server = setup.start().await;
        assert!(server.sim().wait_command("play", PATIENCE).await);
        let guild = server.guild();
        let database = SqliteConnection::establish(database.to_str().unwrap()).unwrap();
        let mut world = Self {
            guild,
            tokens: Vec::new(),
            client: server.client(),
            database,
            server,
        };
        world.people_the_guild(has_dj_roles).await;
        world
    }

    async fn people_the_guild(&mut self, has_dj_roles: bool) {
        let dj = self.add_role("dj", 0).await;
        let blocked = self.add_role("blocked", 0).await;
        let manager = self.add_role("manager", permissions::MANAGE_GUILD).await;
        let administrator = self.add_role("admin", permissions::ADMINISTRATOR).await;
        let chosen = self
            .server
            .app
            .player
            .change_settings(self.guild, move |settings| {
                settings.blocked_roles = vec![blocked];
                settings.dj_roles = if has_dj_roles { vec![dj] } else { Vec::new() };
            });
        chosen.await.unwrap();
        for (number, who) in (500_000_000_000_000_001_u64..).zip(&ALL[2..]) {
            let roles: &[RoleId] = match who {
                Who::Dj | Who::TimedOutDj => &[dj],
                Who::Blocked => &[blocked],
                Who::BlockedDj => &[blocked, dj],
                Who::Manager | Who::TimedOutManager => &[manager],
                Who::GuildAdministrator => &[administrator],
                _ => &[],
            };
            let user = match who {
                Who::Owner => self.server.user("ada"),
                _ => UserId::try_from(number).unwrap(),
            };
            if *who != Who::Owner {
                let person = User::new(user.get(), &format!("user{number}"));
                self.server.sim().add_user(person);
            }
            if !who.is_outsider() && *who != Who::Owner {
                self.seat(user, roles).await;
            }
            if who.is_timed_out() {
                let until = u64::try_from(self.server.clock.now_ms() + 3_600_000).unwrap();
                let sim = self.server.sim();
                sim.set_timeout(user.get(), self.guild.get(), Some(until))
                    .unwrap();
            }
            let token = self.server.token(user).await;
            self.tokens.push((*who, token));
        }
        let stranger = self.server.token(self.server.user("cleo")).await;
        self.tokens.push((Who::Stranger, stranger));
        let (by, user) = (
            self.token(Who::NamedAdmin).user,
            self.token(Who::RoleAdmin).user,
        );
        let role = RoleName::read("admin").unwrap();
        self.server.app.admins.give(by, &role, user).await.unwrap();
    }

    /// A member in the voice channel, as the bot sees it.
    async fn seat(&self, user: UserId, roles: &[RoleId]) {
        let (sim, guild) = (self.server.sim(), self.guild.get());
        let channel = sim.guilds()[0].voice_channel.unwrap();
        sim.add_member(user.get(), guild).unwrap();
        let roles: Vec<u64> = roles.iter().map(|role| role.get()).collect();
        sim.set_roles(user.get(), guild, &roles).unwrap();
        sim.join_voice(user.get(), guild, channel).unwrap();
        let sits = |app: &App| {
            app.guilds
                .gateway()
                .voice_channel(self.guild, user)
                .is_some()
        };
        self.server.until(sits).await;
    }

    async fn add_role(&self, name: &str, rights: u64) -> RoleId {
        let role = self.server.sim().add_role(self.guild.get(), name, rights);
        let role = RoleId::try_from(role.unwrap()).unwrap();
        let knows = |app: &App| {
            let details = app.guilds.gateway().details(self.guild);
            details.is_some_and(|details| details.has_role(role))
        };
        self.server.until(knows).await;
        role
    }

    fn token(&self, who: Who) -> &Token {
        let found = self.tokens.iter().find(|(known, _)| *known == who);
        &found.expect("everybody but nobody has a token").1
    }

    /// Makes what a call needs; answers what it is called.
    pub(super) async fn prepare(&self, before: Before) -> String {
        match before {
            Before::Nothing => {}
            Before::OwnSound => self.bring("own", Who::Uploader, "tone.mp3").await,
            Before::SoundOfTimedOut => self.bring("late", Who::TimedOut, "tone.flac").await,
            Before::DeletedSound => {
                self.bring("own", Who::Uploader, "tone.mp3").await;
                let path = format!("/api/sounds/own?guild={}", self.guild);
                let request = self.server.request(Method::DELETE, &path);
                let deleted = Answer::of(self.token(Who::Owner).sign(request)).await;
                return deleted.json()["id"].as_str().unwrap().to_owned();
            }
            Before::Role => {
                let by = self.token(Who::NamedAdmin).user;
                let role = RoleName::read("editor").unwrap();
                let admins = &self.server.app.admins;
                let _was_there_or_not = admins.delete_role(by, &role).await;
                admins.create_role(by, &role).await.unwrap();
            }
        }
        String::new()
    }

    async fn bring(&self, name: &str, who: Who, file: &str) {
        let library = &self.server.app.library;
        if library.find_in(self.guild, name).is_none() {
            let user = self.token(who).user;
            bring(&self.server, self.guild, user, name, file).await;
        }
    }

    /// Makes a call; answers its status, and of a failure the message.
    pub(super) async fn send(&self, row: &Row, who: Who, made: &str) -> (u16, String) {
        let request = row.request(&self.client, &self.guild.to_string(), made);
        if who == Who::Nobody || row.right == Right::Session {
            // Strangers have ten requests a second.
            self.server.clock.advance(Duration::from_millis(100));
        }
        let request = match who {
            Who::Nobody => request,
            _ => self.token(who).sign(request),
        };
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        if status.is_success() {
            // Some have no end.
            return (status.as_u16(), String::new());
        }
        let body = answer.text().await.unwrap();
        let answer = Answer {
            status,
            headers,
            body,
        };
        let told = match answer.json()["error"].as_str() {
            // As sessions' own routes say it.
            Some(told) => told.to_owned(),
            None => answer.error(),
        };
        (status.as_u16(), told)
    }

    /// What there is now that a call could change.
    pub(super) async fn look(&mut self) -> Seen {
        let rows = self.rows();
        let player = self.server.app.player.state(self.guild).await.unwrap();
        let requests = self.server.sim().requests();
        Seen {
            rows,
            channel: player.channel,
            files: count_files(&self.server.app.config.data_dir.join("sounds")),
            told_discord: requests.iter().filter(|it| it.method != "GET").count(),
        }
    }

    fn rows(&mut self) -> Vec<String> {
        let tables = "SELECT name AS told FROM sqlite_master WHERE type = 'table' ORDER BY name";
        let tables = self.ask(tables).into_iter();
        let tables: Vec<_> = tables.filter(|it| !OWN_TABLES.contains(&&**it)).collect();
        assert!(tables.len() > 10, "{tables:?}");
        let mut rows = Vec::new();
        for table in tables {
            let columns = self.ask(&format!(
                "SELECT name AS told FROM pragma_table_info('{table}')"
            ));
            let columns = columns.into_iter();
            let columns = columns.filter(|it| !OWN_COLUMNS.contains(&&**it));
            let columns: Vec<_> = columns.map(|it| format!("quote({it})")).collect();
            rows.extend(self.ask(&format!(
                "SELECT '{table} ' || {} AS told FROM {table} ORDER BY told",
                columns.join(" || ',' || ")
            )));
        }
        rows
    }

    fn ask(&mut self, sql: &str) -> Vec<String> {
        let told: Vec<Told> = sql_query(sql).load(&mut self.database).unwrap();
        told.into_iter().map(|row| row.told).collect()
    }

    pub(super) async fn stop(self) {
        drop(self.database);
        self.server.stop().await;
    }
}

fn count_files(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let count = |path: &Path| if path.is_dir() { count_files(path) } else { 1 };
    entries.map(|entry| count(&entry.unwrap().path())).sum()
}
