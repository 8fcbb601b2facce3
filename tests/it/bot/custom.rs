//! A guild's own commands in Discord: by slash, by mention and by prefix.

use discord_sim::{Message, permissions};
use serde_json::json;
use yuri::domain::commands::{Embed, Field, Registration, Response, Sound, Text};
use yuri::domain::settings::Language;
use yuri::ids::RoleId;

use super::stage::{ADA, BEN, BOT, GENERAL, GUILD, PATIENCE, Stage};
use crate::support::child::voice_test;

fn text(content: &str) -> Response {
    Response::Text(Text {
        content: content.to_owned(),
    })
}

fn sound(sound: &str) -> Response {
    Response::Sound(Sound {
        sound: sound.to_owned(),
    })
}

/// Makes commands, and waits until Discord offers them.
async fn create(stage: &Stage, commands: &[(&str, Response)]) {
    for (name, response) in commands {
        let created = stage
            .app
            .commands
            .create(Stage::guild(), name, response.clone());
        created.await.unwrap();
    }
    stage
        .until(|app| app.commands.registration(Stage::guild()) == Registration::Registered)
        .await;
}

/// What the bot answers to a message.
async fn say(stage: &Stage, user: u64, text: &str) -> Message {
    let said = stage.sim.send_message(user, GENERAL, text).unwrap();
    let answer = stage.sim.wait_message(GENERAL, PATIENCE, |message| {
        message.author == BOT && message.reply_to == Some(said)
    });
    let answer = answer.await.expect("an answer");
    assert_calls_nobody(&answer);
    answer
}

fn assert_calls_nobody(message: &Message) {
    let mentions = &message.mentions;
    assert!(
        mentions.users.is_empty() && mentions.roles.is_empty() && !mentions.everyone,
        "{mentions:?}"
    );
}

async fn ask(stage: &Stage, user: u64, name: &str) -> String {
    say(stage, user, &format!("<@{BOT}> {name}")).await.content
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_said_as_it_is_and_calls_nobody() {
    let stage = Stage::start_with(&[("YURI_DISCORD__MESSAGE_PREFIX", "y!")]).await;
    // It might: its role lets it, and the text asks for it.
    let all = permissions::EVERYONE | permissions::MENTION_EVERYONE;
    stage
        .sim
        .set_role_permissions(GUILD, GUILD + 1, all)
        .unwrap();
    stage
        .sim
        .set_nick(BEN, GUILD, Some("*B* @here {guild}"))
        .unwrap();
    let content = format!(
        "{{user}} in {{channel}} of {{guild}}: {{sound_count}} sounds. @everyone <@{ADA}> \
         <@&{GUILD}> {{{{7*7}}}} ${{}}"
    );
    create(&stage, &[("rules", text(&content))]).await;
    let expected = format!(
        "\\*B\\* \\@here {{guild}} in <#{GENERAL}> of Sound Lab: 5 sounds. @everyone <@{ADA}> \
         <@&{GUILD}> {{{{7*7}}}} ${{}}"
    );
    let reply = stage.slash(BEN, "rules").await;
    assert_eq!(reply.content, expected);
    // Everybody sees it, at once.
    assert!(!reply.ephemeral && !reply.deferred);
    assert_eq!(
        (
            &reply.message["mentions"],
            &reply.message["mention_everyone"]
        ),
        (&json!([]), &json!(false))
    );
    assert_eq!(ask(&stage, BEN, "rules").await, expected);
    assert_eq!(ask(&stage, BEN, " RULES ").await, expected);
    assert_eq!(say(&stage, BEN, "y!rules").await.content, expected);
    // There are no arguments: this is the name of a sound.
    let more = ask(&stage, ADA, "rules now").await;
    assert_eq!(
        more,
        "there is no sound of this name, see the list of sounds"
    );
    assert!(stage.log().await.is_empty());
    stage.stop().await.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embed_is_laid_out() {
    let stage = Stage::start().await;
    let embed = Embed {
        title: Some("Hello {user}".to_owned()),
        description: Some("Of {guild}".to_owned()),
        url: Some("https://example.org/a?b=c".to_owned()),
        color: Some(0x00_80_ff),
        fields: vec![Field {
            name: "Sounds".to_owned(),
            value: "{sound_count} @everyone".to_owned(),
            inline: true,
        }],
    };
    let plain = Embed {
        title: None,
        description: Some("x".to_owned()),
        url: None,
        color: None,
        fields: Vec::new(),
    };
    create(
        &stage,
        &[
            ("about", Response::Embed(embed)),
            ("plain", Response::Embed(plain)),
        ],
    )
    .await;
    let shown = json!([{
        "type": "rich", "title": "Hello ben", "description": "Of Sound Lab",
        "url": "https://example.org/a?b=c", "color": 0x00_80_ff,
        "fields": [{"name": "Sounds", "value": "5 @everyone", "inline": true}],
    }]);
    assert_eq!(stage.slash(BEN, "about").await.message["embeds"], shown);
    let said = say(&stage, BEN, &format!("<@{BOT}> about")).await;
    assert_eq!(json!(said.embeds), shown);
    let plain = json!([{"type": "rich", "description": "x"}]);
    assert_eq!(stage.slash(BEN, "plain").await.message["embeds"], plain);
    stage.stop().await.shutdown().await;
}

voice_test! {
    async fn a_sound_is_played_and_logged_as_every_other() {
        let stage = Stage::start_with(&[("YURI_DISCORD__MESSAGE_PREFIX", "y!")]).await;
        create(&stage, &[("fanfare", sound("tone.wav"))]).await;
        let reply = stage.slash(ADA, "fanfare").await;
        assert_eq!(reply.content, "▶ **tone**");
        assert!(reply.ephemeral && reply.deferred);
        assert!(stage.sim.wait_utterance(GUILD, 0, PATIENCE).await.is_some());
        assert_eq!(stage.log().await, [("tone".into(), "ada".into())]);
        assert_eq!(ask(&stage, ADA, "fanfare").await, "▶ **tone**");
        assert_eq!(say(&stage, ADA, "y!fanfare").await.content, "▶ **tone**");
        assert_eq!(stage.log().await.len(), 3);
        stage.stop().await.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bots_own_come_first_and_sounds_last() {
    let stage = Stage::start().await;
    create(
        &stage,
        &[("tone", text("no sound")), ("fanfare", sound("tone.wav"))],
    )
    .await;
    assert_eq!(ask(&stage, BEN, "tone").await, "no sound");
    assert_eq!(ask(&stage, BEN, "queue").await, "nothing plays");
    // By its file's name it is still there.
    let not_in_voice = "you need to be in a voice channel to perform this command";
    for sound in ["tone.wav", "play tone", "fanfare"] {
        assert_eq!(ask(&stage, BEN, sound).await, not_in_voice, "{sound}");
    }
    let reply = stage.slash(BEN, "fanfare").await;
    assert_eq!(reply.content, not_in_voice);
    assert!(reply.ephemeral);
    assert!(stage.log().await.is_empty());
    stage.stop().await.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_told_so_alone() {
    let stage = Stage::start_with(&[("YURI_LIMITS__BURST", "6")]).await;
    create(
        &stage,
        &[("rules", text("be nice")), ("fanfare", sound("tone.wav"))],
    )
    .await;
    let roles = ["dj", "quiet"].map(|name| stage.sim.add_role(GUILD, name, 0).unwrap());
    let [dj, quiet] = roles.map(|role| RoleId::try_from(role).unwrap());
    stage
        .choose(move |settings| {
            settings.dj_roles = vec![dj];
            settings.blocked_roles = vec![quiet];
        })
        .await;
    // Texts are for everybody, sounds for those who may play.
    assert_eq!(stage.slash(BEN, "rules").await.content, "be nice");
    let refused = stage.slash(BEN, "fanfare").await.content;
    assert_eq!(refused, "you need a DJ role to play sounds");

    stage.sim.set_roles(BEN, GUILD, &[quiet.get()]).unwrap();
    let blocked = "one of your roles may not use this bot";
    for name in ["rules", "fanfare"] {
        let reply = stage.slash(BEN, name).await;
        assert_eq!(reply.content, blocked);
        assert!(reply.ephemeral, "{name}");
        assert_eq!(ask(&stage, BEN, name).await, blocked);
    }
    let limited = stage.slash(BEN, "rules").await;
    assert_eq!(limited.content, "rate limit exceed");
    assert!(limited.ephemeral);
    stage
        .choose(|settings| settings.language = Some(Language::German))
        .await;
    let german = stage.slash(BEN, "rules").await.content;
    assert_eq!(german, "nicht so schnell, warte einen Moment");
    stage.stop().await.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_that_is_gone_is_said_to_be() {
    let stage = Stage::start().await;
    stage.add_sound("short-lived.wav", b"not yet").await;
    create(&stage, &[("fanfare", sound("short-lived"))]).await;
    stage.remove_sound("short-lived.wav").await;
    let reply = stage.slash(ADA, "fanfare").await;
    assert_eq!(
        reply.content,
        "there is no sound of this name, see the list of sounds"
    );
    assert!(stage.log().await.is_empty());
    stage.stop().await.shutdown().await;
}
