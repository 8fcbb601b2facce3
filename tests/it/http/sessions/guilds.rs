//! Which guild is meant: the one that is named, or the only one; and that a guild without the bot is
//! none.

use super::{COMMON, NOWHERE, Stage, X_LAB, XENIA, Y_LAB, Z_LAB, ZORA, flat, seen};

const ROUTES: [&str; 2] = ["/api/members", "/api/channels"];

#[tokio::test(flavor = "multi_thread")]
async fn the_only_guild_need_not_be_named() {
    let stage = Stage::start().await;
    let zora = stage.login(ZORA).await;
    for route in ROUTES {
        let named = format!("{route}?guildId={}", Z_LAB.guild);
        let named = zora.get(&stage, &named).await;
        assert_eq!(named.status, 200, "{route}: {}", named.body);
        assert_eq!(zora.get(&stage, route).await.body, named.body, "{route}");
    }
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_one_must_be_named() {
    let stage = Stage::start().await;
    let xenia = stage.login(XENIA).await;
    for route in ROUTES {
        let which = xenia.get(&stage, route).await;
        assert_eq!(which.status, 400, "{route}");
        assert_eq!(
            flat(&which),
            "guildId is missing: the bot is in more than one guild"
        );
        for guild in [X_LAB.guild, COMMON] {
            let named = format!("{route}?guildId={guild}");
            let named = xenia.get(&stage, &named).await;
            assert_eq!(named.status, 200, "{route}: {}", named.body);
            assert!(named.body.starts_with("[\n  {\n"), "{}", named.body);
        }
    }
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_without_a_guild_is_told_so() {
    let stage = Stage::start().await;
    stage.bot(ZORA).remove_bot(Z_LAB.guild).unwrap();
    let zora = stage.login(ZORA).await;
    for route in ROUTES {
        let none = zora.get(&stage, route).await;
        assert_eq!(
            (none.status.as_u16(), flat(&none).as_str()),
            (404, "the bot is in no guild"),
            "{route}"
        );
        let gone = format!("{route}?guildId={}", Z_LAB.guild);
        let gone = zora.get(&stage, &gone).await;
        assert_eq!(
            (gone.status.as_u16(), flat(&gone).as_str()),
            (404, "there is no such guild"),
            "{route}"
        );
    }
    // It is asked into one while its session lasts.
    stage.bot(ZORA).add_bot(COMMON).unwrap();
    stage
        .server
        .clock
        .advance(std::time::Duration::from_mins(16));
    for route in ROUTES {
        let only = zora.get(&stage, route).await;
        assert_eq!(only.status, 200, "{route}: {}", only.body);
    }
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guild_without_the_bot_is_none_and_what_is_no_id_names_none() {
    let stage = Stage::start().await;
    let xenia = stage.login(XENIA).await;
    for route in ROUTES {
        let of_nobody = format!("{route}?guildId={NOWHERE}");
        let of_nobody = xenia.get(&stage, &of_nobody).await;
        assert_eq!(of_nobody.status, 404, "{route}");
        assert_eq!(flat(&of_nobody), "there is no such guild");
        let of_others = format!("{route}?guildId={}", Y_LAB.guild);
        let of_others = xenia.get(&stage, &of_others).await;
        assert_eq!(seen(&of_others), seen(&of_nobody), "{route}");
    }
    let calls = stage.count_calls(XENIA);
    for route in ROUTES {
        for wrong in [
            "guildId=",
            "guildId=0",
            "guildId=abc",
            "guildId=-1",
            "guildId=1e3",
            "guildId=01",
            "guildId=9223372036854775808",
            "guildId=1&guildId=1",
        ] {
            let refused = xenia.get(&stage, &format!("{route}?{wrong}")).await;
            assert_eq!(refused.status, 400, "{route}?{wrong}");
            flat(&refused);
        }
    }
    for wrong in ["", "guild_id=1", "channelId=", "channelId=x", "channelId=0"] {
        let refused = xenia.get(&stage, &format!("/api/messages?{wrong}")).await;
        assert_eq!(refused.status, 400, "{wrong}");
        flat(&refused);
    }
    assert_eq!(calls.get(), 0);
    stage.stop().await;
}
