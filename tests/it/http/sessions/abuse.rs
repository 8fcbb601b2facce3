//! Many at once, and with bad intentions: Discord is asked little, nobody else is stopped, and
//! nothing is left behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use tokio::runtime::Handle;
use tokio::sync::Barrier;
use yuri::clock::Clock;

use super::{
    COMMON, LOGOUT, PATIENCE, Session, Stage, X_LAB, XENIA, Y_LAB, YOLANDA, Z_LAB, ZORA, junk,
    setup,
};
use crate::support::Answer;

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_junk_costs_discord_little_and_stops_nobody() {
    let stage = Stage::start().await;
    let session = stage.login(XENIA).await;
    let ada = stage.server.token(stage.server.user("ada")).await;
    let ben = stage.server.user("ben");
    let trials = stage.count_trials();
    let homes: Vec<_> = (0..20).map(|_| stage.home()).collect();
    let (refused, limited) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let flood = homes.iter().enumerate().map(async |(home, address)| {
        for number in 0..50 {
            let token = junk(u64::try_from(home * 50 + number).unwrap());
            let answer = stage.try_login_from(address, &token).await;
            match answer.status.as_u16() {
                401 => refused.fetch_add(1, Ordering::Relaxed),
                429 | 503 => limited.fetch_add(1, Ordering::Relaxed),
                other => panic!("{other} {}", answer.body),
            };
        }
    });
    join_all(flood).await;
    let (refused, limited) = (refused.into_inner(), limited.into_inner());
    assert_eq!(refused + limited, 1_000);
    let trials = trials.get();
    assert!(trials <= 110, "{trials} calls; {refused} refused");
    assert_eq!(u64::try_from(refused).unwrap(), trials);
    let invalid = stage.server.sim().invalid_requests();
    assert!(invalid <= 110, "{invalid}");

    // The server's own bot goes on, and so do those who are there.
    let member = stage
        .get_as(&ada, &format!("/api/guilds/{COMMON}/members/{ben}"))
        .await;
    assert_eq!(member.status, 200, "{}", member.body);
    let channels = session
        .get(&stage, &format!("/api/channels?guildId={COMMON}"))
        .await;
    assert_eq!(channels.status, 200, "{}", channels.body);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_wrong_ids_costs_discord_nothing() {
    let stage = Stage::start().await;
    let session = stage.login(XENIA).await;
    let calls = stage.server.sim().requests().len();
    let home = stage.home();
    let mut statuses = Vec::new();
    for number in 0..100 {
        let wrong = Session(format!("{number:064}"));
        let request = stage.request_from(&home, Method::GET, "/api/messages");
        let answer = Answer::of(wrong.sign(request)).await;
        statuses.push(answer.status.as_u16());
    }
    assert!(statuses.iter().all(|status| [401, 429].contains(status)));
    // Guessing is limited more strictly than asking.
    let refused = statuses.iter().filter(|status| **status == 401).count();
    assert!(refused <= 10, "{refused}");
    assert!(session.is_alive(&stage).await);
    assert_eq!(stage.server.sim().requests().len(), calls);
    stage.stop().await;
}

/// Logs in, tells when all others are in as well, and logs out.
async fn come_and_go(stage: &Stage, bot: u64, connects: Option<u64>, all: &Barrier) {
    let token = stage.token(bot);
    let session = loop {
        let answer = stage.try_login(&token).await;
        if answer.status == 200 {
            break Session::of(&answer);
        }
        // Discord takes so many logins in a second.
        assert_eq!(answer.status, 429, "{}", answer.body);
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    if let Some(guild) = connects {
        session.connect(stage, guild).await;
    }
    all.wait().await;
    let answer = session.post(stage, LOGOUT).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(!session.is_alive(stage).await);
}

/// So many at once, of three bots.
async fn crowd(stage: &Arc<Stage>, sessions: usize, connect: bool) {
    let all = Arc::new(Barrier::new(sessions));
    let places = [
        (XENIA, X_LAB.guild),
        (YOLANDA, Y_LAB.guild),
        (ZORA, Z_LAB.guild),
    ];
    let tasks = (0..sessions).map(|number| {
        let (stage, all) = (Arc::clone(stage), Arc::clone(&all));
        let (bot, guild) = places[number % places.len()];
        let connects = connect.then_some(guild);
        tokio::spawn(async move { come_and_go(&stage, bot, connects, &all).await })
    });
    let tasks: Vec<_> = tasks.collect();
    let finished = tokio::time::timeout(3 * PATIENCE, join_all(tasks)).await;
    for task in finished.expect("all come and go") {
        task.unwrap();
    }
    for (bot, _) in places {
        let closed = stage.bot(bot).wait_gateway_connections(0, PATIENCE).await;
        assert!(closed, "{bot} is still connected");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_who_come_and_go_leave_nothing() {
    // There is no room for one that is left over.
    let setup = setup()
        .set("YURI_SESSIONS__MAX", "200")
        .set("YURI_SESSIONS__MAX_PER_BOT", "67");
    let server = setup.start_at(Clock::system()).await;
    let stage = Arc::new(Stage::of(server).await);
    // What is there once and for all: pools of connections, caches, threads.
    crowd(&stage, 200, true).await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    crowd(&stage, 200, false).await;
    let before = tasks();
    crowd(&stage, 200, false).await;
    // A few that are about to end, and no more for each session.
    let waited = tokio::time::timeout(PATIENCE, async {
        while tasks() > before + 10 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(waited.await.is_ok(), "{before} tasks became {}", tasks());
    let stage = Arc::into_inner(stage).expect("nobody else has it");
    stage.stop().await;
}
