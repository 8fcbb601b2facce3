//! `/settings`: what a guild has chosen, seen and changed.

use discord_sim::SimError;

use super::stage::{ADA, BEN, BOT, GENERAL, GUILD, PATIENCE, Stage};

async fn settings(stage: &Stage, options: &[(&str, &str)]) -> String {
    let reply = stage.sim.slash(ADA, GUILD, "settings", options).await;
    let reply = reply.unwrap();
    assert!(reply.ephemeral);
    reply.content
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_manage_the_guild_see_and_change_them() {
    let stage = Stage::start_with(&[("YURI_DISCORD__MESSAGE_PREFIX", "y!")]).await;
    let role = stage.sim.add_role(GUILD, "dj", 0).unwrap();
    insta::assert_snapshot!(settings(&stage, &[]).await, @r"
    `mode` replace
    `volume` 100 %
    `leave_after_s` 60
    `language` –
    `prefix` –
    `entrances` ✅
    `fast_trigger` ✅
    `early_join` ❌
    `loudness` –
    `dj_role` –
    `blocked_role` –
    ");
    let dj = role.to_string();
    let all = [
        ("mode", "1"),
        ("leave_after_s", "-1"),
        ("language", "2"),
        ("prefix", "!!"),
        ("entrances", "false"),
        ("fast_trigger", "false"),
        ("early_join", "true"),
        ("loudness", "-14"),
        ("dj_role", &*dj),
    ];
    let changed = settings(&stage, &all).await;
    let lines: Vec<_> = changed.lines().collect();
    assert_eq!(
        lines,
        [
            "`mode` queue",
            "`volume` 100 %",
            "`leave_after_s` –",
            "`language` de",
            r"`prefix` !!",
            "`entrances` ❌",
            "`fast_trigger` ❌",
            "`early_join` ✅",
            "`loudness` -14 LUFS",
            &format!("`dj_role` <@&{role}>"),
            "`blocked_role` –",
        ]
    );
    assert_eq!(settings(&stage, &[]).await, changed);

    // They are followed: the prefix, the language, and who may play.
    let said = stage.sim.send_message(ADA, GENERAL, "!!stop").unwrap();
    let answer = stage.sim.wait_message(GENERAL, PATIENCE, |message| {
        message.author == BOT && message.reply_to == Some(said)
    });
    assert_eq!(
        answer.await.unwrap().content,
        "du brauchst eine DJ-Rolle, um Sounds zu spielen"
    );
    let back = settings(&stage, &[("dj_role", &dj), ("prefix", "-")]).await;
    assert!(
        back.contains("`dj_role` –") && back.contains("`prefix` –"),
        "{back}"
    );
    stage.stop().await.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_chosen_is_refused_and_changes_nothing() {
    let stage = Stage::start().await;
    let before = settings(&stage, &[]).await;
    let refused = settings(&stage, &[("mode", "1"), ("prefix", "y !")]);
    assert_eq!(
        refused.await,
        "a prefix has 1 to 10 characters and no white space"
    );
    assert_eq!(
        settings(&stage, &[("prefix", "y!")]).await,
        "whoever runs this bot has not let it read messages, mention it instead"
    );
    assert_eq!(settings(&stage, &[]).await, before);
    // Discord does not even let others use it.
    let other = stage.sim.slash(BEN, GUILD, "settings", &[]).await;
    assert!(matches!(other, Err(SimError::Forbidden)), "{other:?}");
    stage.stop().await.shutdown().await;
}
