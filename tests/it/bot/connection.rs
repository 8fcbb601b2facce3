//! The gateway connection: what the bot knows of its guilds, and how it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::timeout;
use yuri::bot::{Bot, BotError};
use yuri::discord::Discord;
use yuri::discord::rest::Rest;
use yuri::domain::guilds::MissingRight;
use yuri::domain::session_starts::SessionStarts;
use yuri::ids::{ChannelId, GuildId, UserId};
use yuri::secret::Secret;

use super::stage::{ADA, BEN, BOT, ELSEWHERE, GUILD, LOUNGE, PATIENCE, STUDIO, Stage};
use crate::support::child::voice_test;

#[tokio::test(flavor = "multi_thread")]
async fn guilds_come_and_go_and_are_renamed() {
    let stage = Stage::start().await;
    let elsewhere = GuildId::try_from(ELSEWHERE).unwrap();
    let names = |app: &yuri::app::App| {
        let mut guilds = app.guilds.gateway().guilds().unwrap();
        guilds.sort_by_key(|guild| guild.id);
        guilds
            .into_iter()
            .map(|guild| guild.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&stage.app), ["Sound Lab"]);
    let bot = stage.app.guilds.gateway().bot().unwrap();
    assert_eq!((bot.id.get(), bot.tag.as_str()), (BOT, "Yuri#4821"));
    assert!(stage.app.guilds.gateway().guild(elsewhere).is_none());

    stage.sim.add_bot(ELSEWHERE).unwrap();
    stage
        .until(|app| names(app) == ["Sound Lab", "Book Club"])
        .await;
    stage.sim.rename_guild(ELSEWHERE, "Record Club").unwrap();
    stage
        .until(|app| names(app) == ["Sound Lab", "Record Club"])
        .await;
    stage.sim.remove_bot(ELSEWHERE).unwrap();
    stage.until(|app| names(app) == ["Sound Lab"]).await;
    stage.stop().await.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn voice_channels_and_rights_are_known() {
    let stage = Stage::start().await;
    let gateway = stage.app.guilds.gateway();
    let guild = GuildId::try_from(GUILD).unwrap();
    let channel = |id: u64| ChannelId::try_from(id).unwrap();
    let ben = UserId::try_from(BEN).unwrap();
    assert!(gateway.is_connected());
    assert_eq!(
        gateway.voice_channel(guild, ADA.try_into().unwrap()),
        Some(channel(LOUNGE))
    );
    assert_eq!(gateway.voice_channel(guild, ben), None);
    assert!(gateway.has_listeners(guild, channel(LOUNGE)));
    assert!(!gateway.has_listeners(guild, channel(STUDIO)));

    stage.sim.join_voice(BEN, GUILD, STUDIO).unwrap();
    stage
        .until(|app| app.guilds.gateway().has_listeners(guild, channel(STUDIO)))
        .await;
    assert_eq!(gateway.voice_channel(guild, ben), Some(channel(STUDIO)));
    stage.sim.leave_voice(BEN, GUILD).unwrap();
    stage
        .until(|app| !app.guilds.gateway().has_listeners(guild, channel(STUDIO)))
        .await;

    assert_eq!(gateway.may_speak(guild, channel(STUDIO)), Ok(()));
    stage
        .sim
        .deny_permissions(STUDIO, discord_sim::permissions::SPEAK)
        .unwrap();
    let lacks = |right| {
        move |app: &yuri::app::App| {
            app.guilds.gateway().may_speak(guild, channel(STUDIO)) == Err(right)
        }
    };
    stage.until(lacks(MissingRight::Speak)).await;
    stage
        .sim
        .deny_permissions(STUDIO, discord_sim::permissions::CONNECT)
        .unwrap();
    stage.until(lacks(MissingRight::Connect)).await;
    assert_eq!(
        gateway.may_speak(guild, channel(1)),
        Err(MissingRight::Connect)
    );
    assert_eq!(
        gateway.may_speak(channel_guild(), channel(STUDIO)),
        Err(MissingRight::Connect)
    );
    stage.stop().await.shutdown().await;
}

fn channel_guild() -> GuildId {
    GuildId::try_from(1).unwrap()
}

voice_test! {
    async fn a_join_does_not_wait_for_serenity_to_look() {
        let stage = Stage::start().await;
        let mut quickest = Duration::MAX;
        for _ in 0..3 {
            // What asks for the join has just woken serenity up: it looks again 500 ms later.
            let asked = Instant::now();
            stage.slash(ADA, "join").await;
            quickest = quickest.min(asked.elapsed());
            assert_eq!(stage.sim.bot_voice_channel(GUILD), Some(LOUNGE));
            stage.slash(ADA, "leave").await;
        }
        assert!(quickest < Duration::from_millis(400), "{quickest:?}");
        stage.stop().await.shutdown().await;
    }
}

/// The stage's bot once more, with other settings.
fn another(stage: &Stage, config: &yuri::config::Discord) -> Arc<Bot> {
    let (db, clock) = (stage.app.db.clone(), stage.clock.clone());
    let id = config.bot_id().unwrap();
    let rest = Rest::open(config, clock.clone()).unwrap();
    Arc::new(Bot::new(
        config,
        yuri::discord::client(config).unwrap(),
        Arc::new(Discord::new(config, Arc::new(rest)).unwrap()),
        Arc::new(SessionStarts::new(db, clock.clone(), id)),
        clock,
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_ends_the_bot_at_once() {
    let stage = Stage::start().await;
    let mut config = stage.app.config.discord.clone();
    config.bot_token = Some(Secret::new("MTA5.wrong.token".to_owned()));
    let bot = another(&stage, &config);
    assert!(bot.gateway().guilds().is_none());
    assert!(!bot.gateway().is_connected());
    stage.clock.advance(Duration::from_secs(5));
    let (_stop, stopped) = watch::channel(false);
    let ended = timeout(PATIENCE, bot.run(stage.app.bot_parts(), stopped)).await;
    let ended = ended.expect("an end");
    assert!(matches!(ended, Err(BotError::InvalidToken)), "{ended:?}");
    stage.stop().await.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_out_of_reach_is_waited_for_and_can_be_stopped() {
    let stage = Stage::start().await;
    let mut config = stage.app.config.discord.clone();
    // Nothing listens there.
    config.connect_to = Some(([127, 0, 0, 1], 9).into());
    let bot = another(&stage, &config);
    stage.clock.advance(Duration::from_secs(5));
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(Arc::clone(&bot).run(stage.app.bot_parts(), stopped));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!running.is_finished());
    stop.send(true).unwrap();
    timeout(Duration::from_secs(2), running)
        .await
        .expect("an end")
        .unwrap()
        .unwrap();
    assert!(bot.gateway().guilds().is_none());
    stage.stop().await.shutdown().await;
}
