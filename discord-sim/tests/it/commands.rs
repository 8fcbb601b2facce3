//! Commands as bots register them: what is kept of them, what is refused, and how many there are.

use discord_sim::permissions::{MANAGE_GUILD, MANAGE_MESSAGES};
use discord_sim::{Sim, SimError};
use serde_json::{Value, json};

use crate::support::rest::{Rest, error, fault};
use crate::support::shard::{LAB, fields, sim_of, two_bots};

const BEN: u64 = 12;
const GENERAL: u64 = 32;
const COMMANDS: &str = "/applications/21/commands";

async fn stage() -> (Sim, Rest) {
    let sim = sim_of(two_bots(), []).await;
    let rest = Rest::new(&sim);
    (sim, rest)
}

/// A command with these options.
fn with(options: Value) -> Value {
    json!({ "name": "play", "description": "d", "options": options })
}

/// An option of a type.
fn option(kind: u8, more: Value) -> Value {
    let mut option = json!({ "type": kind, "name": "sound", "description": "d" });
    for (name, value) in more.as_object().unwrap() {
        option[name] = value.clone();
    }
    option
}

#[tokio::test]
async fn permissions_given_as_a_number_are_asked_for() {
    let (sim, rest) = stage().await;
    let command =
        json!({ "name": "Purge", "type": 3, "default_member_permissions": MANAGE_MESSAGES });
    let (status, made) = rest.post(COMMANDS, command).await;
    assert_eq!(status, 201);
    assert_eq!(
        made["default_member_permissions"],
        MANAGE_MESSAGES.to_string()
    );
    let message = sim.send_message(BEN, GENERAL, "x").unwrap();
    let used = sim.use_on_message(BEN, GENERAL, "Purge", message).await;
    assert_eq!(used.unwrap_err(), SimError::Forbidden);
    let path = format!("{COMMANDS}/{}", made["id"].as_str().unwrap());
    let change = json!({ "default_member_permissions": MANAGE_GUILD.to_string() });
    let (_, changed) = rest.patch(&path, change).await;
    assert_eq!(
        changed["default_member_permissions"],
        MANAGE_GUILD.to_string()
    );
    for bits in [json!("all"), json!(-1), json!(1.5), json!([])] {
        let change = json!({ "default_member_permissions": bits });
        let refused = rest.patch(&path, change).await;
        assert_eq!(
            fault(&refused, "default_member_permissions"),
            "NUMBER_TYPE_COERCE",
            "{bits}"
        );
    }
}

#[tokio::test]
async fn only_what_a_command_has_is_kept_of_it() {
    let (_, rest) = stage().await;
    let times = json!({
        "type": 4, "name": "times", "description": "d", "min_value": 1.0, "max_value": 9,
    });
    let more = json!({ "min_value": 1, "odd": 1, "max_length": "9", "required": true });
    let mut command = with(json!([option(3, more), times]));
    for (name, value) in [
        ("application_id", json!("22")),
        ("guild_id", json!("1")),
        ("odd", json!({})),
        ("type", Value::Null),
        ("nsfw", json!("true")),
        ("name_localizations", json!({ "de": "spiele", "fr": null })),
        ("contexts", json!([0])),
    ] {
        command[name] = value;
    }
    let (status, made) = rest.post(COMMANDS, command).await;
    assert_eq!(status, 201);
    assert_eq!(
        fields(&made),
        [
            "application_id",
            "contexts",
            "default_member_permissions",
            "description",
            "description_localizations",
            "dm_permission",
            "id",
            "integration_types",
            "name",
            "name_localizations",
            "nsfw",
            "options",
            "type",
            "version",
        ]
    );
    assert_eq!(
        (&made["application_id"], &made["type"], &made["nsfw"]),
        (&json!("21"), &json!(1), &json!(true))
    );
    assert_eq!(made["name_localizations"], json!({ "de": "spiele" }));
    let kept = json!({
        "type": 3, "name": "sound", "description": "d", "required": true, "max_length": 9,
    });
    assert_eq!(made["options"], json!([kept, times]));
    // The type of a command stays.
    let path = format!("{COMMANDS}/{}", made["id"].as_str().unwrap());
    let (_, same) = rest.patch(&path, json!({ "type": 2 })).await;
    assert_eq!(
        (&same["type"], &same["options"]),
        (&json!(1), &made["options"])
    );
}

#[tokio::test]
async fn what_is_no_command_is_refused_by_its_place() {
    let (_, rest) = stage().await;
    let choice = |name: &str, value: Value| json!({ "name": name, "value": value });
    let choices = |kind: u8, list: Value| with(json!([option(kind, json!({ "choices": list }))]));
    let group = |inner: Value| with(json!([option(2, json!({ "options": [inner] }))]));
    let cases = [
        (
            json!({ "name": "x", "type": 9 }),
            "type",
            "BASE_TYPE_CHOICES",
        ),
        (
            json!({ "name": "x", "type": 2, "nsfw": "yes" }),
            "nsfw",
            "BOOLEAN_TYPE_CONVERT",
        ),
        (
            json!({ "name": "x", "type": 2, "contexts": [3] }),
            "contexts.0",
            "BASE_TYPE_CHOICES",
        ),
        (
            json!({ "name": "x", "type": 2, "name_localizations": { "xx": "x" } }),
            "name_localizations.xx",
            "BASE_TYPE_CHOICES",
        ),
        (
            with(json!([{ "name": "x", "description": "d" }])),
            "options.0.type",
            "BASE_TYPE_REQUIRED",
        ),
        (
            with(json!([option(3, json!({})), option(4, json!({}))])),
            "options.1.name",
            "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS",
        ),
        (
            with(json!([option(3, json!({})), { "type": 1, "name": "x", "description": "d" }])),
            "options",
            "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
        ),
        (
            group(option(3, json!({}))),
            "options.0.options.0.type",
            "BASE_TYPE_CHOICES",
        ),
        (
            choices(3, json!([choice("a", json!("a")), choice("a", json!("b"))])),
            "options.0.choices.1.name",
            "APPLICATION_COMMAND_OPTIONS_CHOICE_NAME_ALREADY_EXISTS",
        ),
        (
            choices(3, json!([choice("a", json!(5))])),
            "options.0.choices.0.value",
            "STRING_TYPE_CONVERT",
        ),
        (
            choices(4, json!([choice("a", json!("x"))])),
            "options.0.choices.0.value",
            "NUMBER_TYPE_COERCE",
        ),
        (
            choices(3, json!([{ "value": "x" }])),
            "options.0.choices.0.name",
            "BASE_TYPE_REQUIRED",
        ),
    ];
    for (command, place, code) in cases {
        let answer = rest.post(COMMANDS, command.clone()).await;
        assert_eq!(fault(&answer, place), code, "{command}: {}", answer.1);
    }
    assert_eq!(rest.get(COMMANDS).await.1, json!([]));
}

#[tokio::test]
async fn a_scope_holds_a_hundred_typed_commands_and_fifteen_of_a_menu() {
    let (_, rest) = stage().await;
    let typed = |n: usize| json!({ "name": format!("c{n}"), "description": "d" });
    let menu = |n: usize| json!({ "name": format!("m{n}"), "type": 2 });
    let all = (0..100).map(typed).chain((0..15).map(menu));
    let all = all.collect::<Vec<_>>();
    let (status, made) = rest.put(COMMANDS, json!(all)).await;
    assert_eq!((status, made.as_array().unwrap().len()), (200, 115));
    let many = |most: u8| {
        let message = format!("Maximum number of application commands reached ({most})");
        error(400, 30032, &message)
    };
    assert_eq!(rest.post(COMMANDS, typed(100)).await, many(100));
    assert_eq!(rest.post(COMMANDS, menu(15)).await, many(15));
    // One of the same name takes the place of the other; a guild counts apart.
    assert_eq!(rest.post(COMMANDS, typed(99)).await.0, 200);
    let in_guild = format!("/applications/21/guilds/{LAB}/commands");
    assert_eq!(rest.post(&in_guild, typed(100)).await.0, 201);
    let more = (0..101).map(typed).collect::<Vec<_>>();
    assert_eq!(rest.put(COMMANDS, json!(more)).await, many(100));
    // Nor is one renamed to another.
    let path = format!("{COMMANDS}/{}", made[0]["id"].as_str().unwrap());
    let renamed = rest.patch(&path, json!({ "name": "c1" })).await;
    assert_eq!(
        fault(&renamed, "name"),
        "APPLICATION_COMMANDS_DUPLICATE_NAME"
    );
}
