//! What changes at Discord, live: who is told of what, and that whoever reads on hearing it reads the
//! new.

use std::time::Duration;

use discord_sim::{Channel, ChannelKind, Overwrite, OverwriteTarget, Requests, permissions};
use reqwest::Method;
use serde_json::json;

use super::guild_members::{LARGE, large};
use crate::support::stream::{Message, Stream};
use crate::support::{Answer, Server, Setup, Token};

async fn listen(server: &Server, token: &Token) -> Stream {
    let path = format!("/events?guild={}", server.guild());
    Stream::greeted(token.sign(server.get(&path))).await
}

/// What is told last, so that nothing is waited for that does not come.
async fn up_to_now(server: &Server, stream: &mut Stream) -> Vec<Message> {
    server.set_volume(server.guild(), 42).await;
    let mut told = Vec::new();
    loop {
        let message = stream.next().await.unwrap();
        if message.data["volume"] == 42 {
            server.set_volume(server.guild(), 100).await;
            stream.until("volume_changed").await;
            return told;
        }
        told.push(message);
    }
}

fn old(server: &Server, module: &str) -> serde_json::Value {
    json!({"guildId": server.guild().to_string(), "module": module, "action": "INVALIDATE"})
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_are_told_of_to_those_who_see_them() {
    let server = Setup::with_discord()
        .set("YURI_LIMITS__BURST", "1000")
        .start()
        .await;
    let (sim, guild) = (server.sim(), server.guild());
    let (ada, ben, cleo) = (
        server.token(server.user("ada")).await,
        server.token(server.user("ben")).await,
        server.token(server.user("cleo")).await,
    );
    let mut of_ada = listen(&server, &ada).await;
    let mut of_ben = listen(&server, &ben).await;
    let mut of_cleo = Stream::greeted(cleo.sign(server.get("/events"))).await;

    let new = Channel::new(0, "new", ChannelKind::Text);
    let open = sim.add_channel(guild.get(), new).unwrap();
    let created = of_ben.next().await.unwrap();
    assert_eq!(created.name, "channel_create");
    let data = json!({
        "id": open.to_string(), "guild_id": guild.to_string(), "name": "new", "type": 0,
        "parent_id": null, "position": 3, "topic": null, "nsfw": false,
    });
    assert_eq!(created.data, data);
    // Who reads on hearing it reads the new.
    let channels = format!("/api/guilds/{guild}/channels");
    let read = ben.get(&server, &channels).await.json();
    assert_eq!(read["results"].as_array().unwrap().last(), Some(&data));
    let told = of_ben.next().await.unwrap();
    assert_eq!(
        (told.name.as_str(), told.data),
        ("config:update", old(&server, "CHANNELS"))
    );

    sim.change_channel(open, |channel| channel.topic = Some("more".into()))
        .unwrap();
    let updated = of_ben.next().await.unwrap();
    assert_eq!(
        (updated.name.as_str(), &updated.data["topic"]),
        ("channel_update", &"more".into())
    );
    // Hidden: neither that, nor its end, is told to who is kept out; but what is known is old.
    let see = permissions::VIEW_CHANNEL;
    sim.set_overwrite(open, OverwriteTarget::Member(ben.user.get()), 0, see)
        .unwrap();
    let everyone = OverwriteTarget::Role(guild.get());
    let mut secret = Channel::new(0, "secret", ChannelKind::Category);
    secret.overwrites = vec![Overwrite {
        target: everyone,
        allow: 0,
        deny: see,
    }];
    let id = sim.add_channel(guild.get(), secret).unwrap();
    let secret = id.to_string();
    let mut of_secret = async |name: &str| {
        loop {
            let told = of_ada.until(name).await.data;
            if told["id"] == *secret {
                return told;
            }
        }
    };
    of_secret("channel_create").await;
    sim.change_channel(id, |channel| channel.name = "still-secret".into())
        .unwrap();
    assert_eq!(of_secret("channel_update").await["name"], "still-secret");
    sim.remove_channel(id).unwrap();
    assert_eq!(of_secret("channel_delete").await["name"], "still-secret");
    of_ada.until("config:update").await;
    let told = up_to_now(&server, &mut of_ben).await;
    assert_eq!(told.len(), 5, "{told:?}");
    let is_vague = |message: &Message| message.name == "config:update";
    assert!(told.iter().all(is_vague), "{told:?}");
    server.clock.advance(Duration::from_secs(15));
    assert_eq!(of_cleo.next().await.unwrap().comment, "ping");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_and_the_guild_itself_are_told_of_to_its_members() {
    let server = Setup::with_discord().start().await;
    let (sim, guild) = (server.sim(), server.guild());
    let ben = server.token(server.user("ben")).await;
    let mut stream = listen(&server, &ben).await;
    let role = sim.add_role(guild.get(), "dj", 0).unwrap();
    let created = stream.until("role_create").await.data;
    assert_eq!(created["guild_id"], guild.to_string());
    assert_eq!(
        (&created["id"], &created["name"]),
        (&json!(role.to_string()), &json!("dj"))
    );
    assert_eq!(
        stream.until("config:update").await.data,
        old(&server, "ROLES")
    );
    sim.set_role_permissions(guild.get(), role, 1024).unwrap();
    assert_eq!(
        stream.until("role_update").await.data["permissions"],
        "1024"
    );
    sim.remove_role(guild.get(), role).unwrap();
    let gone = json!({"guild_id": guild.to_string(), "id": role.to_string()});
    assert_eq!(stream.until("role_delete").await.data, gone);
    sim.rename_guild(guild.get(), "Lab of Sound").unwrap();
    let renamed = json!({"id": guild.to_string(), "name": "Lab of Sound", "icon": null});
    assert_eq!(stream.until("guild_update").await.data, renamed);
    assert_eq!(
        stream.until("config:update").await.data,
        old(&server, "GUILD")
    );
    // Discord tells of the bot's own changes without the intent: nobody else hears of them.
    let bot = sim.application().id;
    sim.set_nick(bot, guild.get(), Some("Sound")).unwrap();
    let bot = yuri::ids::UserId::try_from(bot).unwrap();
    server
        .until(|app| {
            let own = app.guilds.gateway().member(guild, bot);
            own.is_some_and(|own| own.nick.is_some())
        })
        .await;
    assert!(up_to_now(&server, &mut stream).await.is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_told_of_to_managers_after_what_was_known_is_forgotten() {
    let setup = Setup::in_world(large())
        .set("YURI_LIMITS__BURST", "1000")
        .set("YURI_DISCORD__MEMBERS_INTENT", "true");
    let server = setup.start().await;
    let sim = server.sim();
    sim.set_rate_limit(Requests::to("/guilds/**"), None);
    let ada = server.token(server.user("ada")).await;
    let plain = server.token(server.user("extra101")).await;
    let mut of_ada = listen(&server, &ada).await;
    let mut of_plain = listen(&server, &plain).await;
    let page = async || {
        let path = format!("/api/guilds/{LARGE}/members?limit=1&after=100");
        let page = ada.get(&server, &path).await.json();
        page["results"][0]["nick"].clone()
    };
    assert!(page().await.is_null());
    for nick in ["one", "two", "three"] {
        sim.set_nick(101, LARGE, Some(nick)).unwrap();
        let told = of_ada.until("member_update").await.data;
        assert_eq!(
            (&told["user"]["id"], &told["nick"]),
            (&json!("101"), &json!(nick))
        );
        // The page was kept a moment ago and the clock stands still.
        assert_eq!(page().await, nick);
    }
    sim.remove_member(102, LARGE).unwrap();
    let gone = of_ada.until("member_remove").await.data;
    assert_eq!(
        gone,
        json!({"guild_id": LARGE.to_string(), "user_id": "102"})
    );
    assert_eq!(
        of_ada.until("config:update").await.data,
        old(&server, "MEMBERS")
    );
    sim.add_member(102, LARGE).unwrap();
    assert_eq!(of_ada.until("member_add").await.data["user"]["id"], "102");
    assert!(up_to_now(&server, &mut of_plain).await.is_empty());
    // A right that is lost counts at once.
    sim.remove_member(101, LARGE).unwrap();
    of_ada.until("member_remove").await;
    let gone = plain
        .get(&server, &format!("/api/guilds/{LARGE}/roles"))
        .await;
    assert_eq!(gone.error(), "you must be a member of this guild");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_members_change_here_is_told_to_those_who_show_it() {
    let server = Setup::with_discord().start().await;
    let guild = server.guild();
    let ada = server.token(server.user("ada")).await;
    let ben = server.token(server.user("ben")).await;
    let mut stream = listen(&server, &ben).await;
    let of = format!("/api/guilds/{guild}");
    let commands = format!("{of}/commands");
    let body = r#"{"command":"hi","response":{"type":"text","content":"hello"}}"#;
    let made = ada.post(&server, &commands, body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(
        stream.until("config:update").await.data,
        old(&server, "COMMANDS")
    );
    let change = |body: &'static str| {
        let request = server.request(Method::PATCH, &of);
        let request = request.header("Content-Type", "application/json");
        Answer::of(ada.sign(request).body(body))
    };
    for (body, module) in [
        (r#"{"language":"de"}"#, Some("SETTINGS")),
        (r#"{"language":"de"}"#, None),
    ] {
        assert_eq!(change(body).await.status, 200);
        let told = up_to_now(&server, &mut stream).await;
        let told: Vec<_> = told.into_iter().map(|message| message.data).collect();
        let expected: Vec<_> = module
            .map(|module| old(&server, module))
            .into_iter()
            .collect();
        assert_eq!(told, expected, "{body}: the volume has an event of its own");
    }
    server.stop().await;
}
