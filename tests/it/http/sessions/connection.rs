//! The gateway is connected to by who needs it: once for each bot, and until its last session ends.

use std::time::Duration;

use discord_sim::{Channel, ChannelKind};
use futures_util::future::join_all;

use super::{COMMON, PATIENCE, Session, Stage, X_LAB, XENIA, Y_LAB, YOLANDA, YURI};

async fn channel_names(stage: &Stage, session: &Session, guild: u64) -> Vec<String> {
    let path = format!("/api/channels?guildId={guild}");
    let answer = session.get(stage, &path).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let json = answer.json();
    let channels = json.as_array().unwrap().iter();
    channels
        .map(|channel| channel["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_reads_is_not_connected() {
    let stage = Stage::start().await;
    let connections = stage.count_connections();
    let xenia = stage.login(XENIA).await;
    for path in [
        format!("/api/members?guildId={}", X_LAB.guild),
        format!("/api/channels?guildId={COMMON}"),
        format!("/api/messages?channelId={}&limit=200", X_LAB.general),
    ] {
        let answer = xenia.get(&stage, &path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    }
    assert!(xenia.is_alive(&stage).await);
    xenia.logout(&stage).await;
    assert_eq!(connections.get(), 0);
    assert_eq!(stage.bot(XENIA).gateway_connections(), 0);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_has_one_connection_and_its_last_session_closes_it() {
    let stage = Stage::start().await;
    let (bot, identifies) = (stage.bot(XENIA), stage.count_identifies(XENIA));
    let (first, second) = (stage.login(XENIA).await, stage.login(XENIA).await);
    // Many need it at once.
    let needs = (0..10).map(|number| {
        let session = [&first, &second][number % 2];
        let guild = [X_LAB.guild, COMMON][number / 5];
        session.connect(&stage, guild)
    });
    join_all(needs).await;
    assert_eq!((identifies.get(), bot.gateway_connections()), (1, 1));

    first.logout(&stage).await;
    second.connect(&stage, COMMON).await;
    let third = stage.login(XENIA).await;
    second.logout(&stage).await;
    third.connect(&stage, X_LAB.guild).await;
    assert_eq!((identifies.get(), bot.gateway_connections()), (1, 1));

    // Those of others have nothing to do with it.
    let yolanda = stage.login(YOLANDA).await;
    yolanda.connect(&stage, Y_LAB.guild).await;
    yolanda.logout(&stage).await;
    let other = stage.bot(YOLANDA);
    assert!(other.wait_gateway_connections(0, PATIENCE).await);
    assert_eq!(bot.gateway_connections(), 1);

    third.logout(&stage).await;
    assert!(bot.wait_gateway_connections(0, PATIENCE).await);
    assert_eq!(identifies.get(), 1);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_is_connected_anew() {
    let stage = Stage::start().await;
    let (bot, identifies) = (stage.bot(XENIA), stage.count_identifies(XENIA));
    for number in 1..=2 {
        let session = stage.login(XENIA).await;
        session.connect(&stage, X_LAB.guild).await;
        assert_eq!((identifies.get(), bot.gateway_connections()), (number, 1));
        session.logout(&stage).await;
        assert!(bot.wait_gateway_connections(0, PATIENCE).await);
        // Discord wants so long between two.
        let between = Duration::from_secs(5);
        stage.server.sim().advance_clock(between);
        stage.server.clock.advance(between);
    }
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_own_bot_keeps_its_connection() {
    let stage = Stage::start().await;
    let (bot, identifies) = (stage.bot(YURI), stage.count_identifies(YURI));
    let connections = stage.count_connections();
    let (first, second) = (stage.login(YURI).await, stage.login(YURI).await);
    let sees = channel_names(&stage, &first, COMMON).await;
    assert_eq!(sees, ["lobby", "Hall"]);
    for session in [&first, &second] {
        session.connect(&stage, COMMON).await;
    }
    let is_up = || {
        let gateway = stage.server.app.guilds.gateway();
        gateway.is_connected() && gateway.guilds().is_some()
    };
    first.logout(&stage).await;
    second.logout(&stage).await;
    stage.until_over(&second).await;
    // A login and a logout of another change nothing either.
    let other = stage.login(XENIA).await;
    other.logout(&stage).await;
    assert_eq!((identifies.get(), connections.get()), (0, 0));
    assert_eq!(bot.gateway_connections(), 1);
    assert!(is_up());
    // Not by the end of idle sessions: the server needs it still.
    stage.login(YURI).await;
    stage.server.clock.advance(Duration::from_mins(31));
    stage.login(XENIA).await;
    assert_eq!(bot.gateway_connections(), 1);
    let ada = stage.server.token(stage.server.user("ada")).await;
    let player = stage
        .get_as(&ada, &format!("/api/guilds/{COMMON}/player"))
        .await;
    assert_eq!(player.status, 200, "{}", player.body);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_is_connected_changes_are_known_at_once() {
    let stage = Stage::start().await;
    let sim = stage.server.sim();
    let xenia = stage.login(XENIA).await;
    assert_eq!(
        channel_names(&stage, &xenia, X_LAB.guild).await,
        ["general", "Lounge"]
    );
    xenia.connect(&stage, X_LAB.guild).await;
    let new = Channel::new(0, "new", ChannelKind::Text);
    sim.add_channel(X_LAB.guild, new).unwrap();
    let shown = async {
        while channel_names(&stage, &xenia, X_LAB.guild).await.len() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let began = stage.server.clock.monotonic();
    tokio::time::timeout(PATIENCE, shown)
        .await
        .expect("the new channel is listed");
    let took = stage.server.clock.monotonic() - began;
    assert!(took < Duration::from_mins(1), "{took:?}");
    stage.stop().await;
}
