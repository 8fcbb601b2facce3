//! What bots may read of messages: those of others only with the content intent.

use discord_sim::{OverwriteTarget, permissions};
use serde_json::{Value, json};

use crate::support::shard::{log_in, sim_of, two_bots};

const MESSAGE_CONTENT: u64 = 1 << 15;
const GUILD_MESSAGES: u64 = 1 << 9;
const DIRECT_MESSAGES: u64 = 1 << 12;

#[tokio::test]
async fn the_content_of_others_needs_an_intent() {
    let sim = sim_of(two_bots(), []).await;
    let (mut reader, _) = log_in(&sim, GUILD_MESSAGES | MESSAGE_CONTENT).await;
    let (mut blind, _) = log_in(&sim, GUILD_MESSAGES | DIRECT_MESSAGES).await;
    let (mut deaf, _) = log_in(&sim, MESSAGE_CONTENT).await;
    let first = sim.send_message(11, 32, "psst").unwrap();
    let read = reader.receive_event("MESSAGE_CREATE").await;
    assert_eq!(read["content"], "psst");
    let mut seen = blind.receive_event("MESSAGE_CREATE").await;
    assert_eq!(
        (&seen["content"], &seen["attachments"]),
        (&json!(""), &json!([]))
    );
    // Nothing else is kept from it.
    seen["content"] = read["content"].clone();
    assert_eq!(seen, read);
    sim.edit_message(11, first, "psst!").unwrap();
    assert_eq!(blind.receive_event("MESSAGE_UPDATE").await["content"], "");

    // What mentions the bot is for it to read, what it answers is not.
    sim.reply_to(12, first, "<@21> look").unwrap();
    let seen = blind.receive_event("MESSAGE_CREATE").await;
    assert_eq!(seen["content"], "<@21> look");
    assert_eq!(seen["referenced_message"]["content"], "");
    // And so is what is said to it alone.
    let direct = sim.direct_channel(11).unwrap();
    sim.send_message(11, direct, "hush").unwrap();
    let seen = blind.receive_event("MESSAGE_CREATE").await;
    assert_eq!(
        (&seen["content"], seen.get("guild_id")),
        (&json!("hush"), None)
    );
    deaf.send(1, Value::Null).await;
    assert_eq!(deaf.receive().await["op"], 11);
}

#[tokio::test]
async fn direct_messages_go_to_the_first_shard() {
    let sim = sim_of(two_bots(), []).await;
    let token = sim.application().bot_token;
    let mut shards = Vec::new();
    for shard in 0..2 {
        let mut data = crate::support::shard::identify(&token, DIRECT_MESSAGES);
        data["shard"] = json!([shard, 2]);
        shards.push(crate::support::shard::log_in_with(&sim, data).await.0);
    }
    let direct = sim.direct_channel(11).unwrap();
    sim.send_message(11, direct, "hush").unwrap();
    shards[0].receive_event("MESSAGE_CREATE").await;
    shards[1].send(1, Value::Null).await;
    assert_eq!(shards[1].receive().await["op"], 11);
}

#[tokio::test]
async fn messages_of_hidden_channels_are_not_heard() {
    let sim = sim_of(two_bots(), []).await;
    let (mut yuri, _) = log_in(&sim, GUILD_MESSAGES).await;
    let (mut otto, _) = log_in(&sim.for_bot(22), GUILD_MESSAGES).await;
    let target = OverwriteTarget::Member(21);
    sim.set_overwrite(32, target, 0, permissions::VIEW_CHANNEL)
        .unwrap();
    sim.send_message(11, 32, "here").unwrap();
    otto.receive_event("MESSAGE_CREATE").await;
    yuri.send(1, Value::Null).await;
    assert_eq!(yuri.receive().await["op"], 11);
}
