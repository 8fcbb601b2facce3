//! The members of a guild over REST: with Discord's intent and without it, in pages and singly.

use std::time::Duration;

use discord_sim::{Application, Guild, Requests, Role, User, World, permissions};
use reqwest::Method;
use yuri::ids::UserId;

use super::guild_data::{add_role, asked, give_roles, server, tokens};
use crate::support::{Answer, Setup};

const ADA: u64 = 11;
const BOT: u64 = 21;
pub(super) const LARGE: u64 = 1_104_556_120_873_582_592;

#[tokio::test(flavor = "multi_thread")]
async fn without_the_intent_the_list_of_members_says_that_it_is_partial() {
    let server = server().await;
    let [ada, ben, cleo] = tokens(&server).await;
    let path = format!("/api/guilds/{}/members", server.guild());
    let list = ada.get(&server, &path).await;
    assert_eq!(list.json()["partial"], true);
    // Ada is in voice, ben is not.
    let names = |answer: &Answer| -> Vec<String> {
        let json = answer.json();
        let results = json["results"].as_array().unwrap().clone();
        let name = |member: &serde_json::Value| member["user"]["username"].clone();
        let names = results.iter().map(name);
        names
            .map(|name| name.as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&list), ["ada", "Yuri"]);
    let rest = format!("{path}?after={}&limit=1", ada.user);
    assert_eq!(names(&ada.get(&server, &rest).await), ["Yuri"]);
    assert_eq!(asked(&server, "GET", &path[4..]), 0, "Discord would refuse");
    assert_eq!(cleo.get(&server, &path).await.status, 403);
    let plain = ben.get(&server, &path).await;
    assert_eq!(plain.status, 403);
    assert_eq!(plain.error(), "you must be a manager of this guild");
    for wrong in [
        "limit=0",
        "limit=1001",
        "limit=+1",
        "after=0",
        "after=x",
        "limit=1&limit=1",
    ] {
        let refused = ada.get(&server, &format!("{path}?{wrong}")).await;
        assert_eq!(refused.status, 400, "{wrong}");
    }

    let one = |user: UserId| format!("{path}/{user}");
    let own = ben.get(&server, &one(ben.user)).await;
    insta::assert_snapshot!(own.body, @r#"
    {
      "user": {
        "id": "264911308557295617",
        "username": "ben",
        "discriminator": "0",
        "global_name": "Ben",
        "avatar": null,
        "bot": false
      },
      "nick": null,
      "roles": [],
      "joined_at": "2024-01-01T12:00:00Z",
      "communication_disabled_until": null
    }
    "#);
    assert_eq!(ada.get(&server, &one(ben.user)).await.body, own.body);
    assert_eq!(ben.get(&server, &one(ada.user)).await.status, 403);
    assert_eq!(cleo.get(&server, &one(cleo.user)).await.status, 403);
    let nobody = ada.get(&server, &one(cleo.user)).await;
    assert_eq!(
        (nobody.status.as_u16(), nobody.error().as_str()),
        (404, "there is no such member")
    );
    let manager = add_role(&server, "manager", permissions::MANAGE_GUILD).await;
    give_roles(&server, ben.user, &[manager]);
    assert_eq!(ben.get(&server, &path).await.status, 200);
    assert_eq!(ben.get(&server, &one(ada.user)).await.status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_intent_all_members_are_known_and_changes_count_at_once() {
    let setup = Setup::with_discord()
        .set("YURI_LIMITS__BURST", "10000")
        .set("YURI_DISCORD__MEMBERS_INTENT", "true");
    let server = setup.start().await;
    let [ada, ben, cleo] = tokens(&server).await;
    let guild = server.guild();
    let path = format!("/api/guilds/{guild}/members");
    let list = ada.get(&server, &path).await.json();
    assert_eq!((&list["partial"], &list["n"]), (&false.into(), &3.into()));
    let known = |name: &'static str| {
        let of_ben = ben.user;
        move |app: &yuri::app::App| {
            let member = app.guilds.gateway().member(guild, of_ben);
            member.is_some_and(|member| member.nick.as_deref() == Some(name))
        }
    };
    server
        .sim()
        .set_nick(ben.user.get(), guild.get(), Some("Benny"))
        .unwrap();
    server.until(known("Benny")).await;
    let member = ada.get(&server, &format!("{path}/{}", ben.user)).await;
    assert_eq!(member.json()["nick"], "Benny");
    // Nobody had to be asked, and the clock stands still.
    assert_eq!(
        asked(&server, "GET", &format!("{}/{}", &path[4..], ben.user)),
        0
    );
    let change = server.request(Method::PATCH, &format!("/api/guilds/{guild}"));
    let change = change.header("Content-Type", "application/json");
    let changed = Answer::of(ada.sign(change).body(r#"{"language":"de"}"#)).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let of_ada = format!("{}/{}", &path[4..], ada.user);
    assert_eq!(asked(&server, "GET", &of_ada), 0, "not for a change either");
    // But for the list: without the Presence intent Discord tells at the start of those in voice alone.
    assert_eq!(asked(&server, "GET", &path[4..]), 1);
    assert_eq!(cleo.get(&server, &path).await.status, 403);
    server
        .sim()
        .remove_member(ben.user.get(), guild.get())
        .unwrap();
    server
        .until(|app| app.guilds.gateway().member(guild, ben.user).is_none())
        .await;
    let gone = ben
        .get(&server, &format!("/api/guilds/{guild}/channels"))
        .await;
    assert_eq!(gone.error(), "you must be a member of this guild");
    server.stop().await;
}

/// A guild of more members than Discord tells of at the start.
pub(super) fn large() -> World {
    let bot = Role {
        bot: Some(BOT),
        ..Role::new(LARGE + 1, "Yuri", permissions::EVERYONE)
    };
    let mut guild = Guild::new(LARGE, "Crowd", ADA)
        .text(LARGE + 2, "general")
        .role(bot)
        .member(ADA)
        .member_with_roles(BOT, &[LARGE + 1]);
    let mut world = World::empty()
        .user(User::new(ADA, "ada"))
        .application(Application::new(BOT, "Yuri"));
    for number in 100..160 {
        world = world.user(User::new(number, &format!("extra{number}")));
        guild = guild.member(number);
    }
    world.guild(guild)
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_members_are_believed_for_a_minute_unless_discord_says_otherwise() {
    let setup = Setup::in_world(large())
        .set("YURI_LIMITS__BURST", "10000")
        .set("YURI_DISCORD__MEMBERS_INTENT", "true");
    let server = setup.start().await;
    let members = Requests::to("/guilds/*/members");
    server.sim().set_rate_limit(members, None);
    let ada = server.token(server.user("ada")).await;
    let path = format!("/api/guilds/{LARGE}/members");
    let page = async |query: &str| {
        let page = ada.get(&server, &format!("{path}?{query}")).await;
        assert_eq!(page.json()["partial"], false);
        let member = page.json()["results"][0].clone();
        (page.json()["n"].as_u64().unwrap(), member)
    };
    let (count, first) = page("limit=2&after=100").await;
    assert_eq!((count, &first["user"]["id"]), (2, &"101".into()));
    assert_eq!(page("limit=1000").await.0, 62);
    assert_eq!(page("limit=2&after=100").await.1, first);
    let times = || asked(&server, "GET", &path[4..]);
    assert_eq!(times(), 2);
    server.clock.advance(Duration::from_secs(59));
    page("limit=2&after=100").await;
    assert_eq!(times(), 2);
    server.clock.advance(Duration::from_secs(1));
    page("limit=2&after=100").await;
    assert_eq!(times(), 3);

    server.sim().set_nick(101, LARGE, Some("Renamed")).unwrap();
    let guild = server.guild();
    server
        .until(|app| {
            let member = app
                .guilds
                .gateway()
                .member(guild, UserId::try_from(101).unwrap());
            member.is_some_and(|member| member.nick.is_some())
        })
        .await;
    let renamed = tokio::time::timeout(Duration::from_secs(20), async {
        while page("limit=2&after=100").await.1["nick"] != "Renamed" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    renamed
        .await
        .expect("the page is read again, though the clock stands still");
    assert_eq!(times(), 4);
    server.stop().await;
}
