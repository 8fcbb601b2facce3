//! A bot that answers interactions by hand.

use discord_sim::{Answer, Modal, Reply, Sim, SimError, Slash};
use serde_json::{Value, json};

use super::rest::{DONE, Rest};
use super::shard::{INTENTS, LAB, log_in, sim_of, two_bots};
use super::socket::Socket;

/// Who uses the commands.
pub(crate) const BEN: u64 = 12;

/// A simulator, and its bot as a test plays it.
pub(crate) struct Stage {
    pub(crate) sim: Sim,
    pub(crate) rest: Rest,
    pub(crate) socket: Socket,
}

/// Logs the bot in and registers its commands.
pub(crate) async fn stage() -> Stage {
    let sim = sim_of(two_bots(), []).await;
    let (socket, _) = log_in(&sim, INTENTS).await;
    let rest = Rest::new(&sim);
    let option = |kind: u8, name: &str| json!({ "type": kind, "name": name, "description": "d" });
    let commands = json!([
        { "name": "board", "description": "d", "options": [option(11, "clip"), option(9, "who")] },
        { "name": "Greet", "type": 2 },
        { "name": "Play this", "type": 3 },
    ]);
    let (status, _) = rest.put("/applications/21/commands", commands).await;
    assert_eq!(status, 200);
    Stage { sim, rest, socket }
}

/// Where the first answer goes.
pub(crate) fn callback(event: &Value) -> String {
    let text = |name: &str| event[name].as_str().unwrap();
    format!("/interactions/{}/{}/callback", text("id"), text("token"))
}

/// Where what follows goes.
pub(crate) fn webhook(event: &Value) -> String {
    format!("/webhooks/21/{}", event["token"].as_str().unwrap())
}

impl Stage {
    /// A person does something and the bot answers it; what the bot was told, and what the
    /// person sees.
    pub(crate) async fn meet(
        &mut self,
        doing: impl Future<Output = Result<Answer, SimError>>,
        answer: Value,
    ) -> (Value, Answer) {
        let (rest, socket) = (&self.rest, &mut self.socket);
        let bot = async {
            let event = socket.receive_event("INTERACTION_CREATE").await;
            assert_eq!(rest.post(&callback(&event), answer).await, DONE);
            event
        };
        let (seen, event) = tokio::join!(doing, bot);
        (event, seen.unwrap())
    }

    /// Uses the slash command and answers with a message.
    pub(crate) async fn message(&mut self, data: Value) -> (Value, Reply) {
        let sim = self.sim.clone();
        let board = Slash::new("board");
        let doing = sim.use_command(BEN, LAB, &board);
        let (event, seen) = self.meet(doing, json!({ "type": 4, "data": data })).await;
        (event, reply(seen))
    }

    /// A message with a button, `go`, and a menu, `pick`.
    pub(crate) async fn board(&mut self) -> u64 {
        let menu = json!({
            "type": 3, "custom_id": "pick", "max_values": 2,
            "options": [{ "label": "A", "value": "a" }, { "label": "B", "value": "b" }],
        });
        let buttons = json!([
            { "type": 2, "style": 1, "label": "Go", "custom_id": "go" },
            { "type": 2, "style": 2, "label": "Off", "custom_id": "off", "disabled": true },
        ]);
        let rows = json!([
            { "type": 1, "components": buttons }, { "type": 1, "components": [menu] },
        ]);
        let data = json!({ "content": "board", "components": rows });
        self.message(data).await.1.id
    }
}

/// The message that a person sees.
pub(crate) fn reply(answer: Answer) -> Reply {
    match answer {
        Answer::Reply(reply) | Answer::Update(reply) => reply,
        other => panic!("no message: {other:?}"),
    }
}

/// The form that a person sees.
pub(crate) fn modal(answer: Answer) -> Modal {
    match answer {
        Answer::Modal(modal) => modal,
        other => panic!("no form: {other:?}"),
    }
}
