//! Buttons and menus, between people and a bot that answers by hand.

use discord_sim::{Answer, Application, Emoji, Guild, Settings, Sim, SimError, User, World};
use serde_json::{Value, json};

use crate::support::answering::{BEN, reply, stage, webhook};
use crate::support::rest::{DONE, Rest, error, fault};
use crate::support::shard::LAB;

const ADA: u64 = 11;
const GENERAL: u64 = 32;

#[tokio::test]
async fn a_button_is_told_with_its_message_and_answered_by_changing_it() {
    let mut stage = stage().await;
    let board = stage.board().await;
    let sim = stage.sim.clone();
    let changed = json!({ "type": 7, "data": { "content": "gone", "components": [] } });
    let (event, seen) = stage.meet(sim.press(BEN, board, "go"), changed).await;
    assert_eq!(
        (&event["type"], &event["data"]["component_type"]),
        (&json!(3), &json!(2))
    );
    assert_eq!(
        (&event["data"]["custom_id"], &event["data"]["id"]),
        (&json!("go"), &json!(2))
    );
    assert_eq!(event["message"]["id"], board.to_string());
    assert_eq!(event["message"]["content"], "board");
    assert_eq!(event["member"]["user"]["username"], "ben");
    for field in [
        "application_id",
        "channel",
        "channel_id",
        "guild",
        "guild_id",
        "token",
        "version",
        "app_permissions",
        "locale",
        "guild_locale",
        "entitlements",
        "context",
        "authorizing_integration_owners",
        "attachment_size_limit",
    ] {
        assert!(!event[field].is_null(), "{field}");
    }
    let Answer::Update(updated) = seen else {
        panic!("{seen:?}");
    };
    assert_eq!((updated.id, updated.content.as_str()), (board, "gone"));
    assert_eq!(sim.messages(GENERAL).len(), 1);
    assert_eq!(
        sim.press(BEN, board, "go").await.unwrap_err(),
        SimError::UnknownComponent("go".to_owned())
    );
}

#[tokio::test]
async fn menus_send_what_was_chosen() {
    let mut stage = stage().await;
    let board = stage.board().await;
    let sim = stage.sim.clone();
    let (event, seen) = stage
        .meet(
            sim.choose(BEN, board, "pick", &["b", "a"]),
            json!({ "type": 4, "data": { "content": "chosen", "flags": 64 } }),
        )
        .await;
    assert_eq!(event["data"]["values"], json!(["b", "a"]));
    let reply = reply(seen);
    assert!(reply.ephemeral);
    assert_eq!(
        (
            &reply.message["type"],
            &reply.message["message_reference"]["message_id"]
        ),
        (&json!(19), &json!(board.to_string()))
    );
    assert_eq!(
        reply.message["interaction_metadata"]["interacted_message_id"],
        board.to_string()
    );
    // Only the one who chose sees it.
    assert_eq!(sim.messages_for(BEN, GENERAL).len(), 2);
    assert_eq!(sim.messages_for(ADA, GENERAL).len(), 1);
    let refused = async |values: &[&str]| sim.choose(BEN, board, "pick", values).await.unwrap_err();
    for values in [&[][..], &["c"], &["a", "a"], &["a", "b", "c"]] {
        assert!(
            matches!(refused(values).await, SimError::Refused(_)),
            "{values:?}"
        );
    }
    assert_eq!(
        sim.press(BEN, board, "off").await.unwrap_err(),
        SimError::Forbidden
    );
    assert_eq!(
        sim.press(BEN, 1, "go").await.unwrap_err(),
        SimError::UnknownMessage(1)
    );
    assert_eq!(
        sim.press(99, board, "go").await.unwrap_err(),
        SimError::NotAMember {
            user: 99,
            guild: LAB,
        }
    );
}

#[tokio::test]
async fn menus_of_users_roles_and_channels_are_resolved() {
    let mut stage = stage().await;
    let menu = |kind: u8, id: &str| json!({ "type": 1, "components": [{ "type": kind, "custom_id": id }] });
    let rows = json!([
        menu(5, "user"),
        menu(6, "role"),
        menu(7, "any"),
        menu(8, "channel")
    ]);
    let (_, message) = stage
        .message(json!({ "content": "pick", "components": rows }))
        .await;
    let sim = stage.sim.clone();
    for (custom_id, value, kind) in [
        ("user", "11", "users"),
        ("role", "41", "roles"),
        ("any", "41", "roles"),
        ("any", "11", "members"),
        ("channel", "33", "channels"),
    ] {
        let values = [value];
        let choosing = sim.choose(BEN, message.id, custom_id, &values);
        let (event, seen) = stage.meet(choosing, json!({ "type": 6 })).await;
        assert!(
            event["data"]["resolved"][kind][value].is_object(),
            "{event}"
        );
        assert!(matches!(seen, Answer::Deferred));
    }
    assert!(sim.choose(BEN, message.id, "role", &["7"]).await.is_err());
    assert!(
        sim.choose(BEN, message.id, "channel", &["x"])
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_deferred_click_changes_the_message_later() {
    let mut stage = stage().await;
    let board = stage.board().await;
    let sim = stage.sim.clone();
    let (event, seen) = stage
        .meet(sim.press(BEN, board, "go"), json!({ "type": 6 }))
        .await;
    assert!(matches!(seen, Answer::Deferred));
    let original = format!("{}/messages/@original", webhook(&event));
    let (_, edited) = stage
        .rest
        .patch(&original, json!({ "content": "later" }))
        .await;
    assert_eq!(edited["id"], board.to_string());
    assert_eq!(sim.messages(GENERAL)[0].content, "later");
    let (_, followed) = stage
        .rest
        .post(&webhook(&event), json!({ "content": "and more" }))
        .await;
    assert_eq!(
        followed["message_reference"]["message_id"],
        board.to_string()
    );
    assert_eq!(stage.rest.delete(&original).await, DONE);
    assert_eq!(
        stage.rest.get(&original).await,
        error(404, 10008, "Unknown Message")
    );
    assert_eq!(sim.messages(GENERAL).len(), 1);
}

#[tokio::test]
async fn only_what_a_component_has_is_kept_and_emojis_are_those_of_guilds() {
    let image = b"GIF89a".to_vec();
    let mut horn = Emoji::new(81, "horn", image.clone());
    horn.animated = true;
    let other = Guild::new(51, "Other", 11)
        .member(11)
        .emoji(Emoji::new(82, "far", image));
    let world = World::empty()
        .user(User::new(11, "ada"))
        .application(Application::new(21, "Yuri"))
        .guild(
            Guild::new(LAB, "Lab", 11)
                .text(32, "general")
                .member(11)
                .member(21)
                .emoji(horn),
        )
        .guild(other);
    let settings = Settings {
        world,
        ..Settings::default()
    };
    let sim = Sim::start(settings).await.unwrap();
    let rest = Rest::new(&sim);
    let row = |emoji: Value| {
        let button = json!({
            "type": 2, "style": 1, "custom_id": "go", "emoji": emoji, "disabled": "true",
            "options": [{}], "min_values": "x", "odd": 1,
        });
        json!({ "components": [{ "type": 1, "label": "odd", "components": [button] }] })
    };
    let path = "/channels/32/messages";
    let (status, made) = rest
        .post(path, row(json!({ "id": 81, "name": "born" })))
        .await;
    assert_eq!(status, 200, "{made}");
    let expected = json!([{ "id": 1, "type": 1, "components": [{
        "id": 2, "type": 2, "style": 1, "custom_id": "go", "disabled": true,
        "emoji": { "id": "81", "name": "horn", "animated": true },
    }] }]);
    assert_eq!(made["components"], expected);
    for unknown in [7, 82] {
        let refused = rest
            .post(path, row(json!({ "id": unknown, "name": "far" })))
            .await;
        let place = "components.0.components.0.emoji.id";
        assert_eq!(fault(&refused, place), "BUTTON_COMPONENT_INVALID_EMOJI");
    }
    // Reactions are told with the emoji as it is.
    let react = format!(
        "{path}/{}/reactions/born:81/@me",
        made["id"].as_str().unwrap()
    );
    assert_eq!(rest.mark(&react).await, DONE);
    let (_, read) = rest
        .get(&format!("{path}/{}", made["id"].as_str().unwrap()))
        .await;
    let emoji = json!({ "id": "81", "name": "horn", "animated": true });
    assert_eq!(read["reactions"][0]["emoji"], emoji);
}
