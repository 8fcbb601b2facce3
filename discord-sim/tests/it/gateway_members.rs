//! Members: whom `GUILD_CREATE` names, and what opcode 8 is answered with.

use std::time::Duration;

use discord_sim::{Sim, Status, User};
use serde_json::{Value, json};

use crate::support::shard::{
    GUILD_MEMBERS, GUILD_PRESENCES, INTENTS, LAB, fields, identify, log_in, log_in_with, sim_of,
    two_bots,
};
use crate::support::socket::Socket;

/// A guild of `count` further members: user1000, user1001 and so on.
async fn crowd(count: u64) -> Sim {
    let users = (1_000..1_000 + count).map(|id| User::new(id, &format!("user{id}")));
    let mut guild = two_bots();
    for user in 1_000..1_000 + count {
        guild = guild.member(user);
    }
    sim_of(guild, users).await
}

fn ask(more: Value) -> Value {
    let mut ask = json!({ "guild_id": LAB.to_string() });
    ask.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    ask
}

async fn chunk(socket: &mut Socket, more: Value) -> Value {
    socket.send(8, ask(more)).await;
    socket.receive_event("GUILD_MEMBERS_CHUNK").await
}

fn names(chunk: &Value) -> Vec<&str> {
    let members = chunk["members"].as_array().unwrap().iter();
    members
        .map(|member| member["user"]["username"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_whole_guild_comes_in_chunks_of_a_thousand() {
    let sim = crowd(2_000).await;
    let (mut socket, _) = log_in(&sim, INTENTS | GUILD_MEMBERS).await;
    let first = chunk(
        &mut socket,
        json!({ "query": "", "limit": 0, "nonce": "n" }),
    )
    .await;
    assert_eq!(
        fields(&first),
        ["chunk_count", "chunk_index", "guild_id", "members", "nonce"]
    );
    let mut counts = vec![first["members"].as_array().unwrap().len()];
    for index in 1..3 {
        let next = socket.receive_event("GUILD_MEMBERS_CHUNK").await;
        assert_eq!(
            (&next["chunk_index"], &next["chunk_count"], &next["nonce"]),
            (&json!(index), &json!(3), &json!("n"))
        );
        counts.push(next["members"].as_array().unwrap().len());
    }
    assert_eq!(counts, [1_000, 1_000, 4]);
    let few = chunk(&mut socket, json!({ "query": "", "limit": 2 })).await;
    assert_eq!(names(&few), ["ada", "ben"]);
}

#[tokio::test]
async fn the_whole_list_is_given_twice_a_minute() {
    let sim = crowd(1).await;
    let (mut socket, _) = log_in(&sim, INTENTS | GUILD_MEMBERS).await;
    chunk(&mut socket, json!({ "query": "", "limit": 0 })).await;
    sim.advance_clock(Duration::from_secs(20));
    socket
        .send(8, ask(json!({ "query": "", "limit": 0, "nonce": "n" })))
        .await;
    let limited = socket.receive_event("RATE_LIMITED").await;
    let retry_after = limited["retry_after"].as_f64().unwrap();
    assert!((5.0..=10.0).contains(&retry_after), "{retry_after}");
    assert_eq!(
        limited,
        json!({
            "opcode": 8, "retry_after": retry_after,
            "meta": { "guild_id": LAB.to_string(), "nonce": "n" },
        })
    );
    sim.advance_clock(Duration::from_secs(10));
    chunk(&mut socket, json!({ "query": "", "limit": 0 })).await;
}

#[tokio::test]
async fn members_are_found_by_the_beginning_of_a_name_and_by_id() {
    let sim = crowd(150).await;
    // Neither needs an intent.
    let (mut socket, _) = log_in(&sim, 0).await;
    sim.set_nick(12, LAB, Some("Uses a nick")).unwrap();
    let found = chunk(&mut socket, json!({ "query": "AD", "limit": 0 })).await;
    assert_eq!(names(&found), ["ada"]);
    let many = chunk(&mut socket, json!({ "query": "us", "limit": 0 })).await;
    assert_eq!(names(&many).len(), 100);
    assert_eq!(names(&many)[..2], ["ben", "user1000"]);
    let few = chunk(&mut socket, json!({ "query": "user1", "limit": 5 })).await;
    assert_eq!(names(&few).len(), 5);
    let none = chunk(&mut socket, json!({ "query": "x", "limit": 5 })).await;
    assert_eq!(none["members"], json!([]));
    assert_eq!(
        (&none["chunk_index"], &none["chunk_count"]),
        (&json!(0), &json!(1))
    );

    let ids = json!({ "user_ids": ["11", 12, "99"] });
    let found = chunk(&mut socket, ids).await;
    assert_eq!(names(&found), ["ada", "ben"]);
    assert_eq!(found["not_found"], json!(["99"]));
    let ids = (1_000..1_150)
        .map(|id: u64| id.to_string())
        .collect::<Vec<_>>();
    let found = chunk(&mut socket, json!({ "user_ids": ids })).await;
    assert_eq!(names(&found).len(), 100);
    let one = chunk(
        &mut socket,
        json!({ "guild_id": [LAB.to_string()], "user_ids": "11" }),
    )
    .await;
    assert_eq!(names(&one), ["ada"]);
    // A nonce that is no good is no nonce.
    for nonce in [json!("x".repeat(33)), json!(7), Value::Null] {
        let found = chunk(&mut socket, json!({ "user_ids": "11", "nonce": nonce })).await;
        assert_eq!(found.get("nonce"), None, "{nonce}");
    }
    let longest = "x".repeat(32);
    let found = chunk(&mut socket, json!({ "user_ids": "11", "nonce": longest })).await;
    assert_eq!(found["nonce"], longest);
}

#[tokio::test]
async fn what_may_not_be_asked_is_not_answered() {
    let sim = crowd(1).await;
    let (mut socket, _) = log_in(&sim, INTENTS).await;
    // The whole list without the intent, and a guild that the bot is not in.
    socket
        .send(8, ask(json!({ "query": "", "limit": 0 })))
        .await;
    socket
        .send(8, ask(json!({ "query": "", "limit": 1 })))
        .await;
    socket
        .send(8, ask(json!({ "guild_id": "1", "user_ids": "11" })))
        .await;
    socket
        .send(8, ask(json!({ "user_ids": "11", "nonce": "end" })))
        .await;
    let answer = socket.receive_event("GUILD_MEMBERS_CHUNK").await;
    assert_eq!(answer["nonce"], "end");
    let wrong = [
        json!({ "guild_id": "x", "query": "", "limit": 0 }),
        json!({ "guild_id": ["1", "2"], "query": "", "limit": 0 }),
        json!({ "query": "a" }),
        json!({ "query": "a", "limit": -1 }),
        json!({ "query": "a", "limit": "1" }),
        json!({ "query": 1, "limit": 1 }),
        json!({ "user_ids": ["11", "x"] }),
        json!({ "limit": 1 }),
        json!({ "presences": "yes", "user_ids": "11" }),
    ];
    for data in wrong {
        let (mut socket, _) = log_in(&sim, INTENTS).await;
        socket.send(8, ask(data.clone())).await;
        assert_eq!(socket.closed().await, 4_002, "{data}");
    }
}

#[tokio::test]
async fn the_members_of_a_guild_that_is_told_depend_on_intent_and_size() {
    let sim = crowd(60).await;
    let lounge = 33;
    sim.join_voice(1_001, LAB, lounge).unwrap();
    sim.set_nick(1_002, LAB, Some("nick")).unwrap();
    sim.set_roles(1_003, LAB, &[41]).unwrap();
    sim.set_presence(1_004, Status::Idle, &[]).unwrap();
    let told = async |intents: u64, large_threshold: Option<u64>| {
        let mut data = identify(&sim.application().bot_token, intents);
        if let Some(threshold) = large_threshold {
            data["large_threshold"] = json!(threshold);
        }
        let (mut socket, _) = log_in_with(&sim, data).await;
        socket.receive_event("GUILD_CREATE").await
    };
    let few = told(INTENTS | GUILD_MEMBERS, None).await;
    assert_eq!(names(&few), ["Yuri", "user1001"]);
    assert_eq!(
        (&few["large"], &few["member_count"]),
        (&json!(true), &json!(64))
    );
    let standing_out = told(INTENTS | GUILD_PRESENCES, None).await;
    assert_eq!(
        names(&standing_out),
        [
            "Yuri", "Otto", "user1001", "user1002", "user1003", "user1004"
        ]
    );
    let all = told(INTENTS | GUILD_PRESENCES, Some(64)).await;
    assert_eq!((names(&all).len(), &all["large"]), (64, &json!(false)));
    // Out of bounds: as near as it may be.
    let large = told(INTENTS | GUILD_PRESENCES, Some(1)).await;
    assert_eq!(names(&large).len(), 6);
}
