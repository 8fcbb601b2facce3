//! What is heard without a command, what it costs, and what a guild has chosen of it.

use std::time::Duration;

use yuri::discord::guild_data::Member;
use yuri::domain::occasions::{Choice, Occasion, Seat, VoiceChange};
use yuri::domain::settings::Language;
use yuri::ids::{RoleId, UserId};

use super::stage::{ADA, BEN, GUILD, LOUNGE, PATIENCE, STUDIO, Stage};
use crate::support::child::voice_test;

fn user(id: u64) -> UserId {
    UserId::try_from(id).unwrap()
}

/// Somebody in the lounge changes the microphone.
fn microphone(id: u64, before: bool, now: bool) -> VoiceChange {
    let seat = |is_muted| Seat {
        channel: Stage::lounge(),
        is_muted,
    };
    VoiceChange {
        guild: Stage::guild(),
        user: user(id),
        user_tag: "ada".to_owned(),
        member: Member::default(),
        before: Some(seat(before)),
        now: Some(seat(now)),
    }
}

impl Stage {
    /// Ada mutes, and unmutes so much later.
    async fn trigger(&self, after: Duration) {
        let occasions = &self.app.occasions;
        occasions.voice_changed(microphone(ADA, false, true)).await;
        self.clock.advance(after);
        occasions.voice_changed(microphone(ADA, true, false)).await;
    }

    async fn sounds(&self) -> Vec<String> {
        let log = self.log().await;
        log.into_iter()
            .map(|(sound, user)| format!("{user}: {sound}"))
            .collect()
    }
}

voice_test! {
    async fn members_are_announced_when_they_come_into_voice() {
        let stage = Stage::start().await;
        let told = stage.sim.slash(BEN, GUILD, "entrance", &[("sound", "TONE-OPUS")]).await.unwrap();
        assert_eq!(told.content, "**tone-opus** announces you from now on");
        // The bot is with ada, and stays with her.
        stage.slash(ADA, "join").await;
        stage.sim.join_voice(BEN, GUILD, STUDIO).unwrap();
        // Coming over from another channel is no entrance, nor is leaving.
        stage.sim.join_voice(BEN, GUILD, LOUNGE).unwrap();
        stage.sim.leave_voice(BEN, GUILD).unwrap();
        stage.sim.join_voice(BEN, GUILD, LOUNGE).unwrap();
        stage.sim.wait_utterance(GUILD, 0, PATIENCE).await.unwrap();
        assert_eq!(stage.sounds().await, ["ben: tone-opus"]);
        assert_eq!(stage.sim.bot_voice_channel(GUILD), Some(LOUNGE));

        // Ada has chosen nothing; the guild may choose that nobody is announced.
        stage.sim.leave_voice(ADA, GUILD).unwrap();
        stage.sim.join_voice(ADA, GUILD, LOUNGE).unwrap();
        stage.choose(|settings| settings.has_entrances = false).await;
        let is_in_voice = |app: &yuri::app::App| {
            app.guilds.gateway().voice_channel(Stage::guild(), user(BEN)).is_some()
        };
        stage.sim.leave_voice(BEN, GUILD).unwrap();
        stage.until(|app| !is_in_voice(app)).await;
        stage.sim.join_voice(BEN, GUILD, LOUNGE).unwrap();
        stage.until(is_in_voice).await;
        // Sent after it by Discord, and answered: what came before has been dealt with.
        stage.slash(BEN, "queue").await;
        stage.choose(|settings| settings.has_entrances = true).await;
        // From nowhere, the bot comes along.
        stage.slash(ADA, "leave").await;
        stage.sim.leave_voice(BEN, GUILD).unwrap();
        stage.sim.clear_heard(GUILD);
        stage.sim.join_voice(BEN, GUILD, STUDIO).unwrap();
        stage.sim.wait_utterance(GUILD, 0, PATIENCE).await.unwrap();
        assert_eq!(stage.sim.bot_voice_channel(GUILD), Some(STUDIO));
        assert_eq!(stage.sounds().await, ["ben: tone-opus", "ben: tone-opus"]);

        let told = stage.slash(BEN, "entrance").await;
        assert_eq!(told.content, "nothing announces you from now on");
        let choice = stage.app.occasions.choice(user(BEN), Occasion::Entrance).await;
        assert_eq!(choice.unwrap(), Choice::Nothing);
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn muting_and_unmuting_at_once_plays_a_sound() {
        let stage = Stage::start().await;
        stage.sim.set_self_mute(ADA, GUILD, true).unwrap();
        stage.slash(ADA, "queue").await;
        stage.sim.set_self_mute(ADA, GUILD, false).unwrap();
        stage.sim.wait_utterance(GUILD, 0, PATIENCE).await.unwrap();
        assert_eq!(stage.sim.bot_voice_channel(GUILD), Some(LOUNGE));
        assert_eq!(stage.log().await.len(), 1);
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn the_fast_trigger_has_its_time_and_its_rules() {
        let stage = Stage::start().await;
        // Any, as long as nothing was chosen.
        stage.trigger(Duration::from_millis(1_500)).await;
        assert_eq!(stage.log().await.len(), 1);
        stage.trigger(Duration::from_millis(1_501)).await;
        assert_eq!(stage.log().await.len(), 1);

        let bind = async |options: &[(&str, &str)]| {
            stage.sim.slash(ADA, GUILD, "bind", options).await.unwrap().content
        };
        assert_eq!(bind(&[("sound", "nothing like it")]).await, "sound was not found");
        let told = bind(&[("sound", "tone-vorbis.ogg")]).await;
        assert_eq!(told, "muting and unmuting at once plays **tone-vorbis** from now on");
        stage.trigger(Duration::from_millis(300)).await;
        assert_eq!(stage.sounds().await[0], "ada: tone-vorbis");
        assert_eq!(stage.log().await.len(), 2);
        // In between, she went elsewhere.
        stage.app.occasions.voice_changed(microphone(ADA, false, true)).await;
        let gone = VoiceChange { now: None, ..microphone(ADA, true, true) };
        stage.app.occasions.voice_changed(gone).await;
        stage.app.occasions.voice_changed(microphone(ADA, true, false)).await;
        assert_eq!(stage.log().await.len(), 2);

        // The guild, the member's roles and the member have a say.
        stage.choose(|settings| settings.has_fast_trigger = false).await;
        stage.trigger(Duration::ZERO).await;
        stage.choose(|settings| {
            settings.has_fast_trigger = true;
            settings.dj_roles = vec![RoleId::try_from(7_u64).unwrap()];
        }).await;
        stage.trigger(Duration::ZERO).await;
        stage.choose(|settings| settings.dj_roles.clear()).await;
        let told = stage.sim.slash(ADA, GUILD, "bind", &[("off", "true")]).await.unwrap();
        assert_eq!(told.content, "muting and unmuting plays nothing from now on");
        stage.trigger(Duration::ZERO).await;
        assert_eq!(stage.log().await.len(), 2);
        let told = bind(&[]).await;
        assert_eq!(told, "muting and unmuting at once plays any sound from now on");
        stage.trigger(Duration::ZERO).await;
        assert_eq!(stage.log().await.len(), 3);
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn commands_and_occasions_cost_what_requests_cost() {
        let stage = Stage::start_with(&[("YURI_LIMITS__BURST", "2")]).await;
        // What is typed is not charged.
        for _ in 0..5 {
            stage.sim.autocomplete(ADA, GUILD, "play", "sound", "t").await.unwrap();
        }
        stage.slash(ADA, "queue").await;
        stage.trigger(Duration::ZERO).await;
        assert_eq!(stage.log().await.len(), 1);
        let told = stage.play(ADA, "tone-opus").await;
        assert_eq!(told.content, "rate limit exceed");
        assert!(told.ephemeral);
        assert!(stage.app.limits.charge(user(ADA)).is_err());
        stage.trigger(Duration::ZERO).await;
        assert_eq!(stage.log().await.len(), 1);
        // Nobody else is affected, and the wait is as long as was said.
        assert_eq!(stage.slash(BEN, "queue").await.content.chars().next(), Some('▶'));
        stage.clock.advance(Duration::from_secs(2));
        assert!(stage.play(ADA, "tone-opus").await.content.starts_with('▶'));
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn the_bot_comes_while_a_name_is_typed_where_the_guild_wants_that() {
        let stage = Stage::start().await;
        let types = async |user: u64| {
            stage.sim.autocomplete(user, GUILD, "play", "sound", "to").await.unwrap();
        };
        types(ADA).await;
        assert_eq!(stage.slash(ADA, "queue").await.content, "nothing plays");
        assert_eq!(stage.sim.bot_voice_channel(GUILD), None);
        stage.choose(|settings| settings.joins_early = true).await;
        types(ADA).await;
        assert!(stage.sim.wait_bot_in_voice(GUILD, Some(LOUNGE), PATIENCE).await);
        // Nobody is left behind for somebody who only types.
        stage.sim.join_voice(BEN, GUILD, STUDIO).unwrap();
        stage.until(|app| app.guilds.gateway().voice_channel(Stage::guild(), user(BEN)).is_some()).await;
        stage.app.player.expect_play(&Stage::asker(BEN)).await.unwrap();
        assert_eq!(stage.sim.bot_voice_channel(GUILD), Some(LOUNGE));
        stage.sim.leave_voice(ADA, GUILD).unwrap();
        stage.until(|app| app.guilds.gateway().voice_channel(Stage::guild(), user(ADA)).is_none()).await;
        types(BEN).await;
        assert!(stage.sim.wait_bot_in_voice(GUILD, Some(STUDIO), PATIENCE).await);
        assert_eq!(stage.sim.heard(GUILD).packets, stage.sim.heard(GUILD).silence_frames);
        stage.stop().await.shutdown().await;
    }
}

voice_test! {
    async fn a_guild_is_answered_in_the_language_it_has_chosen() {
        let stage = Stage::start().await;
        stage.choose(|settings| settings.language = Some(Language::German)).await;
        assert_eq!(stage.slash(ADA, "queue").await.content, "es spielt nichts");
        stage.choose(|settings| settings.language = Some(Language::English)).await;
        assert_eq!(stage.slash(ADA, "queue").await.content, "nothing plays");
        stage.stop().await.shutdown().await;
    }
}
