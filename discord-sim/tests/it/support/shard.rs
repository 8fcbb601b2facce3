//! Logging in by hand, for tests of the gateway.

use std::time::Duration;

use discord_sim::{Application, Guild, Role, Settings, Sim, User, World};
use serde_json::{Value, json};

use super::socket::Socket;

pub(crate) const GUILD_MEMBERS: u64 = 1 << 1;
pub(crate) const GUILD_PRESENCES: u64 = 1 << 8;
/// Everything but the privileged intents.
pub(crate) const INTENTS: u64 = 53_575_421;

/// Connects and takes HELLO.
pub(crate) async fn connect(sim: &Sim) -> Socket {
    let mut socket = Socket::connect(&format!("{}/?v=10&encoding=json", sim.gateway_url())).await;
    assert_eq!(socket.receive().await["op"], 10);
    socket
}

/// The least that IDENTIFY must say.
pub(crate) fn identify(token: &str, intents: u64) -> Value {
    json!({ "token": token, "intents": intents, "properties": {} })
}

/// Logs in and hands back what READY said.
pub(crate) async fn log_in(sim: &Sim, intents: u64) -> (Socket, Value) {
    log_in_with(sim, identify(&sim.application().bot_token, intents)).await
}

/// Logs in with this payload of IDENTIFY.
pub(crate) async fn log_in_with(sim: &Sim, data: Value) -> (Socket, Value) {
    // Discord lets a bot identify every five seconds.
    sim.advance_clock(Duration::from_secs(5));
    let mut socket = connect(sim).await;
    socket.send(2, data).await;
    let ready = socket.receive_event("READY").await;
    (socket, ready)
}

/// Resumes the session that READY spoke of.
pub(crate) fn resume(sim: &Sim, ready: &Value, seq: u64) -> Value {
    let token = sim.application().bot_token;
    json!({ "token": token, "session_id": ready["session_id"], "seq": seq })
}

/// A guild of ada, 11, and ben, 12, with the bots Yuri, 21, and Otto, 22: a text channel, 32,
/// and a voice channel, 33.
pub(crate) fn two_bots() -> Guild {
    Guild::new(LAB, "Lab", 11)
        .text(32, "general")
        .voice(33, "Lounge")
        .role(Role::new(41, "dj", 0))
        .role(Role::new(
            42,
            "admin",
            discord_sim::permissions::ADMINISTRATOR,
        ))
        .member(11)
        .member(12)
        .member(21)
        .member_with_roles(22, &[42])
}

/// The id of the guild of [`two_bots`].
pub(crate) const LAB: u64 = 31 << 22;

/// A simulator of this guild and those who are in [`two_bots`].
pub(crate) async fn sim_of(guild: Guild, others: impl IntoIterator<Item = User>) -> Sim {
    let mut world = World::empty()
        .user(User::new(11, "ada").global_name("Adeline"))
        .user(User::new(12, "ben"))
        .application(Application::new(21, "Yuri"))
        .application(Application::new(22, "Otto"));
    for user in others {
        world = world.user(user);
    }
    let settings = Settings {
        world: world.guild(guild),
        rate_limits: super::unlimited(),
        ..Settings::default()
    };
    Sim::start(settings).await.unwrap()
}

/// The names of a value's fields, in order.
pub(crate) fn fields(value: &Value) -> Vec<&str> {
    let mut names = value.as_object().unwrap().keys().collect::<Vec<_>>();
    names.sort();
    names.into_iter().map(String::as_str).collect()
}
