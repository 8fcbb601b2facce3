//! "Add to soundboard" in a message's menu, and random sounds by tag.

use discord_sim::{Answer, File, permissions};
use yuri::domain::labels::Label;
use yuri::ids::RoleId;

use super::stage::{ADA, BEN, GENERAL, GUILD, Stage};
use crate::audio::fixture;
use crate::support::child::voice_test;

/// What somebody is told who uses the menu on a message with these files.
async fn add(stage: &Stage, user: u64, files: &[File]) -> String {
    let message = stage.sim.send_files(ADA, GENERAL, "listen", files).unwrap();
    let answer = stage
        .sim
        .use_on_message(user, GENERAL, "Add to soundboard", message)
        .await;
    let Ok(Answer::Reply(reply)) = answer else {
        panic!("no reply: {answer:?}");
    };
    assert!(reply.ephemeral && reply.deferred);
    reply.content
}

voice_test! {
    async fn files_of_a_message_become_sounds_of_the_server() {
        let stage = Stage::start().await;
        let said = add(&stage, BEN, &[
            File::new("Air_Horn!.flac", fixture("tone.flac")),
            File::new("notes.txt", "no sound"),
            File::new("again.mp3", fixture("tone.flac")),
        ]).await;
        let expected = [
            r"⭐ **Air\_Horn** is a sound of this server now",
            "✖ notes.txt: the file holds no audio that is supported (mp3, ogg, wav, flac, aac, m4a, mp4, webm)",
            r"✖ again.mp3: this sound is here already, it is called Air_Horn",
        ];
        assert_eq!(said.lines().collect::<Vec<_>>(), expected);
        assert_eq!(add(&stage, BEN, &[]).await, "there is no file on this message");
        assert_eq!(stage.play(ADA, "air_horn").await.content, r"▶ **Air\_Horn**");
        let found = stage.sim.autocomplete(BEN, GUILD, "play", "sound", "horn").await.unwrap();
        assert_eq!(found[0].name, "Air_Horn");
        let list = stage.slash(BEN, "list").await.content;
        assert!(list.starts_with("6 of 6 sounds, page 1 of 1\nAir\\_Horn.flac\n"), "{list}");

        let sound = stage.app.library.find_in(Stage::guild(), "Air_Horn").unwrap();
        let label = Label::read(&["brass"], None).unwrap();
        stage.app.labels.set(&sound, label).await.unwrap();
        let tags = stage.sim.autocomplete(BEN, GUILD, "random", "tag", "br").await.unwrap();
        assert_eq!(tags.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>(), ["brass"]);
        for (tag, told) in [("Brass", r"▶ **Air\_Horn**"), ("strings", "no sound has this tag")] {
            let reply = stage.sim.slash(ADA, GUILD, "random", &[("tag", tag)]).await.unwrap();
            assert_eq!(reply.content, told);
        }
        stage.stop().await.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_may_play_may_add() {
    let stage = Stage::start().await;
    let role = stage
        .sim
        .add_role(GUILD, "dj", permissions::EVERYONE)
        .unwrap();
    stage
        .choose(move |settings| settings.dj_roles = vec![RoleId::try_from(role).unwrap()])
        .await;
    let file = [File::new("a.wav", fixture("tone.wav"))];
    assert_eq!(
        add(&stage, BEN, &file).await,
        "you need a DJ role to play sounds"
    );
    assert!(stage.app.library.list_own(Stage::guild()).is_empty());
    stage.stop().await.shutdown().await;
}
