//! Lists that are longer than a page of Discord's: what is put together, in which order, and at what
//! cost.

use discord_sim::{Application, Guild, Requests, User, World};

use super::{Stage, X_LAB, XENIA, flat, setup_in};
use crate::support::Answer;

/// A bot with a crowd, and its guild.
const CROWDED: u64 = 1_201_448_000_600_113_155;
const CROWD: u64 = 1_204_500_000_100_000_000;
/// Of the crowd's first member; the others follow.
const FIRST: u64 = 1_205_000_000_000_000_000;

/// The demo's world with a crowd of so many people besides.
fn crowd(people: u64) -> World {
    let world = World::demo().application(Application::new(CROWDED, "Crowded"));
    let world = world.user(User::new(FIRST, "first"));
    let guild = Guild::new(CROWD, "Crowd", FIRST)
        .text(CROWD + 1, "general")
        .member(CROWDED)
        .member(FIRST);
    let (world, guild) = (1..people).fold((world, guild), |(world, guild), number| {
        let user = User::new(FIRST + number, &format!("one{number}")).bystander();
        (world.user(user), guild.member(FIRST + number))
    });
    world.guild(guild)
}

fn contents(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let json = answer.json();
    let messages = json.as_array().unwrap().iter();
    messages
        .map(|message| message["content"].as_str().unwrap().to_owned())
        .collect()
}

fn users(answer: &Answer) -> Vec<u64> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let json = answer.json();
    let members = json.as_array().unwrap().iter();
    members
        .map(|member| member["user"]["id"].as_str().unwrap().parse().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_put_together_newest_first() {
    let stage = Stage::start().await;
    let sim = stage.server.sim();
    for number in 1..=250 {
        sim.send_message(X_LAB.owner, X_LAB.general, &number.to_string())
            .unwrap();
    }
    let xenia = stage.login(XENIA).await;
    let pages = stage.count_requests(Requests::to("/channels/*/messages").method("GET"));
    let newest = |count: usize| -> Vec<String> {
        let numbers = (1..=250).rev().take(count);
        numbers.map(|number: u32| number.to_string()).collect()
    };
    let path = format!("/api/messages?channelId={}", X_LAB.general);
    for (limit, messages, calls) in [
        ("", 100, 1),
        ("&limit=1", 1, 1),
        ("&limit=99", 99, 1),
        ("&limit=100", 100, 1),
        ("&limit=101", 101, 2),
        ("&limit=250", 250, 3),
        ("&limit=300", 250, 3),
        ("&limit=1000", 250, 3),
    ] {
        let before = pages.get();
        let told = xenia.get(&stage, &format!("{path}{limit}")).await;
        assert_eq!(contents(&told), newest(messages), "{limit}");
        assert_eq!(pages.get() - before, calls, "{limit}");
    }
    // Nobody is shown what was said a minute ago.
    sim.send_message(X_LAB.owner, X_LAB.general, "news")
        .unwrap();
    let told = xenia.get(&stage, &format!("{path}&limit=1")).await;
    assert_eq!(contents(&told), ["news"]);

    let before = pages.get();
    for wrong in [
        "0",
        "1001",
        "abc",
        "-1",
        "+5",
        "1e3",
        "",
        "5&limit=5",
        "10000000000",
    ] {
        let refused = xenia.get(&stage, &format!("{path}&limit={wrong}")).await;
        assert_eq!(refused.status, 400, "{wrong}");
        flat(&refused);
    }
    assert_eq!(pages.get(), before);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_messages_cost_ten_calls() {
    let stage = Stage::start().await;
    let sim = stage.server.sim();
    for number in 1..=1_000 {
        sim.send_message(X_LAB.owner, X_LAB.general, &number.to_string())
            .unwrap();
    }
    let xenia = stage.login(XENIA).await;
    let pages = stage.count_requests(Requests::to("/channels/*/messages").method("GET"));
    let path = format!("/api/messages?channelId={}&limit=1000", X_LAB.general);
    let all = contents(&xenia.get(&stage, &path).await);
    let expected: Vec<_> = (1..=1_000_u32).rev().map(|it| it.to_string()).collect();
    assert_eq!(all, expected);
    assert_eq!(pages.get(), 10);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_is_put_together_from_pages_of_a_thousand() {
    let stage = Stage::start_with(setup_in(crowd(1_500))).await;
    let crowded = stage.login(CROWDED).await;
    let pages = stage.count_requests(Requests::to("/guilds/*/members"));
    let told = crowded.get(&stage, "/api/members").await;
    let mut expected = vec![CROWDED];
    expected.extend(FIRST..FIRST + 1_500);
    assert_eq!(users(&told), expected);
    assert_eq!(told.header("x-partial"), "");
    assert_eq!(pages.get(), 2);

    let after = FIRST + 1_000;
    let rest = crowded
        .get(&stage, &format!("/api/members?after={after}"))
        .await;
    let expected: Vec<u64> = (after + 1..FIRST + 1_500).collect();
    assert_eq!(users(&rest), expected);
    for wrong in ["", "0", "abc", "-1", "5&after=5"] {
        let refused = crowded
            .get(&stage, &format!("/api/members?after={wrong}"))
            .await;
        assert_eq!(refused.status, 400, "{wrong}");
        flat(&refused);
    }
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_larger_crowd_ten_thousand_are_told_and_the_rest_on_request() {
    let stage = Stage::start_with(setup_in(crowd(10_050))).await;
    let crowded = stage.login(CROWDED).await;
    let pages = stage.count_requests(Requests::to("/guilds/*/members"));
    let first = crowded.get(&stage, "/api/members").await;
    let mut seen = users(&first);
    assert_eq!(seen.len(), 10_000);
    assert_eq!(first.header("x-partial"), "true");
    // One more at most, to know whether there are more.
    assert!((10..=11).contains(&pages.get()), "{}", pages.get());
    let path = format!("/api/members?after={}", seen.last().unwrap());
    let second = crowded.get(&stage, &path).await;
    assert_eq!(second.header("x-partial"), "");
    seen.extend(users(&second));
    let mut expected = vec![CROWDED];
    expected.extend(FIRST..FIRST + 10_050);
    assert_eq!(seen, expected);
    stage.stop().await;
}
