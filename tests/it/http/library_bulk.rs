//! `POST /api/sounds/bulk`: archives of sounds, with a report of each file.

use std::time::Duration;

use reqwest::{Body, Method};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use yuri::domain::labels::Label;
use yuri::ids::GuildId;

use super::library::{bring, server, setup};
use super::library_upload::{arrived, begin, content_type, files, form, six_seconds};
use crate::audio::fixture;
use crate::import::{gzip, tar_of, zip_of};
use crate::support::browser::Browser;
use crate::support::{Answer, SITE, Server, Setup, Token};

const ROUTE: &str = "/api/sounds/bulk";

/// A setup that lets members bring as many archives as they like.
fn often(setup: Setup) -> Setup {
    setup.set("YURI_ARCHIVES__PER_HOUR", "1000")
}

async fn send(
    server: &Server,
    caller: &Token,
    guild: impl ToString,
    body: impl Into<Body>,
) -> Answer {
    let path = format!("{ROUTE}?guild={}", guild.to_string());
    let request = caller.sign(server.request(Method::POST, &path));
    Answer::of(request.header("Content-Type", content_type()).body(body)).await
}

fn archive(content: &[u8]) -> Vec<u8> {
    form(&[("file", Some("pack.zip"), content)])
}

/// Brings an archive into a guild; a line for each file.
pub(super) async fn taken(
    server: &Server,
    caller: &Token,
    guild: GuildId,
    content: &[u8],
) -> Vec<String> {
    let answer = send(server, caller, guild, archive(content)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body = answer.json();
    let results = body["results"].as_array().unwrap();
    assert_eq!(body["n"], results.len());
    assert_eq!(answer.header("x-total-count"), results.len().to_string());
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("-").to_owned();
    let line = |it: &serde_json::Value| {
        let [file, state] = [&it["file"], &it["state"]].map(text);
        let [name, reason] = [&it["name"], &it["reason"]].map(text);
        format!("{file}: {state}, {name}, {reason}")
    };
    results.iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_comes_in_with_a_report_of_each_file() {
    let server = server(often(setup()), &[]).await;
    let guild = server.guild();
    let ben = server.user("ben");
    let token = server.token(ben).await;
    let (wav, mp3) = (fixture("tone.wav"), fixture("tone.mp3"));
    // Another title, behind the audio.
    let mut tagged = mp3.clone();
    tagged.extend(*b"TAG");
    tagged.resize(tagged.len() + 125, b' ');
    let files_of: [(&str, &[u8]); 8] = [
        ("nice.wav", &wav),
        ("broken.mp3", b"no sound at all"),
        ("cover.jpg", b"no sound, and not meant to be one"),
        ("deep/Horn!.mp3", &mp3),
        ("deep/again.wav", &wav),
        ("tagged.mp3", &tagged),
        ("NICE.flac", &fixture("tone.flac")[..20_000]),
        ("__MACOSX/._nice.wav", b"a fork"),
    ];
    let answer = send(&server, &token, guild, archive(&zip_of(&files_of))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.budget().is_some());
    insta::assert_snapshot!(answer.body, @r#"
    {
      "n": 7,
      "results": [
        {
          "file": "nice.wav",
          "state": "added",
          "name": "nice",
          "reason": null
        },
        {
          "file": "broken.mp3",
          "state": "refused",
          "name": null,
          "reason": "the file holds no audio that is supported (mp3, ogg, wav, flac, aac, m4a, mp4, webm)"
        },
        {
          "file": "cover.jpg",
          "state": "skipped",
          "name": null,
          "reason": "it is no sound"
        },
        {
          "file": "deep/Horn!.mp3",
          "state": "added",
          "name": "Horn",
          "reason": null
        },
        {
          "file": "deep/again.wav",
          "state": "duplicate",
          "name": "nice",
          "reason": null
        },
        {
          "file": "tagged.mp3",
          "state": "duplicate",
          "name": "Horn",
          "reason": null
        },
        {
          "file": "NICE.flac",
          "state": "refused",
          "name": null,
          "reason": "the file ends too early"
        }
      ]
    }
    "#);
    assert_eq!(files(&server, guild), (vec![], 2));
    let nice = server.app.library.find_in(guild, "nice").unwrap();
    let path = format!("/api/sounds/nice?guild={guild}");
    let seen = token.get(&server, &path).await.json();
    assert_eq!(seen["uploader_id"], ben.to_string());
    assert_eq!(seen["created_at"], "2019-04-06T18:48:02Z");
    assert_eq!(std::fs::read(nice.original.path()).unwrap(), wav);

    // Again, and in the other forms: everything is there.
    let tar = tar_of(&files_of);
    for content in [zip_of(&files_of), gzip(&tar), tar] {
        let lines = taken(&server, &token, guild, &content).await;
        assert_eq!(lines[0], "nice.wav: duplicate, nice, -");
        assert_eq!(lines[3], "deep/Horn!.mp3: duplicate, Horn, -");
        assert_eq!(lines.len(), 7);
    }
    assert_eq!(files(&server, guild), (vec![], 2));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_archive_of_sounds_is_refused_whole() {
    let setup = often(setup())
        .set("YURI_ARCHIVES__MAX_MIB", "1")
        .set("YURI_ARCHIVES__ENTRIES", "3")
        .set("YURI_ARCHIVES__UNPACKED_MIB", "2");
    let server = server(setup, &[]).await;
    let guild = server.guild();
    let token = server.token(server.user("ada")).await;
    let wav = fixture("tone.wav");
    let refused = "the archive is refused, nothing was taken from it";
    let no_archive = "the file is no archive (zip, tar, tar.gz)";
    let large = "an archive may have 1 MiB at most";
    let early = "the body ends too early";
    let many: Vec<String> = (0..4).map(|number| format!("{number}.wav")).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|it| (it.as_str(), &wav[..])).collect();
    let many_text = format!("{refused}: it holds more than 3 entries");
    let bomb_text = format!("{refused}: it unpacks to far more than archives of sounds do");
    let out_text = format!("{refused}: the name \"../x.wav\" leads out of it");
    let cut_text = format!("{refused}: it is damaged, or ends too early");
    let bomb = zip_of(&[("nice.wav", &wav), ("x.wav", &vec![0; 3 << 20])]);
    let tar_bomb = gzip(&tar_of(&[("nice.wav", &wav), ("x.wav", &vec![0; 3 << 20])]));
    let out = zip_of(&[("nice.wav", &wav), ("../x.wav", &wav)]);
    let cut = gzip(&tar_of(&[("nice.wav", &wav)]));
    let cut = &cut[..cut.len() / 2];
    let whole = archive(&zip_of(&[("nice.wav", &wav)]));
    let twice = form(&[("file", None, b"PK"), ("file", None, b"PK")]);
    for (body, status, message) in [
        (archive(b""), 415, no_archive),
        (archive(&wav), 415, no_archive),
        (archive(b"SQLite format 3\0 and so on"), 415, no_archive),
        (archive(&out), 415, &out_text),
        (archive(cut), 415, &cut_text),
        (archive(&zip_of(&many)), 413, &many_text),
        (archive(&gzip(&tar_of(&many))), 413, &many_text),
        (archive(&bomb), 413, &bomb_text),
        (archive(&tar_bomb), 413, &bomb_text),
        (archive(&vec![0; (1 << 20) + 1]), 413, large),
        (archive(&vec![0; 3 << 19]), 413, large),
        (whole[..whole.len() / 2].to_vec(), 400, early),
        (form(&[]), 400, "file is missing"),
        (twice, 400, "file must be there once"),
        (
            form(&[("name", None, b"a")]),
            400,
            "a part is unknown: there is file",
        ),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
        let answer = send(&server, &token, guild, body).await;
        assert_eq!(answer.status, status, "{shown}: {}", answer.body);
        assert_eq!(answer.error(), message, "{shown}");
        server.until(|_| files(&server, guild) == (vec![], 0)).await;
    }
    assert!(server.app.library.list_own(guild).is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_single_uploads_hold_for_each_file() {
    let setup = often(setup())
        .set("YURI_UPLOADS__MAX_MIB", "1")
        .set("YURI_UPLOADS__MAX_LENGTH_S", "5")
        .set("YURI_UPLOADS__GUILD_SOUNDS", "2")
        .set("YURI_UPLOADS__PER_HOUR", "1");
    let server = server(setup, &[]).await;
    let guild = server.guild();
    let token = server.token(server.user("ada")).await;
    let mut large = fixture("tone.wav");
    large.resize(3 << 19, 0);
    let pack: [(&str, &[u8]); 5] = [
        ("long.wav", &six_seconds()),
        ("large.wav", &large),
        ("a.wav", &fixture("tone.wav")),
        ("A.mp3", &fixture("tone.mp3")),
        ("b.flac", &fixture("tone.m4a")),
    ];
    assert_eq!(
        taken(&server, &token, guild, &zip_of(&pack)).await,
        [
            "long.wav: refused, -, the file is longer than 5 seconds",
            "large.wav: refused, -, a sound may have 1 MiB at most",
            "a.wav: added, a, -",
            "A.mp3: added, A 2, -",
            "b.flac: refused, -, this server has 2 sounds, delete one first",
        ]
    );
    // A guild that has all it may have is spared the upload.
    let full = send(&server, &token, guild, archive(&zip_of(&pack))).await;
    assert_eq!(
        (full.status.as_u16(), full.error().as_str()),
        (409, "this server has 2 sounds, delete one first")
    );
    assert_eq!(files(&server, guild), (vec![], 2));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_may_play_may_bring_so_many_an_hour() {
    let server = server(setup(), &[]).await;
    let guild = server.guild();
    let (ben_id, cleo_id) = (server.user("ben"), server.user("cleo"));
    let (ben, cleo) = (server.token(ben_id).await, server.token(cleo_id).await);
    let pack = zip_of(&[("nice.wav", &fixture("tone.wav"))]);
    let member = "you must be a member of this guild";
    for (caller, guild) in [(&cleo, guild.to_string()), (&ben, "7".to_owned())] {
        let answer = send(&server, caller, guild, archive(&pack)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.error()),
            (403, member.into())
        );
    }
    let dj = server.sim().add_role(guild.get(), "dj", 0).unwrap();
    let choose = async |dj: Vec<u64>| {
        let roles = dj.into_iter().map(|it| it.try_into().unwrap()).collect();
        let change =
            move |settings: &mut yuri::domain::settings::GuildSettings| settings.dj_roles = roles;
        server.app.settings.update(guild, change).await.unwrap();
    };
    choose(vec![dj]).await;
    let answer = send(&server, &ben, guild, archive(&pack)).await;
    assert_eq!(answer.error(), "you need a DJ role to play sounds");
    assert_eq!(answer.status, 403);
    choose(vec![]).await;
    // What was refused until now counts for nothing; what is looked at counts, whatever it is.
    for content in [&pack[..], b"x"] {
        let answer = send(&server, &ben, guild, archive(content)).await;
        assert_ne!(answer.status, 429, "{}", answer.body);
    }
    let answer = send(&server, &ben, guild, archive(&pack)).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("retry-after"), "1800");
    // Single ones have an hour of their own.
    bring(&server, guild, ben_id, "single", "tone.mp3").await;
    assert_eq!(files(&server, guild), (vec![], 2));

    let path = format!("{ROUTE}?guild={guild}");
    let nobody = server.request(Method::POST, &path);
    let nobody = nobody.header("Content-Type", content_type());
    assert_eq!(Answer::of(nobody.body(archive(&pack))).await.status, 401);
    let browser = Browser::login(&server, "ada").await;
    for (origin, status) in [("http://evil.test", 403), (SITE, 200)] {
        let request = browser
            .request(Method::POST, &path)
            .header("Origin", origin);
        let request = request.header("Content-Type", content_type());
        let answer = Answer::of(request.body(archive(&pack))).await;
        assert_eq!(answer.status, status, "{origin}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_archive_of_a_guild_is_on_its_way_and_gone_with_its_sender() {
    let server = server(often(setup()).set("YURI_ARCHIVES__AT_ONCE", "1"), &[]).await;
    let guild = server.guild();
    let other = server.sim().guilds()[1].id;
    let ada = server.user("ada");
    server.sim().add_member(ada.get(), other).unwrap();
    let token = server.token(ada).await;
    let pack = archive(&tar_of(&[("nice.wav", &fixture("tone.wav"))]));
    let half = 40_000;
    let mut stream = begin(&server, &token, ROUTE, pack.len()).await;
    stream.write_all(&pack[..half]).await.unwrap();
    arrived(&server, 20_000).await;
    let second = send(&server, &token, guild, pack.clone()).await;
    assert_eq!(
        (second.status.as_u16(), second.error().as_str()),
        (
            409,
            "an archive of this server is on its way already, wait until it is done"
        )
    );
    let third = send(&server, &token, other, pack.clone()).await;
    assert_eq!(
        (third.status.as_u16(), third.error().as_str()),
        (
            503,
            "too many archives are on their way, try again when they are done"
        )
    );
    drop(stream);
    server.until(|_| files(&server, guild) == (vec![], 0)).await;
    let free = async {
        while send(&server, &token, other, pack.clone()).await.status != 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), free);
    waited.await.expect("its turn is over");

    // One that falls silent is told so, and gives its turn back.
    let mut stream = begin(&server, &token, ROUTE, pack.len()).await;
    stream.write_all(&pack[..half]).await.unwrap();
    arrived(&server, 20_000).await;
    let reading = tokio::spawn(async move {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    });
    let is_told = |_: &yuri::app::App| {
        server.clock.advance(Duration::from_secs(31));
        reading.is_finished()
    };
    server.until(is_told).await;
    let answer = reading.await.unwrap();
    assert!(
        answer.contains("nothing has come for 30 seconds"),
        "{answer}"
    );
    assert_eq!(files(&server, guild), (vec![], 0));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_takes_no_archive() {
    let setup = setup().set("YURI_UPLOADS__DISK_FREE_MIB", "16777216");
    let server = server(setup, &[]).await;
    let token = server.token(server.user("ada")).await;
    let pack = zip_of(&[("nice.wav", &fixture("tone.wav"))]);
    let answer = send(&server, &token, server.guild(), archive(&pack)).await;
    assert_eq!(
        (answer.status.as_u16(), answer.error().as_str()),
        (507, "the server's disk is full")
    );
    assert_eq!(files(&server, server.guild()), (vec![], 0));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_names_what_is_new_and_nothing_else() {
    let server = server(often(setup()), &[]).await;
    let guild = server.guild();
    let token = server.token(server.user("ben")).await;
    bring(&server, guild, server.user("ada"), "Adas", "tone.flac").await;
    let (wav, mp3) = (fixture("tone.wav"), fixture("tone.mp3"));
    let sound = |file: &str, name: &str, more: &str| {
        format!("{{\"file\":\"{file}\",\"name\":\"{name}\",\"tags\":[\"brass\"]{more}}}")
    };
    let sums = "\"sha256\":\"00\"";
    let sounds = [
        sound(
            "sounds/a.wav",
            "Horn",
            ",\"category\":\"Music\",\"uploader_id\":\"1\"",
        ),
        sound("sounds/b.mp3", "adas", ""),
        sound("sounds/c.flac", "Mine", ""),
        sound("sounds/d.m4a", "../x", ""),
        sound("sounds/e.m4a", "E", &format!(",{sums}")),
        sound("sounds/gone.mp3", "gone", ""),
        "{\"file\":7}".to_owned(),
        "{\"file\":\"f\",\"name\":\"f\",\"tags\":[\"<b>\"]}".to_owned(),
    ];
    let manifest = |format: &str, version: u32| {
        let sounds = sounds.join(",");
        format!("{{\"format\":\"{format}\",\"version\":{version},\"sounds\":[{sounds}]}}")
    };
    let pack = |manifest: &str| {
        zip_of(&[
            ("sounds/a.wav", &wav),
            ("sounds/b.mp3", &mp3),
            ("sounds/c.flac", &fixture("tone.flac")),
            ("sounds/d.m4a", &fixture("tone.m4a")),
            ("sounds/e.m4a", &fixture("tone.m4a")),
            ("manifest.json", manifest.as_bytes()),
        ])
    };
    let rules = "a sound's name has 1 to 64 letters, digits, spaces, dots, dashes and underscores, and begins with a letter or a digit";
    assert_eq!(
        taken(&server, &token, guild, &pack(&manifest("yuri-sounds", 1))).await,
        [
            "manifest.json: refused, -, entry 6 cannot be read",
            "manifest.json: refused, -, the tags of f: a tag has 1 to 32 letters, digits, spaces, dashes and underscores",
            "sounds/a.wav: added, Horn, -",
            "sounds/b.mp3: added, adas 2, -",
            "sounds/c.flac: duplicate, Adas, -",
            &format!("sounds/d.m4a: refused, -, {rules}"),
            "sounds/e.m4a: refused, -, it is not the file that the archive's manifest names",
        ]
    );
    let labels = |name: &str| {
        let sound = server.app.library.find_in(guild, name).unwrap();
        (*server.app.labels.get(&sound)).clone()
    };
    let brass = Label::read(&["brass"], Some("music")).unwrap();
    assert_eq!(labels("horn"), brass);
    // Somebody else's sound is not ben's to describe.
    assert_eq!(labels("Adas"), Label::default());
    let path = format!("/api/sounds/horn?guild={guild}");
    let horn = token.get(&server, &path).await.json();
    assert_eq!(horn["uploader_id"], token.user.to_string());

    // Of a later version nothing is read; what is somebody else's manifest is none.
    let later = taken(&server, &token, guild, &pack(&manifest("yuri-sounds", 2))).await;
    assert_eq!(
        later[0],
        "manifest.json: refused, -, its version is 2, this server reads 1"
    );
    let later = taken(&server, &token, guild, &pack(&manifest("other", 2))).await;
    assert_eq!(later[0], "sounds/a.wav: duplicate, Horn, -");
    server.stop().await;
}
