//! How the server behaves towards Discord's HTTP API, on its good days and its bad ones.

mod bounds;
mod burst;
mod failures;
mod limits;

use std::sync::Arc;

use discord_sim::{Effect, Fault, Point, RequestRecord, Requests, Sim};
use yuri::clock::Clock;
use yuri::discord::Discord;
use yuri::discord::oauth::OAuth;
use yuri::discord::rest::{Rest, Urgency};
use yuri::error::Error;
use yuri::ids::{GuildId, UserId};

use crate::support::{Answer, Server, Setup, Token};

/// A server whose callers may ask as often as they like.
async fn server() -> Server {
    Setup::with_discord()
        .set("YURI_LIMITS__BURST", "100000")
        .start()
        .await
}

/// The question whether somebody is a member, which each request about a guild asks.
fn members() -> Requests {
    Requests::to("/guilds/*/members/*")
}

/// How often it was asked.
fn asked(sim: &Sim) -> usize {
    let is_of_members = |request: &RequestRecord| request.path.contains("/members/");
    sim.requests().iter().filter(|it| is_of_members(it)).count()
}

fn fault(sim: &Sim, on: impl Into<Point>, effect: Effect, times: Option<u64>) {
    let fault = Fault::on(on, effect);
    let fault = match times {
        Some(times) => fault.times(times),
        None => fault,
    };
    sim.fault(fault).unwrap();
}

/// A member reads its guild's log, which it is asked about at Discord for.
async fn read_log(server: &Server, token: &Token) -> Answer {
    let path = format!("/api/logs/{}", server.guild());
    token.get(server, &path).await
}

/// The same while the clock moves on, a tenth of a second at a time.
async fn read_log_in_time(server: &Server, token: &Token) -> Answer {
    let reading = read_log(server, token);
    tokio::pin!(reading);
    loop {
        let looked = tokio::time::timeout(std::time::Duration::from_millis(20), &mut reading);
        if let Ok(answer) = looked.await {
            return answer;
        }
        server.clock.advance(std::time::Duration::from_millis(100));
    }
}

/// A client of Discord's own, beside the server's; nothing is known to it yet.
struct Client {
    discord: Discord,
    oauth: OAuth,
    clock: Clock,
    guild: GuildId,
}

impl Client {
    fn new(server: &Server, clock: Clock) -> Self {
        Self::with(server, clock, |_| {})
    }

    fn with(
        server: &Server,
        clock: Clock,
        change: impl FnOnce(&mut yuri::config::Discord),
    ) -> Self {
        let mut config = server.app.config.discord.clone();
        change(&mut config);
        let rest = Arc::new(Rest::open(&config, clock.clone()).unwrap());
        Self {
            discord: Discord::new(&config, Arc::clone(&rest)).unwrap(),
            oauth: OAuth::new(&config, rest).unwrap(),
            clock,
            guild: server.guild(),
        }
    }

    /// Whether somebody is a member of the guild, asked by one who waits for it.
    async fn ask(&self, user: UserId) -> Result<bool, Error> {
        self.ask_with(user, Urgency::Interactive).await
    }

    async fn ask_with(&self, user: UserId, urgency: Urgency) -> Result<bool, Error> {
        let member = self.discord.find_member(self.guild, user, urgency).await?;
        Ok(member.is_some())
    }
}
