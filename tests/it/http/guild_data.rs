//! Channels, roles and members of a guild: who is shown what, where it comes from, how long it is
//! believed, and that many who ask at once cost Discord one request.

use std::time::Duration;

use discord_sim::{
    Channel, ChannelKind, Effect, Fault, Latency, Overwrite, OverwriteTarget, Requests, permissions,
};
use futures_util::future::join_all;
use yuri::ids::{ChannelId, RoleId, UserId};

use crate::support::{Answer, SITE, Server, Setup, Token};

pub(super) async fn server() -> Server {
    let setup = Setup::with_discord().set("YURI_LIMITS__BURST", "10000");
    setup.start().await
}

pub(super) async fn tokens(server: &Server) -> [Token; 3] {
    let mut tokens = Vec::new();
    for name in ["ada", "ben", "cleo"] {
        tokens.push(server.token(server.user(name)).await);
    }
    tokens.try_into().ok().unwrap()
}

/// A role above all others that the bot knows of as well.
pub(super) async fn add_role(server: &Server, name: &str, rights: u64) -> RoleId {
    let guild = server.guild();
    let role = server.sim().add_role(guild.get(), name, rights).unwrap();
    let role = RoleId::try_from(role).unwrap();
    server
        .until(|app| {
            let details = app.guilds.gateway().details(guild);
            details.is_some_and(|details| details.has_role(role))
        })
        .await;
    role
}

/// A channel that only a role sees, and of which the bot knows.
async fn add_secret(server: &Server, name: &str, role: RoleId) -> ChannelId {
    let everyone = OverwriteTarget::Role(server.guild().get());
    let see = permissions::VIEW_CHANNEL;
    let mut channel = Channel::new(0, name, ChannelKind::Text);
    channel.overwrites = [
        (everyone, 0, see),
        (OverwriteTarget::Role(role.get()), see, 0),
    ]
    .map(|(target, allow, deny)| Overwrite {
        target,
        allow,
        deny,
    })
    .to_vec();
    let id = server.sim().add_channel(server.guild().get(), channel);
    let (guild, id) = (server.guild(), ChannelId::try_from(id.unwrap()).unwrap());
    server
        .until(|app| app.guilds.gateway().channel(guild, id).is_some())
        .await;
    id
}

pub(super) fn give_roles(server: &Server, user: UserId, roles: &[RoleId]) {
    let roles: Vec<u64> = roles.iter().map(|role| role.get()).collect();
    let guild = server.guild().get();
    server.sim().set_roles(user.get(), guild, &roles).unwrap();
    // Without the intent nobody tells: it is read again after a minute.
    server.clock.advance(Duration::from_mins(1));
}

/// One field of each entry of a list.
fn listed(answer: &Answer, field: &str) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let json = answer.json();
    let results = json["results"].as_array().unwrap();
    assert_eq!(json["n"], results.len());
    let text = |value: &serde_json::Value| value.as_str().map_or(value.to_string(), str::to_owned);
    results.iter().map(|entry| text(&entry[field])).collect()
}

/// How often Discord was asked for this.
pub(super) fn asked(server: &Server, method: &str, path: &str) -> usize {
    let path = format!("/api/v10{path}");
    let requests = server.sim().requests();
    let same = |request: &&discord_sim::RequestRecord| {
        request.method == method && request.path.split('?').next() == Some(&path)
    };
    requests.iter().filter(same).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn members_see_the_channels_that_are_open_to_them() {
    let server = server().await;
    let [ada, ben, cleo] = tokens(&server).await;
    let path = format!("/api/guilds/{}/channels", server.guild());
    let open = ben.get(&server, &path).await;
    assert_eq!(open.header("x-total-count"), "3");
    assert_eq!(open.header("cache-control"), "no-store");
    let first = r#"{
  "n": 3,
  "results": [
    {
      "id": "1104556121146212352",
      "guild_id": "1104556120873582592",
      "name": "Lab",
      "type": 4,
      "parent_id": null,
      "position": 0,
      "topic": null,
      "nsfw": false
    },"#;
    assert!(open.body.starts_with(first), "{}", open.body);
    let stranger = cleo.get(&server, &path).await;
    assert_eq!(stranger.status, 403);
    assert_eq!(stranger.error(), "you must be a member of this guild");
    let nowhere = ada.get(&server, "/api/guilds/1/channels").await;
    assert_eq!(nowhere.body, stranger.body);

    let staff = add_role(&server, "staff", 0).await;
    add_secret(&server, "staff-only", staff).await;
    let channels = async |token: &Token, query: &str| {
        let answer = token.get(&server, &format!("{path}{query}")).await;
        listed(&answer, "name")
    };
    assert_eq!(channels(&ben, "").await, ["Lab", "general", "Lounge"]);
    assert_eq!(
        channels(&ada, "?type=text").await,
        ["general", "staff-only"]
    );
    give_roles(&server, ben.user, &[staff]);
    assert_eq!(channels(&ben, "?type=0").await, ["general", "staff-only"]);
    // Who may not play is kept from nothing else.
    let block = server.request(
        reqwest::Method::PATCH,
        &format!("/api/guilds/{}", server.guild()),
    );
    let block = ada.sign(block).header("Content-Type", "application/json");
    let block = block.body(format!(r#"{{"blocked_roles":["{staff}"]}}"#));
    assert_eq!(Answer::of(block).await.status, 200);
    assert_eq!(
        channels(&ben, "?type=text").await,
        ["general", "staff-only"]
    );
    // Kept out by name, though the role lets in.
    let target = OverwriteTarget::Member(ben.user.get());
    let general = server.sim().guilds()[0].text_channel.unwrap();
    server
        .sim()
        .set_overwrite(general, target, 0, permissions::VIEW_CHANNEL)
        .unwrap();
    let (guild, general) = (server.guild(), ChannelId::try_from(general).unwrap());
    server
        .until(|app| {
            let channel = app.guilds.gateway().channel(guild, general);
            channel.is_some_and(|channel| !channel.overwrites.is_empty())
        })
        .await;
    assert_eq!(channels(&ben, "?type=text").await, ["staff-only"]);
    assert_eq!(channels(&ben, "?type=voice").await, ["Lounge"]);
    assert_eq!(channels(&ben, "?type=category").await, ["Lab"]);
    assert!(channels(&ada, "?type=forum").await.is_empty());
    for wrong in ["", "Text", "1", "text&type=text", "dm"] {
        let refused = ada.get(&server, &format!("{path}?type={wrong}")).await;
        assert_eq!(refused.status, 400, "{wrong}");
        assert!(refused.error().starts_with("type must be"), "{wrong}");
    }
    // All of that was known.
    assert_eq!(asked(&server, "GET", &path[4..]), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_say_which_of_them_the_bot_may_give() {
    let server = server().await;
    let [ada, ben, cleo] = tokens(&server).await;
    let (sim, guild) = (server.sim(), server.guild());
    let path = format!("/api/guilds/{guild}/roles");
    let before = ben.get(&server, &path).await;
    assert_eq!(listed(&before, "name"), ["Yuri", "@everyone"]);
    let own: u64 = listed(&before, "id")[0].parse().unwrap();
    let rights = permissions::EVERYONE | permissions::MANAGE_ROLES;
    sim.set_role_permissions(guild.get(), own, rights).unwrap();
    let low = add_role(&server, "low", 0).await;
    let high = add_role(&server, "high", 0).await;
    sim.move_role(guild.get(), low.get(), 1).unwrap();
    sim.move_role(guild.get(), high.get(), 3).unwrap();
    let is_moved = |app: &yuri::app::App| {
        let roles = app.guilds.gateway().info(guild).unwrap().roles;
        let at = |id: RoleId| roles.iter().find(|role| role.id == id).unwrap().position;
        at(low) == 1 && at(high) == 3
    };
    server.until(is_moved).await;
    for (query, names) in [
        ("", &["high", "Yuri", "low", "@everyone"][..]),
        ("?manageable=true", &["low"]),
        ("?manageable=false", &["high", "Yuri", "@everyone"]),
    ] {
        let answer = ben.get(&server, &format!("{path}{query}")).await;
        assert_eq!(listed(&answer, "name"), names, "{query}");
    }
    let low = ada.get(&server, &format!("{path}?manageable=true")).await;
    let low = low.json()["results"][0].clone();
    let keys: Vec<_> = low.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        keys,
        [
            "color",
            "hoist",
            "id",
            "manageable",
            "managed",
            "mentionable",
            "name",
            "permissions",
            "position"
        ]
    );
    assert_eq!(cleo.get(&server, &path).await.status, 403);
    for wrong in ["", "1", "TRUE", "true&manageable=true"] {
        let refused = ben
            .get(&server, &format!("{path}?manageable={wrong}"))
            .await;
        assert_eq!(refused.status, 400, "{wrong}");
    }
    assert_eq!(asked(&server, "GET", &path[4..]), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_who_miss_at_once_cost_one_request_each_kind() {
    let server = server().await;
    let [ada, _, _] = tokens(&server).await;
    let (sim, guild) = (server.sim(), server.guild());
    // An outage at Discord: the gateway knows nothing of the guild, REST does.
    sim.set_guild_available(guild.get(), false).unwrap();
    server
        .until(|app| app.guilds.gateway().details(guild).is_none())
        .await;
    let slow = Effect::Delay(Latency::fixed(Duration::from_millis(300)));
    sim.fault(Fault::on(Requests::to("/guilds/**").method("GET"), slow))
        .unwrap();
    sim.clear_requests();
    let path = format!("/api/guilds/{guild}/channels");
    let client = server.client();
    let get = || Answer::of(ada.sign(client.get(format!("{SITE}{path}"))));
    let answers = join_all((0..200).map(|_| get())).await;
    for answer in &answers {
        assert_eq!(listed(answer, "name"), ["Lab", "general", "Lounge"]);
    }
    let member = format!("/guilds/{guild}/members/{}", ada.user);
    for asked_for in [&path[4..], &format!("/guilds/{guild}"), &member] {
        assert_eq!(asked(&server, "GET", asked_for), 1, "{asked_for}");
    }
    sim.clear_faults();

    // Believed for five minutes, and not a moment longer.
    sim.add_channel(guild.get(), Channel::new(0, "new", ChannelKind::Text))
        .unwrap();
    let count = async || listed(&get().await, "name").len();
    server.clock.advance(Duration::from_secs(299));
    assert_eq!(count().await, 3);
    assert_eq!(asked(&server, "GET", &path[4..]), 1);
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(count().await, 4);
    assert_eq!(asked(&server, "GET", &path[4..]), 2);
    let roles = ada
        .get(&server, &format!("/api/guilds/{guild}/roles"))
        .await;
    assert_eq!(listed(&roles, "name"), ["Yuri", "@everyone"]);
    // Discord's no is told to all who waited for it.
    let no = Effect::Answer(discord_sim::HttpAnswer::status(404));
    sim.fault(Fault::on(Requests::to("/guilds/*/channels"), no))
        .unwrap();
    server.clock.advance(Duration::from_mins(5));
    for answer in join_all((0..20).map(|_| get())).await {
        assert_eq!(answer.status, 502);
    }
    sim.clear_faults();
    assert_eq!(count().await, 4);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn managers_let_the_bot_write_and_nobody_is_called_by_it() {
    let server = server().await;
    let [ada, ben, cleo] = tokens(&server).await;
    let (sim, guild) = (server.sim(), server.guild());
    let view = sim.guilds().remove(0);
    let general = view.text_channel.unwrap();
    let path = |channel: u64| format!("/api/guilds/{guild}/channels/{channel}/messages");
    let post = async |token: &Token, channel: u64, content: &str| {
        let body = serde_json::json!({ "content": content }).to_string();
        token.post(&server, &path(channel), &body).await
    };
    let text = format!("@everyone <@{}> look", ben.user);
    let sent = post(&ada, general, &text).await;
    assert_eq!(sent.status, 201, "{}", sent.body);
    let message = sim.messages(general).pop().unwrap();
    assert_eq!(
        sent.json(),
        serde_json::json!({
            "id": message.id.to_string(), "guild_id": guild.to_string(),
            "channel_id": general.to_string(), "content": text,
        })
    );
    assert_eq!((message.author, message.content), (view_bot(&server), text));
    assert!(message.mentions.users.is_empty() && !message.mentions.everyone);
    let voice = view.voice_channel.unwrap();
    assert_eq!(post(&ada, voice, &"x".repeat(2_000)).await.status, 201);

    sim.clear_requests();
    let elsewhere = sim.guilds()[1].text_channel.unwrap();
    let category = general - 222_298_112;
    for (token, channel, content, status) in [
        (&ben, general, "hello", 403),
        (&cleo, general, "hello", 403),
        (&ada, elsewhere, "hello", 404),
        (&ada, 1, "hello", 404),
        (&ada, category, "hello", 400),
        (&ada, general, "", 400),
        (&ada, general, " \n", 400),
        (&ada, general, &"x".repeat(2_001), 400),
    ] {
        let refused = post(token, channel, content).await;
        assert_eq!(refused.status.as_u16(), status, "{content:.10}");
        refused.error();
    }
    for body in ["{}", r#"{"content":1}"#, r#"{"content":"a","tts":true}"#] {
        assert_eq!(
            ada.post(&server, &path(general), body).await.status,
            400,
            "{body}"
        );
    }
    sim.deny_permissions(general, permissions::SEND_MESSAGES)
        .unwrap();
    let general_id = ChannelId::try_from(general).unwrap();
    server
        .until(|app| {
            let channel = app.guilds.gateway().channel(guild, general_id);
            channel.is_some_and(|channel| !channel.overwrites.is_empty())
        })
        .await;
    let refused = post(&ada, general, "hello").await;
    assert_eq!(refused.status, 403);
    assert!(
        refused
            .error()
            .starts_with("the bot may not write in this channel")
    );
    let posts = sim
        .requests()
        .into_iter()
        .filter(|request| request.method == "POST");
    assert_eq!(posts.count(), 0);
    server.stop().await;
}

fn view_bot(server: &Server) -> u64 {
    server.app.guilds.gateway().bot().unwrap().id.get()
}
