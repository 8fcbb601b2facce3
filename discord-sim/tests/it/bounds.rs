//! Bodies that are larger than anything Discord takes, and lists that would never end: they are
//! refused by their size, and what is done in bulk is told once.

use discord_sim::Sim;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::rest::{Answer, DONE, Rest, error, fault};
use crate::support::shard::{INTENTS, LAB, log_in, sim_of, two_bots};
use crate::support::socket::Socket;

const OTTO: u64 = 22;
const MESSAGES: &str = "/channels/32/messages";
/// More entries than any list may have, and few enough for a test.
const ENDLESS: usize = 50_000;

/// Otto may do everything; Yuri listens.
async fn stage() -> (Sim, Rest, Socket) {
    let sim = sim_of(two_bots(), []).await;
    let (socket, _) = log_in(&sim, INTENTS).await;
    let otto = Rest::new(&sim.for_bot(OTTO));
    (sim, otto, socket)
}

/// That the list is too long is all that is said of it.
fn is_too_long(answer: &Answer, place: &str) {
    assert_eq!(answer.0, 400);
    assert_eq!(fault(answer, place), "BASE_TYPE_MAX_LENGTH", "{}", answer.1);
    assert!(answer.1.to_string().len() < 300, "{}", answer.1);
}

/// The names of the next events, until one of this name has come.
async fn names_until(socket: &mut Socket, last: &str) -> Vec<String> {
    let mut names = Vec::new();
    loop {
        let name = socket.receive().await["t"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if name == last {
            return names;
        }
        names.push(name);
    }
}

#[tokio::test]
async fn a_list_is_refused_by_its_length_before_its_entries() {
    let (_, otto, _) = stage().await;
    let zeros = vec![0; ENDLESS];
    let many = "Provided too few or too many messages to delete. Must provide at least 2 and \
                fewer than 100 messages to delete.";
    let bulk = format!("{MESSAGES}/bulk-delete");
    let deleted = otto.post(&bulk, json!({ "messages": zeros })).await;
    assert_eq!(deleted, error(400, 50016, many));
    let member = format!("/guilds/{LAB}/members/12");
    let changed = otto.patch(&member, json!({ "roles": zeros })).await;
    is_too_long(&changed, "roles");
    let emoji = json!({ "name": "horn", "image": "data:,", "roles": zeros });
    let made = otto.post(&format!("/guilds/{LAB}/emojis"), emoji).await;
    assert_eq!(fault(&made, "roles"), "BASE_TYPE_MAX_LENGTH");
    let command = json!({ "name": "play", "description": "d", "options": zeros });
    let made = otto.post("/applications/22/commands", command).await;
    is_too_long(&made, "options");
    let choices = json!([{ "type": 3, "name": "sound", "description": "d", "choices": zeros }]);
    let command = json!({ "name": "play", "description": "d", "options": choices });
    let made = otto.post("/applications/22/commands", command).await;
    is_too_long(&made, "options.0.choices");
    for name in ["roles", "channels"] {
        let path = format!("/guilds/{LAB}/{name}");
        is_too_long(&otto.patch(&path, json!(zeros)).await, name);
    }
}

#[tokio::test]
async fn of_a_body_that_is_wrong_all_over_the_first_hundred_faults_are_told() {
    let (_, otto, _) = stage().await;
    let moves = vec![json!({ "position": 0 }); 250];
    let (status, refused) = otto
        .patch(&format!("/guilds/{LAB}/roles"), json!(moves))
        .await;
    assert_eq!(status, 400);
    assert_eq!(refused["errors"]["roles"].as_object().unwrap().len(), 50);
}

#[tokio::test]
async fn json_has_a_bound_of_its_own() {
    let (_, otto, _) = stage().await;
    let large = error(413, 40005, "Request entity too large");
    let mut body = json!({ "content": "x" }).to_string();
    body.push_str(&" ".repeat(4 * 1024 * 1024));
    let sent = otto.raw(Method::POST, MESSAGES, "application/json", body.clone());
    assert_eq!(sent.await, large);
    let form = format!(
        "--cut\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n\r\n{body}\r\n--cut--\r\n"
    );
    let form_type = "multipart/form-data; boundary=cut";
    assert_eq!(
        otto.raw(Method::POST, MESSAGES, form_type, form).await,
        large
    );
}

#[tokio::test]
async fn the_token_of_an_interaction_is_asked_for_before_its_body() {
    let (sim, ..) = stage().await;
    let nobody = Rest::with(&sim, String::new());
    for (method, path, code) in [
        (Method::POST, "/interactions/1/x/callback", 10062),
        (Method::POST, "/webhooks/1/x", 10015),
        (Method::PATCH, "/webhooks/1/x/messages/@original", 10015),
    ] {
        let (status, answer) = nobody
            .raw(method, path, "application/json", "no JSON")
            .await;
        assert_eq!((status, &answer["code"]), (404, &json!(code)), "{path}");
    }
}

#[tokio::test]
async fn roles_are_moved_together_and_told_once() {
    let (sim, otto, mut socket) = stage().await;
    let ids = (0..6).map(|n| sim.add_role(LAB, &format!("r{n}"), 0).unwrap());
    let ids = ids.collect::<Vec<_>>();
    // Otto's own role is put above them.
    sim.move_role(LAB, 42, 8).unwrap();
    let path = format!("/guilds/{LAB}/roles");
    let moves = |ids: &mut dyn Iterator<Item = &u64>| {
        let places = ids.zip(2..);
        let moves = places.map(|(id, place)| json!({ "id": id.to_string(), "position": place }));
        Value::from(moves.collect::<Vec<_>>())
    };
    let same = moves(&mut ids.iter());
    let turned = moves(&mut ids.iter().rev());
    sim.remove_role(LAB, sim.add_role(LAB, "mark", 0).unwrap())
        .unwrap();
    names_until(&mut socket, "GUILD_ROLE_DELETE").await;

    assert_eq!(otto.patch(&path, same).await.0, 200);
    let (_, roles) = otto.patch(&path, turned).await;
    let order = roles.as_array().unwrap().iter().skip(2).take(6);
    let order = order.map(|role| role["id"].as_str().unwrap().parse::<u64>().unwrap());
    assert!(order.eq(ids.iter().rev().copied()), "{roles}");
    // The same role over and over is moved to the last of its places.
    let mut again = vec![json!({ "id": ids[5].to_string(), "position": 3 }); 249];
    again.push(json!({ "id": ids[5].to_string(), "position": 2 }));
    assert_eq!(otto.patch(&path, json!(again)).await.0, 200);
    sim.remove_role(LAB, 41).unwrap();
    let told = names_until(&mut socket, "GUILD_ROLE_DELETE").await;
    assert_eq!(told, ["GUILD_ROLE_UPDATE"; 6]);
    let log = format!("/guilds/{LAB}/audit-logs?action_type=31&user_id={OTTO}");
    let (_, log) = otto.get(&log).await;
    assert_eq!(log["audit_log_entries"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn channels_are_moved_together_and_told_once() {
    let (sim, otto, mut socket) = stage().await;
    let path = format!("/guilds/{LAB}/channels");
    let new = json!({ "name": "rooms", "type": 4 });
    let (_, rooms) = otto.post(&path, new).await;
    socket.receive_event("CHANNEL_CREATE").await;
    let place = |id: &str, place: usize| json!({ "id": id, "position": place });
    let same = json!([place("32", 0), place("33", 1)]);
    assert_eq!(otto.patch(&path, same).await, DONE);
    let mut moves = vec![place("33", 1), place("32", 1), place("32", 0)];
    moves.push(json!({ "id": "33", "position": 0, "parent_id": rooms["id"] }));
    moves.push(place("32", 1));
    assert_eq!(otto.patch(&path, json!(moves)).await, DONE);
    // If one cannot be moved, none is.
    let mut bad = vec![place("32", 0)];
    bad.push(json!({ "id": "33", "parent_id": "32" }));
    let refused = otto.patch(&path, json!(bad)).await;
    assert_eq!(fault(&refused, "parent_id"), "CHANNEL_PARENT_INVALID");
    sim.remove_role(LAB, 41).unwrap();
    let told = names_until(&mut socket, "GUILD_ROLE_DELETE").await;
    assert_eq!(told, ["CHANNEL_UPDATE"; 2]);
    let (_, list) = otto.get(&path).await;
    assert_eq!(
        (&list[0]["id"], &list[0]["parent_id"]),
        (&json!("33"), &rooms["id"])
    );
}
