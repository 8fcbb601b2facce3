//! Sessions for any bot: seed 001, contract 8. A server whose own bot is not alone: three more log
//! in, each with a guild for itself; two of them share another with the server's bot.

mod abuse;
mod caps;
mod connection;
mod data;
mod ends;
mod failures;
mod flat;
mod guilds;
mod isolation;
mod login;
mod modes;
mod paging;
mod play;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use discord_sim::{
    Application, Channel, ChannelKind, Cut, Effect, Fault, FaultId, Guild, HttpAnswer, Overwrite,
    OverwriteTarget, Payloads, Point, Requests, Server as Port, Sim, User, World, permissions,
};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{Answer, SITE, Server, Setup, Token};

/// Owns the shared guild.
const ADA: u64 = 182_440_710_331_105_281;
/// A plain member of it, who sits in its voice channel.
const BEN: u64 = 264_911_308_557_295_617;
/// The server's own bot.
const YURI: u64 = 1_098_214_563_907_108_864;
/// The bots that log in.
const XENIA: u64 = 1_201_448_000_214_237_184;
const YOLANDA: u64 = 1_201_448_000_331_677_697;
const ZORA: u64 = 1_201_448_000_449_118_210;
/// What they have for themselves.
const X_LAB: Lab = Lab::new("X-Lab", XENIA, 1_202_390_117_304_107_008);
const Y_LAB: Lab = Lab::new("Y-Lab", YOLANDA, 1_202_390_117_421_547_520);
const Z_LAB: Lab = Lab::new("Z-Lab", ZORA, 1_202_390_117_538_988_032);
/// What Yuri, Xenia and Yolanda share, and its channels: two of them are each for one bot alone.
const COMMON: u64 = 1_203_118_040_206_450_688;
const LOBBY: u64 = COMMON + 1;
const HALL: u64 = COMMON + 2;
const X_ONLY: u64 = COMMON + 3;
const Y_ONLY: u64 = COMMON + 4;
/// Names nothing.
const NOWHERE: u64 = 1_299_999_999_999_999_999;

const LOGIN: &str = "/api/auth/login";
const LOGOUT: &str = "/api/auth/logout";
/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A guild of one bot, with a person who listens in its voice channel.
struct Lab {
    name: &'static str,
    bot: u64,
    guild: u64,
    general: u64,
    lounge: u64,
    owner: u64,
}

impl Lab {
    const fn new(name: &'static str, bot: u64, guild: u64) -> Self {
        Self {
            name,
            bot,
            guild,
            general: guild + 1,
            lounge: guild + 2,
            owner: guild + 3,
        }
    }

    fn add_to(&self, world: World) -> World {
        world
            .user(User::new(self.owner, &format!("owner-of-{}", self.name)))
            .guild(
                Guild::new(self.guild, self.name, self.owner)
                    .text(self.general, "general")
                    .voice(self.lounge, "Lounge")
                    .member(self.owner)
                    .member(self.bot)
                    .in_voice(self.owner, self.lounge),
            )
    }
}

/// The demo's world and all this.
fn world() -> World {
    let hidden = |id: u64, name: &str, bot: u64| {
        let see = permissions::VIEW_CHANNEL;
        let mut channel = Channel::new(id, name, ChannelKind::Text);
        channel.overwrites = [
            (OverwriteTarget::Role(COMMON), 0, see),
            (OverwriteTarget::Member(bot), see, 0),
        ]
        .map(|(target, allow, deny)| Overwrite {
            target,
            allow,
            deny,
        })
        .to_vec();
        channel
    };
    let bots = [(XENIA, "Xenia"), (YOLANDA, "Yolanda"), (ZORA, "Zora")];
    let world = bots.into_iter().fold(World::demo(), |world, (id, name)| {
        world.application(Application::new(id, name))
    });
    let world = [X_LAB, Y_LAB, Z_LAB]
        .iter()
        .fold(world, |world, lab| lab.add_to(world));
    world.guild(
        Guild::new(COMMON, "Common", ADA)
            .text(LOBBY, "lobby")
            .voice(HALL, "Hall")
            .channel(hidden(X_ONLY, "x-only", XENIA))
            .channel(hidden(Y_ONLY, "y-only", YOLANDA))
            .member(ADA)
            .member(BEN)
            .member(YURI)
            .member(XENIA)
            .member(YOLANDA)
            .in_voice(BEN, HALL),
    )
}

/// A server to which anybody may bring a bot.
fn setup() -> Setup {
    setup_in(world())
}

/// The same in another world.
fn setup_in(world: World) -> Setup {
    Setup::in_world(world)
        .without_encryption()
        .set("YURI_SESSIONS__MODE", "open")
        .set("YURI_HTTP__TRUSTED_PROXIES", "127.0.0.1")
        // A test asks for more than people do.
        .set("YURI_LIMITS__BURST", "100000")
}

/// A token of a bot's shape that Discord has never given out.
fn junk(number: u64) -> String {
    let nobody = URL_SAFE_NO_PAD.encode((NOWHERE - 1 - number).to_string());
    format!("{nobody}.Junk-x.{number:038}")
}

/// The text of an error of the five routes; checks its form to the byte.
fn flat(answer: &Answer) -> String {
    let text = answer.json()["error"]
        .as_str()
        .unwrap_or_else(|| panic!("no flat error: {}", answer.body))
        .to_owned();
    let quoted = serde_json::to_string(&text).unwrap();
    assert_eq!(answer.body, format!("{{\n  \"error\": {quoted}\n}}"));
    assert_eq!(answer.header("content-type"), "application/json");
    text
}

/// All that a caller can see of an answer, but for what differs each time.
fn seen(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let differs = [
        "date",
        "x-request-id",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
    ];
    let headers = answer.headers.iter();
    let mut headers: Vec<_> = headers
        .filter(|(name, _)| !differs.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    (answer.status.as_u16(), headers, answer.body.clone())
}

/// A running server among these bots.
struct Stage {
    server: Server,
    client: Client,
    homes: AtomicU32,
}

impl Stage {
    async fn start() -> Self {
        Self::start_with(setup()).await
    }

    async fn start_with(setup: Setup) -> Self {
        Self::of(setup.start().await).await
    }

    async fn of(server: Server) -> Self {
        for path in ["/users/@me/guilds", "/guilds/*/members", "/gateway/bot"] {
            server.sim().set_rate_limit(Requests::to(path), None);
        }
        // The server's bot has nothing more to say of its own.
        assert!(server.sim().wait_command("play", PATIENCE).await);
        let client = server.client();
        Self {
            server,
            client,
            homes: AtomicU32::new(0),
        }
    }

    /// An address that nobody has come from.
    fn home(&self) -> String {
        let number = self.homes.fetch_add(1, Ordering::Relaxed);
        let part = |size: u32| number / size % 250 + 1;
        format!("10.{}.{}.{}", part(62_500), part(250), part(1))
    }

    /// A request from such an address: limits of addresses are in nobody's way.
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request_from(&self.home(), method, path)
    }

    fn request_from(&self, home: &str, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{SITE}{path}"));
        request.header("X-Forwarded-For", home)
    }

    /// Sends a request and reads the answer, in time.
    async fn send(&self, request: RequestBuilder) -> Answer {
        self.in_time(Answer::of(request)).await
    }

    /// Sends a `GET` of a user's and reads the answer, in time.
    async fn get_as(&self, user: &Token, path: &str) -> Answer {
        self.send(user.sign(self.request(Method::GET, path))).await
    }

    /// Does something while the clock goes on: it may have to wait for its turn at Discord.
    async fn in_time<T>(&self, work: impl Future<Output = T>) -> T {
        const TICK: Duration = Duration::from_millis(20);
        tokio::pin!(work);
        loop {
            if let Ok(done) = tokio::time::timeout(TICK, &mut work).await {
                return done;
            }
            self.server.clock.advance(TICK);
        }
    }

    /// The simulated Discord, for one of the bots.
    fn bot(&self, bot: u64) -> Sim {
        self.server.sim().for_bot(bot)
    }

    fn token(&self, bot: u64) -> String {
        self.bot(bot).application().bot_token
    }

    async fn try_login(&self, token: &str) -> Answer {
        self.try_login_from(&self.home(), token).await
    }

    async fn try_login_from(&self, home: &str, token: &str) -> Answer {
        let request = self.request_from(home, Method::POST, LOGIN);
        self.send(request.json(&json!({"token": token}))).await
    }

    async fn login(&self, bot: u64) -> Session {
        Session::of(&self.try_login(&self.token(bot)).await)
    }

    /// Counts what passes somewhere.
    fn count(&self, point: impl Into<Point>, effect: Effect) -> Count<'_> {
        let sim = self.server.sim();
        let never = Fault::on(point, effect).probability(0.0);
        let fault = sim.fault(never).unwrap();
        Count { sim, fault }
    }

    /// Counts some requests.
    fn count_requests(&self, requests: Requests) -> Count<'_> {
        self.count(requests, Effect::Answer(HttpAnswer::status(503)))
    }

    /// Counts all requests of a bot.
    fn count_calls(&self, bot: u64) -> Count<'_> {
        self.count_requests(Requests::all().of_bot(bot))
    }

    /// Counts the requests by which tokens are tried, good or not.
    fn count_trials(&self) -> Count<'_> {
        self.count_requests(Requests::to("/users/@me"))
    }

    /// Counts how often a bot asks for a session of the gateway.
    fn count_identifies(&self, bot: u64) -> Count<'_> {
        let identify = Payloads::gateway().op(2).of_bot(bot);
        self.count(Point::Received(identify), Effect::Swallow)
    }

    /// Counts connections to the gateway, whoever makes them.
    fn count_connections(&self) -> Count<'_> {
        self.count(Port::Gateway, Effect::Cut(Cut::Reset))
    }

    /// Lets an effect strike what is asked, so often.
    fn fail(&self, point: impl Into<Point>, effect: Effect, times: u64) -> FaultId {
        let fault = Fault::on(point, effect).times(times);
        self.server.sim().fault(fault).unwrap()
    }

    /// Removes a fault again; it must have struck.
    fn assert_struck(&self, fault: FaultId) {
        let report = self.server.sim().remove_fault(fault).unwrap();
        assert!(report.struck > 0, "{report:?}");
    }

    /// Waits until a session has ended.
    async fn until_over(&self, session: &Session) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while session.is_alive(self).await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        waited.await.expect("the session ends");
    }

    async fn stop(self) {
        self.server.stop().await;
    }
}

/// A fault that never strikes, for what it has met.
struct Count<'a> {
    sim: &'a Sim,
    fault: FaultId,
}

impl Count<'_> {
    fn get(&self) -> u64 {
        let mut reports = self.sim.faults().into_iter();
        reports
            .find(|report| report.id == self.fault)
            .expect("it still counts")
            .met
    }
}

/// A bot's session, by its id.
#[derive(Clone, Debug)]
struct Session(String);

impl Session {
    /// That of a login.
    fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.body);
        Self(answer.json()["sessionId"].as_str().unwrap().to_owned())
    }

    fn sign(&self, request: RequestBuilder) -> RequestBuilder {
        request.header("Authorization", &self.0)
    }

    async fn get(&self, stage: &Stage, path: &str) -> Answer {
        stage
            .send(self.sign(stage.request(Method::GET, path)))
            .await
    }

    /// Sends a `POST` without a body.
    async fn post(&self, stage: &Stage, path: &str) -> Answer {
        stage
            .send(self.sign(stage.request(Method::POST, path)))
            .await
    }

    async fn post_json(&self, stage: &Stage, path: &str, body: &Value) -> Answer {
        let request = self.sign(stage.request(Method::POST, path));
        stage.send(request.json(body)).await
    }

    async fn put_json(&self, stage: &Stage, path: &str, body: &Value) -> Answer {
        let request = self.sign(stage.request(Method::PUT, path));
        stage.send(request.json(body)).await
    }

    /// Whether the server still knows it; that is a use of it, and costs Discord nothing.
    async fn is_alive(&self, stage: &Stage) -> bool {
        // A channel is missing: who is known is told so.
        match self.get(stage, "/api/messages").await.status.as_u16() {
            400 => true,
            401 => false,
            other => panic!("{other}"),
        }
    }

    async fn logout(&self, stage: &Stage) {
        let answer = self.post(stage, LOGOUT).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Connects the bot by the least that needs it: sets its volume to what it is.
    async fn connect(&self, stage: &Stage, guild: u64) {
        let path = format!("/api/guilds/{guild}/volume");
        let set = self.put_json(stage, &path, &json!({"volume": 100})).await;
        assert_eq!(set.status, 200, "{}", set.body);
    }
}
