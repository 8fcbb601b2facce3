//! Roles that bots make, change, move, remove, give and take.

use discord_sim::permissions::{CONNECT, EVERYONE, KICK_MEMBERS, MANAGE_ROLES};
use discord_sim::{Guild, Role, Sim};
use poise::serenity_prelude as serenity;
use serde_json::{Value, json};

use crate::support::bot;
use crate::support::rest::{DONE, Rest, error, fault};
use crate::support::shard::{GUILD_MEMBERS, INTENTS, LAB, fields, log_in, sim_of, two_bots};

const BEN: u64 = 12;
const YURI: u64 = 21;
const OTTO: u64 = 22;
const DJ: u64 = 41;
const ADMIN: u64 = 42;
const STAFF: u64 = 43;

/// Yuri is of the staff, whose role is below that of admins and above that of DJs.
fn guild() -> Guild {
    let mut guild = two_bots();
    let staff = Role::new(STAFF, "staff", MANAGE_ROLES);
    guild.roles.insert(2, staff);
    guild.member_with_roles(YURI, &[STAFF])
}

async fn stage() -> (Sim, Rest, Rest) {
    let sim = sim_of(guild(), []).await;
    let (yuri, otto) = (Rest::new(&sim), Rest::new(&sim.for_bot(OTTO)));
    (sim, yuri, otto)
}

fn roles() -> String {
    format!("/guilds/{LAB}/roles")
}

fn role(id: u64) -> String {
    format!("/guilds/{LAB}/roles/{id}")
}

fn id(role: &Value) -> u64 {
    role["id"].as_str().unwrap().parse().unwrap()
}

fn names(roles: &Value) -> Vec<&str> {
    let roles = roles.as_array().unwrap().iter();
    roles.map(|role| role["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_role_is_made_changed_and_removed() {
    let (sim, yuri, _) = stage().await;
    let (mut socket, _) = log_in(&sim, INTENTS).await;
    let (status, plain) = yuri.post(&roles(), json!({})).await;
    assert_eq!((status, &plain["name"]), (200, &json!("new role")));
    assert_eq!(plain["permissions"], EVERYONE.to_string());
    assert_eq!(plain["position"], 1);
    assert_eq!(
        fields(&plain),
        [
            "color",
            "colors",
            "description",
            "flags",
            "hoist",
            "icon",
            "id",
            "managed",
            "mentionable",
            "name",
            "permissions",
            "position",
            "unicode_emoji"
        ]
    );
    let told = socket.receive_event("GUILD_ROLE_CREATE").await;
    assert_eq!(told["role"], plain);
    // Those above it have moved.
    let told = socket.receive_event("GUILD_ROLE_UPDATE").await;
    assert_eq!(
        (&told["role"]["name"], &told["role"]["position"]),
        (&json!("dj"), &json!(2))
    );
    let change = json!({
        "name": "brass", "permissions": CONNECT.to_string(), "hoist": true, "mentionable": true,
        "colors": { "primary_color": 255 },
    });
    let (_, changed) = yuri.patch(&role(id(&plain)), change).await;
    assert_eq!(
        (&changed["name"], &changed["color"]),
        (&json!("brass"), &json!(255))
    );
    assert_eq!(changed["permissions"], CONNECT.to_string());
    assert_eq!(yuri.get(&role(id(&plain))).await.1, changed);
    assert_eq!(
        names(&yuri.get(&roles()).await.1),
        ["@everyone", "brass", "dj", "staff", "admin"]
    );
    assert_eq!(yuri.delete(&role(id(&plain))).await, DONE);
    let told = socket.receive_event("GUILD_ROLE_DELETE").await;
    assert_eq!(told["role_id"], plain["id"]);
    let gone = error(404, 10011, "Unknown Role");
    assert_eq!(yuri.get(&role(id(&plain))).await, gone);
    assert_eq!(yuri.patch(&role(id(&plain)), json!({})).await, gone);
    assert_eq!(yuri.delete(&role(id(&plain))).await, gone);
}

#[tokio::test]
async fn nobody_reaches_above_itself() {
    let (sim, yuri, otto) = stage().await;
    let refused = error(403, 50013, "Missing Permissions");
    for above in [STAFF, ADMIN] {
        assert_eq!(
            yuri.patch(&role(above), json!({ "name": "x" })).await,
            refused
        );
        assert_eq!(yuri.delete(&role(above)).await, refused);
        let give = format!("/guilds/{LAB}/members/{BEN}/roles/{above}");
        assert_eq!(yuri.mark(&give).await, refused);
        let order = json!([{ "id": above.to_string(), "position": 1 }]);
        assert_eq!(yuri.patch(&roles(), order).await, refused);
    }
    // Nor does it give what it has not.
    let grant = json!({ "permissions": KICK_MEMBERS.to_string() });
    assert_eq!(yuri.post(&roles(), grant.clone()).await, refused);
    assert_eq!(yuri.patch(&role(DJ), grant.clone()).await, refused);
    assert_eq!(otto.patch(&role(DJ), grant).await.0, 200);
    let order = json!([{ "id": DJ.to_string(), "position": 2 }]);
    assert_eq!(yuri.patch(&roles(), order.clone()).await, refused);
    let (_, moved) = otto.patch(&roles(), order).await;
    assert_eq!(otto.patch(&role(ADMIN), json!({})).await, refused);
    assert_eq!(names(&moved), ["@everyone", "staff", "dj", "admin"]);
    // Without the right to manage roles, none is below.
    sim.set_role_permissions(LAB, STAFF, 0).unwrap();
    assert_eq!(yuri.post(&roles(), json!({})).await, refused);
    assert_eq!(yuri.patch(&role(LAB), json!({})).await, refused);
    assert_eq!(yuri.patch(&roles(), json!([])).await, refused);
    let invalid = error(400, 50028, "Invalid Role");
    assert_eq!(otto.delete(&role(LAB)).await, invalid);
    sim.set_owner(OTTO, LAB).unwrap();
    assert_eq!(
        otto.patch(&role(ADMIN), json!({ "name": "boss" })).await.0,
        200
    );
}

#[tokio::test]
async fn members_are_given_roles_and_lose_them() {
    let (sim, yuri, otto) = stage().await;
    let (mut socket, _) = log_in(&sim, INTENTS | GUILD_MEMBERS).await;
    let held = |user: u64, role: u64| format!("/guilds/{LAB}/members/{user}/roles/{role}");
    assert_eq!(yuri.mark(&held(BEN, DJ)).await, DONE);
    let told = socket.receive_event("GUILD_MEMBER_UPDATE").await;
    assert_eq!(told["roles"], json!(["41"]));
    // What is so already is not told again.
    assert_eq!(yuri.mark(&held(BEN, DJ)).await, DONE);
    assert_eq!(yuri.delete(&held(BEN, DJ)).await, DONE);
    let told = socket.receive_event("GUILD_MEMBER_UPDATE").await;
    assert_eq!(told["roles"], json!([]));
    assert_eq!(
        yuri.mark(&held(99, DJ)).await,
        error(404, 10013, "Unknown User")
    );
    assert_eq!(
        yuri.mark(&held(BEN, 99)).await,
        error(404, 10011, "Unknown Role")
    );
    sim.remove_member(BEN, LAB).unwrap();
    assert_eq!(
        yuri.mark(&held(BEN, DJ)).await,
        error(404, 10007, "Unknown Member")
    );
    let log = format!("/guilds/{LAB}/audit-logs?action_type=25");
    let (_, log) = otto.get(&log).await;
    let given = json!([{ "key": "$add", "new_value": [{ "id": "41", "name": "dj" }] }]);
    assert_eq!(log["audit_log_entries"][1]["changes"], given);
}

#[tokio::test]
async fn what_is_no_role_is_refused() {
    let (sim, yuri, otto) = stage().await;
    let bad = json!({
        "name": "x".repeat(101), "permissions": "all", "color": 0x0100_0000, "hoist": "perhaps",
    });
    let answer = yuri.post(&roles(), bad).await;
    for (place, code) in [
        ("name", "BASE_TYPE_MAX_LENGTH"),
        ("permissions", "NUMBER_TYPE_COERCE"),
        ("color", "NUMBER_TYPE_MAX"),
        ("hoist", "BOOLEAN_TYPE_CONVERT"),
    ] {
        assert_eq!(fault(&answer, place), code, "{}", answer.1);
    }
    let order = otto.patch(&roles(), json!([{ "position": 0 }])).await;
    assert_eq!(fault(&order, "roles.0.id"), "BASE_TYPE_REQUIRED");
    assert_eq!(
        fault(&yuri.get(&format!("{}/x", roles())).await, "role_id"),
        "NUMBER_TYPE_COERCE"
    );
    assert_eq!(
        yuri.get("/guilds/1/roles").await,
        error(404, 10004, "Unknown Guild")
    );
    for n in 0..247 {
        sim.add_role(LAB, &format!("r{n}"), 0).unwrap();
    }
    assert_eq!(otto.post(&roles(), json!({})).await.1["code"], 30005);
}

#[tokio::test]
async fn serenity_handles_roles() {
    let (sim, ..) = stage().await;
    let http = bot::http(&sim);
    let guild = serenity::GuildId::new(LAB);
    let new = serenity::EditRole::new().name("brass").colour(255_u32);
    let role = guild.create_role(&http, new).await.unwrap();
    assert_eq!((role.name.as_str(), role.position), ("brass", 1));
    let change = serenity::EditRole::new().name("reeds").hoist(true);
    let role = guild.edit_role(&http, role.id, change).await.unwrap();
    assert!(role.hoist);
    let moved = guild.edit_role_position(&http, role.id, 2).await.unwrap();
    assert_eq!(moved[2].name, "reeds");
    assert_eq!(guild.roles(&http).await.unwrap().len(), 5);
    let (user, reason) = (serenity::UserId::new(BEN), Some("plays"));
    http.add_member_role(guild, user, role.id, reason)
        .await
        .unwrap();
    http.remove_member_role(guild, user, role.id, reason)
        .await
        .unwrap();
    guild.delete_role(&http, role.id).await.unwrap();
    assert!(guild.delete_role(&http, role.id).await.is_err());
}
