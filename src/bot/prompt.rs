//! What songbird asks of the gateway leaves at once: serenity by itself looks at what it is to
//! send only every 500 ms, which is most of what a join takes. `session` gives this to serenity
//! in songbird's place.

use std::sync::Arc;

use serenity::async_trait;
use serenity::futures::StreamExt as _;
use serenity::futures::channel::mpsc::{UnboundedSender, unbounded};
use serenity::gateway::{ShardRunnerMessage, VoiceGatewayManager};
use serenity::model::id::{GuildId, UserId};
use serenity::model::voice::VoiceState;
use songbird::Songbird;

use super::relay::Nudge;

/// songbird, with somebody who wakes serenity up for it.
pub(super) struct Prompt {
    songbird: Arc<Songbird>,
    nudge: Nudge,
}

impl Prompt {
    pub(super) fn new(songbird: Arc<Songbird>, nudge: Nudge) -> Self {
        Self { songbird, nudge }
    }
}

#[async_trait]
impl VoiceGatewayManager for Prompt {
    async fn initialise(&self, shard_count: u32, user_id: UserId) {
        self.songbird.initialise(shard_count, user_id).await;
    }

    async fn register_shard(&self, shard_id: u32, runner: UnboundedSender<ShardRunnerMessage>) {
        let (sender, mut messages) = unbounded();
        let nudge = self.nudge.clone();
        // Ends when songbird is given the next one.
        tokio::spawn(async move {
            while let Some(message) = messages.next().await {
                if runner.unbounded_send(message).is_err() {
                    return;
                }
                nudge.nudge();
            }
        });
        self.songbird.register_shard(shard_id, sender).await;
    }

    async fn deregister_shard(&self, shard_id: u32) {
        self.songbird.deregister_shard(shard_id).await;
    }

    async fn server_update(&self, guild_id: GuildId, endpoint: &Option<String>, token: &str) {
        self.songbird.server_update(guild_id, endpoint, token).await;
    }

    async fn state_update(&self, guild_id: GuildId, voice_state: &VoiceState) {
        self.songbird.state_update(guild_id, voice_state).await;
    }
}
