//! What `GET /api/guilds/<guild>/player` says while voice comes, goes and goes wrong.

use std::fs;
use std::time::Duration;

use discord_sim::{Effect, Fault, FaultId, Payloads, Point, Server as SimServer, VoiceEnd};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::stage::PATIENCE;
use crate::audio::fixture;
use crate::support::child::voice_test;
use crate::support::{Answer, Server, Setup, Token};

struct Caller {
    server: Server,
    token: Token,
    base: String,
    guild: u64,
}

impl Caller {
    async fn start() -> Self {
        let setup = Setup::with_discord()
            .set("YURI_LIMITS__BURST", "100000")
            .set("YURI_DISCORD__VOICE_SETTLE_MS", "1000");
        fs::write(setup.sounds().join("tone.ogg"), fixture("tone-opus.ogg")).unwrap();
        let server = setup.start().await;
        let guild = server.sim().guilds()[0].id;
        let token = server.token(server.user("ada")).await;
        let base = format!("/api/guilds/{guild}");
        Self {
            server,
            token,
            base,
            guild,
        }
    }

    async fn player(&self) -> Value {
        let path = format!("{}/player", self.base);
        self.token.get(&self.server, &path).await.json()
    }

    /// Waits until the player says so; checks that it says nothing else before.
    async fn until(&self, state: &str, before: &[&str]) -> Value {
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                let player = self.player().await;
                let now = player["state"].as_str().unwrap();
                if now == state {
                    return player;
                }
                assert!(before.contains(&now), "{now} on the way to {state}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        waited
            .await
            .unwrap_or_else(|_| panic!("it was never {state}"))
    }

    fn play(&self) -> JoinHandle<Answer> {
        let request = self
            .server
            .request(reqwest::Method::POST, &format!("{}/play", self.base));
        let request = self.token.sign(request);
        let request = request.header("Content-Type", "application/json");
        tokio::spawn(Answer::of(
            request.body(r#"{"sound":"tone","source":"local"}"#),
        ))
    }

    fn fault(&self, point: impl Into<Point>, effect: Effect) -> FaultId {
        self.server.sim().fault(Fault::on(point, effect)).unwrap()
    }
}

fn says(player: &Value) -> (&Value, &Value) {
    (&player["channel_id"], &player["reason"])
}

voice_test! {
    async fn each_state_is_told_when_it_is_so() {
        let caller = Caller::start().await;
        let lounge = json!(caller.server.sim().guilds()[0].voice_channel.unwrap().to_string());
        let nothing = Value::Null;
        let player = caller.player().await;
        assert_eq!(player["state"], "idle");
        assert_eq!(says(&player), (&nothing, &nothing));

        let slow = caller.fault(SimServer::Voice, Effect::Delay(Duration::from_millis(500).into()));
        let play = caller.play();
        let player = caller.until("joining", &["idle"]).await;
        assert_eq!(player["queue"][0]["sound"], "tone");
        let player = caller.until("securing", &["joining"]).await;
        assert_eq!(says(&player), (&lounge, &nothing));
        let player = caller.until("playing", &["securing"]).await;
        assert_eq!(player["now_playing"]["sound"], "tone");
        assert_eq!(player["queue"], json!([]));
        assert_eq!(play.await.unwrap().status, 200);
        let player = caller.until("ready", &["playing"]).await;
        assert_eq!(says(&player), (&lounge, &nothing));
        assert_eq!(player["now_playing"], nothing);
        caller.server.sim().remove_fault(slow);

        let end = VoiceEnd::Close(4_006, "".into());
        caller.server.sim().end_voice_connection(caller.guild, end).unwrap();
        let player = caller.until("lost", &["ready"]).await;
        let why = json!("discord closed the voice connection, try again");
        assert_eq!(says(&player), (&nothing, &why));

        let refuse = Point::Received(Payloads::voice().op(0));
        let refuse = caller.fault(refuse, Effect::Close(Some(4_017)));
        let why = "discord demands encryption that this version does not have";
        let answer = caller.play().await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (502, why));
        let player = caller.player().await;
        assert_eq!(player["state"], "refused");
        assert_eq!(says(&player), (&nothing, &json!(why)));
        caller.server.sim().remove_fault(refuse);

        let deaf = Point::Received(Payloads::gateway().op(4));
        let deaf = caller.fault(deaf, Effect::Swallow);
        let why = "discord did not answer the voice connection, try again";
        let answer = caller.play().await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (504, why));
        let player = caller.player().await;
        assert_eq!(player["state"], "lost");
        assert_eq!(says(&player), (&nothing, &json!(why)));
        caller.server.sim().remove_fault(deaf);

        assert_eq!(caller.play().await.unwrap().status, 200);
        let bot = caller.server.sim().application().id;
        caller.server.sim().leave_voice(bot, caller.guild).unwrap();
        let player = caller.until("idle", &["playing", "ready"]).await;
        assert_eq!(says(&player), (&nothing, &nothing));
        caller.server.stop().await;
    }
}
