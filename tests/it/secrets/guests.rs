//! Bots that somebody brings: their tokens and the ids of their sessions.

use std::cell::Cell;
use std::time::Duration;

use discord_sim::{
    Application, Cut, Effect, Fault, Guild, HttpAnswer, Interruption, Requests, World,
};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{PATIENCE, SESSION, Secrets, Story, VOICE, WRONG, browser, set, status};

/// Of a token's shape, but of nobody's.
const JUNK: &str = "MTI5OTk5OTk5OTk5OTk5OTk5OQ.Canary.junk0token00000000000000000000000000000";
/// A bot, its guild, and the guild's channels.
const GUEST: u64 = 1_201_448_000_214_237_184;
const GUILD: u64 = 1_202_390_117_304_107_008;
const LOUNGE: u64 = GUILD + 1;
const GENERAL: u64 = GUILD + 2;

/// The demo's world, and a bot that is a guest with a guild of its own.
pub(super) fn world() -> World {
    let owner = 182_440_710_331_105_281;
    World::demo()
        .application(Application::new(GUEST, "Guest"))
        .guild(
            Guild::new(GUILD, "Guests", owner)
                .voice(LOUNGE, "Lounge")
                .text(GENERAL, "general")
                .member(owner)
                .member(GUEST),
        )
}

impl Story {
    /// A session of a bot that somebody brings, good and bad uses of it, and tokens of no bot; what
    /// must not be seen of all that, and the session's short hash.
    pub(super) async fn bring_a_bot(&self) -> (Secrets, String) {
        let sim = self.sim.for_bot(GUEST);
        let (old, new) = (sim.application().bot_token, sim.reset_bot_token());
        // Each from an address of its own: this is not about limits.
        let homes = Cell::new(0_u8);
        let ask = |method: Method, path: &str| {
            homes.set(homes.get().wrapping_add(1));
            let request = browser().request(method, format!("{}{path}", self.web));
            request.header("X-Forwarded-For", format!("10.0.0.{}", homes.get()))
        };
        let post = |path: &str| ask(Method::POST, path);
        let mut told = Vec::new();
        let mut login = async |token: &str, status: u16| {
            let answer = post("/api/auth/login").json(&json!({"token": token}));
            let answer = answer.send().await.unwrap();
            assert_eq!(answer.status(), status, "{token}");
            let body = answer.text().await.unwrap();
            told.push(body.clone());
            let body: Value = serde_json::from_str(&body).unwrap();
            body["sessionId"].as_str().map(str::to_owned)
        };
        for (token, status) in [(&*old, 401), (JUNK, 401), (WRONG, 401)] {
            assert_eq!(login(token, status).await, None);
        }
        for failure in [
            Effect::Answer(HttpAnswer::status(500)),
            Effect::Cut(Cut::Reset),
        ] {
            let trial = Requests::to("/users/@me").of_bot(GUEST);
            let fault = self.sim.fault(Fault::on(trial, failure)).unwrap();
            assert_eq!(login(&new, 502).await, None);
            self.sim.remove_fault(fault);
        }
        let id = login(&new, 200).await.unwrap();
        let second = login(&new, 200).await.unwrap();
        let mut secrets = Secrets::default();
        for (what, secret) in [
            ("a revoked token", old.as_str()),
            ("a token", new.as_str()),
            ("a junk token", JUNK),
            ("a malformed token", WRONG),
        ] {
            secrets.add(&format!("of a guest: {what}"), secret);
        }
        secrets.assert_absent("what logins are told", &told.join("\n"));
        secrets.add("of a guest: a session", &id);
        secrets.add("of a guest: another session", &second);

        let unfinished = format!(r#"{{"token":"{new}""#);
        let unfinished = post("/api/auth/login")
            .header("Content-Type", "application/json")
            .body(unfinished);
        let get = |path: &str| ask(Method::GET, path);
        let play = |session: &str| {
            let body = json!({"sound": "tone", "channel_id": LOUNGE.to_string()});
            let play = post(&format!("/api/guilds/{GUILD}/play")).json(&body);
            play.header("Authorization", session)
        };
        let signed = |path: &str| get(path).header("Authorization", &id);
        self.sim
            .fault(set("READY", "/session_id", SESSION))
            .unwrap();
        self.sim
            .fault(set("VOICE_SERVER_UPDATE", "/token", VOICE))
            .unwrap();
        let mut told = String::new();
        for (request, status) in [
            (unfinished, 400),
            (signed("/api/members"), 200),
            (signed("/api/channels"), 200),
            (signed(&format!("/api/messages?channelId={GENERAL}")), 200),
            (signed(&format!("/api/messages?channelId={id}")), 400),
            (
                get(&format!("/api/members?sessionId={id}&token={new}")),
                401,
            ),
            (get(&format!("/api/{id}/{new}")), 401),
            (get("/api/members").bearer_auth(&id), 401),
            (get("/api/members").header("Authorization", &new), 401),
            (signed("/api/localsounds"), 401),
            (play(&id), 502),
            (play(&second), 200),
            (post("/api/auth/logout").header("Authorization", &id), 200),
            (post("/api/auth/logout").header("Authorization", &id), 401),
        ] {
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), status, "{}", answer.url().path());
            told += &answer.text().await.unwrap();
        }
        // The other one ends by Discord's will.
        sim.interrupt_gateway(None, Interruption::Close(Some(4004)));
        let ended = async {
            let known = || get("/api/messages").header("Authorization", &second);
            while status(known()).await != 401 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("an end");
        secrets.assert_absent("what a session is told", &told);
        let hash = Sha256::digest(&id);
        let short = hash.iter().take(4).map(|byte| format!("{byte:02x}"));
        (secrets, short.collect())
    }
}
