//! `GET /events`: what listeners are told, what they are not, and how it ends.

use std::fs;
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::json;
use yuri::app::App;
use yuri::db::tokens::Kind;
use yuri::domain::events::{End, News, Scope};
use yuri::domain::tokens::Credential;
use yuri::ids::GuildId;

use crate::audio::fixture;
use crate::support::browser::Browser;
use crate::support::child::voice_test;
use crate::support::stream::{Message, Stream};
use crate::support::{Answer, Server, Setup, Token};

fn of_guild(server: &Server, token: &Token, guild: GuildId) -> RequestBuilder {
    token.sign(server.get(&format!("/events?guild={guild}")))
}

voice_test! {
    async fn a_play_is_told_from_the_join_to_the_end() {
        let setup = Setup::with_discord().set("YURI_LIMITS__BURST", "100");
        fs::write(setup.sounds().join("tone.ogg"), fixture("tone-opus.ogg")).unwrap();
        let server = setup.start().await;
        let guild = server.sim().guilds().remove(0);
        let (id, channel) = (guild.id.to_string(), guild.voice_channel.unwrap().to_string());
        let ada = server.token(server.user("ada")).await;
        // In voice there, so that it needs no asking for.
        let mut stream = Stream::open(ada.sign(server.get("/events"))).await;
        let hello = stream.next().await.unwrap();
        assert_eq!((hello.name.as_str(), hello.retry_ms), ("hello", Some(3_000)));
        // Nobody of the guild.
        let cleo = server.token(server.user("cleo")).await;
        let stranger = Stream::greeted(cleo.sign(server.get("/events"))).await;

        let base = format!("/api/guilds/{id}");
        let played = ada.post(&server, &format!("{base}/play"), r#"{"sound":"tone"}"#).await;
        assert_eq!(played.status, 200, "{}", played.body);
        let mut told = Vec::new();
        while told.last().is_none_or(|message: &Message| message.name != "end") {
            told.push(stream.next().await.unwrap());
        }
        let left = ada.post(&server, &format!("{base}/leave"), "").await;
        assert_eq!(left.json()["state"], "idle");
        while told.last().is_none_or(|message| message.data["state"] != "idle") {
            told.push(stream.next().await.unwrap());
        }

        let track = json!({
            "guild_id": id, "channel_id": channel, "sound": "tone", "source": "local",
            "user_id": ada.user.to_string(), "user_tag": "zekro#9131", "volume": 100,
        });
        let data = |name: &str| {
            let named: Vec<_> = told.iter().filter(|message| message.name == name).collect();
            assert_eq!(named.len(), 1, "{name} in {told:#?}");
            named[0].data.clone()
        };
        assert_eq!(data("playing"), track);
        assert_eq!(data("end"), track);
        let there = json!({"guild_id": id, "channel_id": channel, "volume": 100});
        assert_eq!((data("joined"), data("left")), (there.clone(), there));
        let states = told.iter().filter(|message| message.name == "player_state");
        let mut states: Vec<_> = states.map(|message| message.data["state"].clone()).collect();
        // On the way it may be seen in the channel already, or not yet.
        states.dedup();
        assert_eq!(states.first(), Some(&json!("joining")), "{told:#?}");
        let playing = states.iter().position(|state| state == "playing").unwrap();
        assert_eq!(states[playing..], ["playing", "ready", "idle"], "{told:#?}");
        let position = |name: &str| told.iter().position(|message| message.name == name).unwrap();
        assert!(position("joined") < position("playing"));
        let mut ids: Vec<_> = told.iter().map(|message| message.id.clone()).collect();
        ids.dedup();
        assert_eq!(ids.len(), told.len(), "each has an id of its own");

        let stopping = tokio::spawn(server.stop());
        stranger.closes("shutdown").await;
        stopping.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_hears_what_came_meanwhile() {
    let server = Setup::with_discord().start().await;
    let guild = server.guild();
    let ada = server.token(server.user("ada")).await;
    let mut stream = Stream::open(of_guild(&server, &ada, guild)).await;
    let hello = stream.next().await.unwrap();
    server.set_volume(guild, 1).await;
    let first = stream.next().await.unwrap();
    assert_eq!(first.name, "volume_changed");
    assert_eq!(
        first.data,
        json!({"guild_id": guild.to_string(), "volume": 1})
    );
    drop(stream);
    server.set_volume(guild, 2).await;
    server.set_volume(guild, 3).await;

    let back = |id: &str| of_guild(&server, &ada, guild).header("Last-Event-ID", id);
    for (id, expected) in [(&first.id, &[2, 3][..]), (&hello.id, &[1, 2, 3])] {
        let mut stream = Stream::open(back(id)).await;
        // Who leaves again before anything came has missed nothing.
        assert_eq!(&stream.next().await.unwrap().id, id);
        for volume in expected {
            assert_eq!(stream.next().await.unwrap().data["volume"], *volume);
        }
    }
    for id in ["0-1", "1-18446744073709551615"] {
        let mut stream = Stream::greeted(back(id)).await;
        let missed = stream.next().await.unwrap();
        assert_eq!(
            (missed.name.as_str(), missed.id.as_str()),
            ("missed", ""),
            "{id}"
        );
    }
    for id in ["1", "x-1", "-1-1"] {
        let refused = Answer::of(back(id)).await;
        assert_eq!(refused.status, 400);
        assert_eq!(refused.error(), "Last-Event-ID must be the id of an event");
    }
    // The right is asked for again, not remembered with the place.
    let cleo = server.token(server.user("cleo")).await;
    let mut strange = cleo
        .sign(server.get("/events"))
        .header("Last-Event-ID", &first.id);
    strange = strange.header("X-Other", "1");
    let mut stream = Stream::greeted(strange).await;
    server.clock.advance(Duration::from_secs(15));
    assert_eq!(stream.next().await.unwrap().comment, "ping");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_listens_who_may_not() {
    let server = Setup::with_discord()
        .set("YURI_HTTP__CORS_ORIGINS", "https://board.example.org")
        .start()
        .await;
    let guild = server.guild();
    let ada = server.token(server.user("ada")).await;
    let cleo = server.token(server.user("cleo")).await;
    let nobody = Answer::of(server.get("/events")).await;
    assert_eq!(
        (nobody.status.as_u16(), nobody.error().as_str()),
        (401, "unauthorized")
    );
    let stranger = Answer::of(of_guild(&server, &cleo, guild)).await;
    assert_eq!(stranger.status, 403);
    assert_eq!(stranger.error(), "you must be a member of this guild");
    for query in ["guild=0", "guild=", "guild=1&guild=1", "guild=x"] {
        let wrong = ada.get(&server, &format!("/events?{query}")).await;
        assert_eq!(
            (wrong.status.as_u16(), wrong.error().as_str()),
            (400, "guild must be the id of a guild")
        );
    }
    let posted = ada.post(&server, "/events", "").await;
    assert_eq!(
        (posted.status.as_u16(), posted.header("allow")),
        (405, "GET, HEAD")
    );

    let browser = Browser::login(&server, "ada").await;
    let evil = browser
        .request(Method::GET, "/events")
        .header("Origin", "https://evil.example");
    assert_eq!(Answer::of(evil).await.status, 403);
    for origin in ["http://yuri.test", "https://board.example.org"] {
        Stream::greeted(
            browser
                .request(Method::GET, "/events")
                .header("Origin", origin),
        )
        .await;
    }
    // Pages of our own send no `Origin` with a plain `GET`.
    Stream::greeted(browser.request(Method::GET, "/events")).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_credential() {
    let server = Setup::with_discord().start().await;
    let guild = server.guild();
    let ada = server.token(server.user("ada")).await;
    let other = server.token(ada.user).await;
    let kept = server.token(ada.user).await;
    let revoked = Stream::greeted(of_guild(&server, &ada, guild)).await;
    let mut stays = Stream::greeted(of_guild(&server, &kept, guild)).await;
    let path = format!("/api/tokens/{}", ada.id);
    let answer = Answer::of(ada.sign(server.request(Method::DELETE, &path))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    revoked.closes("revoked").await;
    server.set_volume(guild, 7).await;
    assert_eq!(stays.next().await.unwrap().name, "volume_changed");

    let expires = Stream::greeted(of_guild(&server, &other, guild)).await;
    server
        .clock
        .advance(Duration::from_secs(7 * 24 * 60 * 60 + 60));
    let mut expires = expires;
    let last = expires.until("closed").await;
    assert_eq!(last.data["reason"], "revoked");
    assert_eq!(expires.next().await, None);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_right_counts_within_a_minute() {
    let server = Setup::with_discord().start().await;
    let guild = server.guild();
    let ben = server.token(server.user("ben")).await;
    let mut stream = Stream::greeted(of_guild(&server, &ben, guild)).await;
    server.set_volume(guild, 1).await;
    assert_eq!(stream.next().await.unwrap().data["volume"], 1);
    server.sim().ban(ben.user.get(), guild.get()).unwrap();
    server.clock.advance(Duration::from_secs(60));
    server.set_volume(guild, 2).await;
    let stopping = tokio::spawn(server.stop());
    let last = stream.until("closed").await;
    assert_eq!(last.data["reason"], "shutdown");
    stopping.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_counted_by_user() {
    let setup = Setup::with_discord().set("YURI_LIMITS__STREAMS_PER_USER", "2");
    let server = setup.set("YURI_LIMITS__STREAMS_MAX", "3").start().await;
    let ada = server.token(server.user("ada")).await;
    let cleo = server.token(server.user("cleo")).await;
    let open = |token: &Token| token.sign(server.get("/events"));
    let first = Stream::greeted(open(&ada)).await;
    let _second = Stream::greeted(open(&ada)).await;
    let third = Answer::of(open(&ada)).await;
    assert_eq!(
        (third.status.as_u16(), third.header("retry-after")),
        (429, "10")
    );
    let _other = Stream::greeted(open(&cleo)).await;
    assert_eq!(Answer::of(open(&cleo)).await.status, 429);
    drop(first);
    // The server learns of it with what it sends next.
    let pinged = |app: &App| {
        server.clock.advance(Duration::from_secs(15));
        app.feeds.count() == 2
    };
    server.until(pinged).await;
    Stream::greeted(open(&ada)).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_keep_up_is_dropped_and_nobody_waits() {
    let server = Setup::with_discord().start().await;
    let guild = server.guild();
    let ada = server.token(server.user("ada")).await;
    let open = || {
        let credential = Credential::new(ada.user, &ada.secret, Kind::Api).unwrap();
        server
            .app
            .feeds
            .open(ada.user, credential, Scope::Guild(guild), None)
            .unwrap()
    };
    let mut stalled = open();
    let mut reader = open();
    for percent in 1..=40 {
        server.set_volume(guild, percent).await;
        assert!(matches!(reader.next().await, Ok(News::Event(_))));
    }
    // Another reader may come and go meanwhile.
    drop(open());
    server.until(|app| app.feeds.count() == 2).await;
    server.clock.advance(Duration::from_secs(10));
    server.until(|app| app.feeds.count() == 1).await;
    for _ in 0..32 {
        assert!(matches!(stalled.next().await, Ok(News::Event(_))));
    }
    assert_eq!(stalled.next().await.unwrap_err(), End::Slow);
    drop(reader);
    server.stop().await;
}
