//! `POST /api/sounds`: forms with files, taken as they come.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use yuri::app::App;
use yuri::domain::labels::Label;
use yuri::ids::{GuildId, RoleId};

use super::library::{server, setup};
use crate::audio::fixture;
use crate::support::browser::Browser;
use crate::support::{Answer, SITE, Server, Token};

const BOUNDARY: &str = "----a-boundary";

/// A form: names, file names where there are, contents.
pub(super) fn form(parts: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file_name, content) in parts {
        let file_name = file_name
            .map(|it| format!("; filename=\"{it}\""))
            .unwrap_or_default();
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file_name}\r\n\r\n"
        );
        body.extend(head.as_bytes());
        body.extend(*content);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

pub(super) fn content_type() -> String {
    format!("multipart/form-data; boundary={BOUNDARY}")
}

async fn upload(server: &Server, caller: &Token, guild: impl ToString, body: Vec<u8>) -> Answer {
    let path = format!("/api/sounds?guild={}", guild.to_string());
    let request = caller.sign(server.request(Method::POST, &path));
    Answer::of(request.header("Content-Type", content_type()).body(body)).await
}

fn file(content: &[u8]) -> Vec<u8> {
    form(&[("file", Some("a sound.wav"), content)])
}

/// A WAV file three times as long as the others.
pub(super) fn six_seconds() -> Vec<u8> {
    let mut wav = fixture("tone.wav");
    let more = wav[44..].repeat(3);
    wav.truncate(44);
    wav[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    wav.extend(more);
    wav
}

/// What is on its way, and what has arrived.
pub(super) fn files(server: &Server, guild: GuildId) -> (Vec<PathBuf>, usize) {
    let sounds = server.app.config.data_dir.join("sounds");
    let list = |path: PathBuf| {
        let found = fs::read_dir(path).into_iter().flatten();
        found.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    (
        list(sounds.join("incoming")),
        list(sounds.join(guild.to_string())).len(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_is_brought_in() {
    let server = server(setup(), &[]).await;
    let guild = server.guild();
    let ben = server.user("ben");
    let token = server.token(ben).await;
    let body = form(&[
        ("tags", None, b"Loud, brass,,"),
        ("file", Some("../x/Air \"Horn\".WAV"), &fixture("tone.wav")),
        ("name", None, " Horn ".as_bytes()),
        ("category", None, b"Music"),
    ]);
    let answer = upload(&server, &token, guild, body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let body = answer.body.replace(&guild.to_string(), "<guild>");
    insta::assert_snapshot!(body.replace(&ben.to_string(), "<ben>"), @r#"
    {
      "name": "Horn",
      "file_name": "Horn.wav",
      "guild_id": "<guild>",
      "length_ms": 2000,
      "loudness_lufs": -6.7,
      "size_bytes": 64044,
      "tags": [
        "brass",
        "loud"
      ],
      "category": "music",
      "plays": 0,
      "favourite": false,
      "uploader_id": "<ben>",
      "created_at": "2019-04-06T18:48:02Z",
      "playable": true,
      "reason": null
    }
    "#);
    let seen = token
        .get(&server, &format!("/api/sounds/horn?guild={guild}"))
        .await;
    assert_eq!(seen.body, answer.body);
    // Without a name, or with an empty one, it is named after its file.
    for (content, name) in [("tone.mp3", "a sound"), ("tone.flac", "a sound 2")] {
        let body = form(&[
            ("name", None, b" "),
            ("file", Some("dir/a sound.wav"), &fixture(content)),
        ]);
        let answer = upload(&server, &token, guild, body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        assert_eq!(answer.json()["name"], name);
        assert_eq!(answer.json()["tags"], serde_json::json!([]));
    }
    assert_eq!(files(&server, guild), (vec![], 3));
    // What was said of it is there after a restart, too: it has its row.
    let sound = server.app.library.find_in(guild, "Horn").unwrap();
    let label = Label::read(&["brass", "loud"], Some("music")).unwrap();
    assert_eq!(*server.app.labels.get(&sound), label);
    let row = server
        .app
        .db
        .run(yuri::db::sound_labels::list_all)
        .await
        .unwrap();
    assert_eq!((row.len(), row[0].tags.as_str()), (1, "brass\nloud"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_limit_has_its_status_and_its_words() {
    let setup = setup()
        .set("YURI_UPLOADS__MAX_MIB", "1")
        .set("YURI_UPLOADS__MAX_LENGTH_S", "5")
        .set("YURI_UPLOADS__PER_HOUR", "100");
    let server = server(setup, &[]).await;
    let guild = server.guild();
    let token = server.token(server.user("ada")).await;
    let tone = fixture("tone.wav");
    let part = |name: &'static str, content: &'static [u8]| {
        form(&[("file", Some("x.wav"), &tone), (name, None, content)])
    };
    let twice = form(&[("file", None, &tone), ("file", None, &tone)]);
    let text = [b'x'; 5_000];
    let cut = {
        let whole = file(&tone);
        whole[..whole.len() / 2].to_vec()
    };
    let begun = format!("--{BOUNDARY}\r\n");
    let endless = format!("{begun}X: {}", "x".repeat(100_000)).into_bytes();
    let headless = format!("{begun}: :\r\n\r\nx").into_bytes();
    let preamble = vec![b'x'; 100_000];
    let formless = "the body is not well-formed multipart/form-data";
    let early = "the body ends too early";
    let large = "a sound may have 1 MiB at most";
    for (body, status, message) in [
        (file(&vec![0; (1 << 20) + 1]), 413, large),
        (file(&vec![0; 3 << 19]), 413, large),
        (
            file(&six_seconds()),
            413,
            "the file is longer than 5 seconds",
        ),
        (file(b""), 415, "the file is empty"),
        (
            file(b"no sound"),
            415,
            "the file holds no audio that is supported (mp3, ogg, wav, flac, aac, m4a, mp4, webm)",
        ),
        (
            part("name", b"a/b"),
            400,
            "a sound's name has 1 to 64 letters, digits, spaces, dots, dashes and underscores, and begins with a letter or a digit",
        ),
        (part("name", b"\xff"), 400, "a text must be UTF-8"),
        (
            part("tags", b"a,<b>"),
            400,
            "a tag has 1 to 32 letters, digits, spaces, dashes and underscores",
        ),
        (
            part("category", b"<b>"),
            400,
            "a tag has 1 to 32 letters, digits, spaces, dashes and underscores",
        ),
        (
            part("colour", b"red"),
            400,
            "a part is unknown: there are file, name, tags and category",
        ),
        (
            form(&[("name", None, b"a"), ("name", None, b"b")]),
            400,
            "name, tags and category must be there once",
        ),
        (
            form(&[("name", None, &text)]),
            413,
            "a text may have 4 KiB at most",
        ),
        (form(&[("name", None, b"a")]), 400, "file is missing"),
        (form(&[]), 400, "file is missing"),
        (twice, 400, "file must be there once"),
        (cut, 400, early),
        (Vec::new(), 400, early),
        (b"hello".to_vec(), 400, early),
        (endless, 400, formless),
        (preamble, 400, formless),
        (headless, 400, formless),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
        let answer = upload(&server, &token, guild, body).await;
        assert_eq!(answer.status, status, "{shown}: {}", answer.body);
        assert_eq!(answer.error(), message, "{shown}");
        assert_eq!(files(&server, guild), (vec![], 0), "{shown}");
    }
    assert!(server.app.library.list_own(guild).is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guild_has_each_content_once_and_so_many_sounds() {
    let setup = setup().set("YURI_UPLOADS__GUILD_SOUNDS", "2");
    let server = server(setup, &[]).await;
    let guild = server.guild();
    let token = server.token(server.user("ada")).await;
    let put = async |content: &str| upload(&server, &token, guild, file(&fixture(content))).await;
    assert_eq!(put("tone.wav").await.status, 201);
    let same = put("tone.wav").await;
    assert_eq!(
        (same.status.as_u16(), same.error().as_str()),
        (409, "this sound is here already, it is called a sound")
    );
    assert_eq!(put("tone.mp3").await.status, 201);
    let full = put("tone.flac").await;
    assert_eq!(
        (full.status.as_u16(), full.error().as_str()),
        (409, "this server has 2 sounds, delete one first")
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_nearly_full_takes_nothing() {
    let setup = setup().set("YURI_UPLOADS__DISK_FREE_MIB", "16777216");
    let server = server(setup, &[]).await;
    let token = server.token(server.user("ada")).await;
    let answer = upload(&server, &token, server.guild(), file(&fixture("tone.wav"))).await;
    assert_eq!(
        (answer.status.as_u16(), answer.error().as_str()),
        (507, "the server's disk is full")
    );
    assert_eq!(files(&server, server.guild()), (vec![], 0));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_forms_are_taken_and_only_for_a_guild() {
    let server = server(setup(), &[]).await;
    let guild = server.guild();
    let token = server.token(server.user("ada")).await;
    let form_only = "the body must be multipart/form-data";
    for (header, value, message) in [
        ("Content-Type", "application/json", form_only),
        ("Content-Type", "multipart/form-data", form_only),
        ("Content-Type", "multipart/mixed; boundary=x", form_only),
        (
            "Content-Type",
            "application/x-www-form-urlencoded",
            form_only,
        ),
        ("X-None", "x", form_only),
        (
            "Content-Encoding",
            "gzip",
            "the body must not be compressed",
        ),
    ] {
        let path = format!("/api/sounds?guild={guild}");
        let mut request = token
            .sign(server.request(Method::POST, &path))
            .header(header, value);
        if header == "Content-Encoding" {
            request = request.header("Content-Type", content_type());
        }
        let answer = Answer::of(request.body("x")).await;
        assert_eq!(answer.status, 415, "{header}: {value}");
        assert_eq!(answer.error(), message);
    }
    for query in ["", "?guild=", "?guild=x"] {
        let request = token.sign(server.request(Method::POST, &format!("/api/sounds{query}")));
        let request = request.header("Content-Type", content_type());
        let answer = Answer::of(request.body(file(b"x"))).await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.error(), "guild must be the id of a guild");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_may_play_may_upload() {
    let server = server(setup(), &[]).await;
    let guild = server.guild();
    let ben_id = server.user("ben");
    let (ben, cleo) = (
        server.token(ben_id).await,
        server.token(server.user("cleo")).await,
    );
    let roles: Vec<u64> = ["dj", "quiet"]
        .map(|name| server.sim().add_role(guild.get(), name, 0).unwrap())
        .to_vec();
    let role = |place: usize| RoleId::try_from(roles[place]).unwrap();
    let (dj, quiet) = (role(0), role(1));
    let hold = |held: &[u64]| {
        server
            .sim()
            .set_roles(ben_id.get(), guild.get(), held)
            .unwrap();
    };
    let choose = async |dj: Vec<RoleId>, blocked: Vec<RoleId>| {
        let change = move |settings: &mut yuri::domain::settings::GuildSettings| {
            (settings.dj_roles, settings.blocked_roles) = (dj, blocked);
        };
        server.app.settings.update(guild, change).await.unwrap();
    };
    let refused = async |caller: &Token, guild: String, message: &str| {
        // A body that nobody has asked for is taken, so that the answer is read.
        let answer = upload(&server, caller, guild, file(&vec![0; 1 << 20])).await;
        assert_eq!(answer.status, 403);
        assert_eq!(answer.error(), message);
    };
    let own = guild.to_string();
    let member = "you must be a member of this guild";
    refused(&cleo, own.clone(), member).await;
    refused(&ben, server.sim().guilds()[1].id.to_string(), member).await;
    refused(&ben, "7".to_owned(), member).await;
    choose(vec![dj], vec![]).await;
    refused(&ben, own.clone(), "you need a DJ role to play sounds").await;
    hold(&[dj.get()]);
    assert_eq!(
        upload(&server, &ben, guild, file(&fixture("tone.wav")))
            .await
            .status,
        201
    );
    choose(vec![dj], vec![quiet]).await;
    hold(&[dj.get(), quiet.get()]);
    refused(&ben, own.clone(), "one of your roles may not play sounds").await;
    hold(&[dj.get()]);
    let until = u64::try_from(server.clock.now_ms() + 60_000).unwrap();
    server
        .sim()
        .set_timeout(ben_id.get(), guild.get(), Some(until))
        .unwrap();
    refused(&ben, own.clone(), "you are timed out in this guild").await;
    server
        .sim()
        .set_timeout(ben_id.get(), guild.get(), None)
        .unwrap();
    server
        .sim()
        .remove_member(ben_id.get(), guild.get())
        .unwrap();
    refused(&ben, own, member).await;
    assert_eq!(files(&server, guild), (vec![], 1));
    let nobody = server.request(Method::POST, &format!("/api/sounds?guild={guild}"));
    let nobody = nobody
        .header("Content-Type", content_type())
        .body(file(b"x"));
    assert_eq!(Answer::of(nobody).await.status, 401);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_brings_so_many_an_hour() {
    let setup = setup().set("YURI_UPLOADS__PER_HOUR", "2");
    let server = server(setup, &[]).await;
    let guild = server.guild();
    let token = server.token(server.user("ada")).await;
    for _ in 0..2 {
        assert_eq!(upload(&server, &token, guild, file(b"x")).await.status, 415);
    }
    let answer = upload(&server, &token, guild, file(&fixture("tone.wav"))).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("retry-after"), "1800");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_uploads_only_from_our_pages() {
    let server = server(setup(), &[]).await;
    let browser = Browser::login(&server, "ada").await;
    let path = format!("/api/sounds?guild={}", server.guild());
    for (origin, status) in [("http://evil.test", 403), (SITE, 201)] {
        let request = browser
            .request(Method::POST, &path)
            .header("Origin", origin);
        let request = request.header("Content-Type", content_type());
        let answer = Answer::of(request.body(file(&fixture("tone.wav")))).await;
        assert_eq!(answer.status, status, "{origin}");
    }
    server.stop().await;
}

/// An upload of a whole body of this length, of which nothing has been sent.
pub(super) async fn begin(server: &Server, token: &Token, route: &str, length: usize) -> TcpStream {
    use base64::Engine as _;
    let credential = format!("{}:{}", token.user, token.secret);
    let basic = base64::engine::general_purpose::STANDARD.encode(credential);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST {route}?guild={} HTTP/1.1\r\nHost: yuri.test\r\nConnection: close\r\n\
         Authorization: Basic {basic}\r\nContent-Type: {}\r\nContent-Length: {length}\r\n\r\n",
        server.guild(),
        content_type(),
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// Waits until this much of the one file that is on its way is on the disk.
pub(super) async fn arrived(server: &Server, bytes: u64) {
    let guild = server.guild();
    server
        .until(|_| {
            let (coming, _) = files(server, guild);
            let length = |path: &PathBuf| fs::metadata(path).map_or(0, |about| about.len());
            coming.first().map_or(0, length) >= bytes
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_are_taken_as_they_come_and_gone_with_their_sender() {
    let server = server(setup(), &[]).await;
    let guild = server.guild();
    let token = server.token(server.user("ada")).await;
    let body = file(&fixture("tone.wav"));
    let (first, second) = body.split_at(40_000);
    let mut stream = begin(&server, &token, "/api/sounds", body.len()).await;
    stream.write_all(first).await.unwrap();
    // All but what could be the beginning of its end, and a piece.
    arrived(&server, 20_000).await;
    stream.write_all(second).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert_eq!(files(&server, guild), (vec![], 1));

    let mut stream = begin(&server, &token, "/api/sounds", body.len()).await;
    stream.write_all(first).await.unwrap();
    arrived(&server, 20_000).await;
    drop(stream);
    server.until(|_| files(&server, guild) == (vec![], 1)).await;

    // One that falls silent is told so.
    let mut stream = begin(&server, &token, "/api/sounds", body.len()).await;
    stream.write_all(first).await.unwrap();
    arrived(&server, 20_000).await;
    let reading = tokio::spawn(async move {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    });
    let is_told = |_: &App| {
        server.clock.advance(Duration::from_secs(31));
        reading.is_finished()
    };
    server.until(is_told).await;
    let answer = reading.await.unwrap();
    assert!(
        answer.contains("nothing has come for 30 seconds"),
        "{answer}"
    );
    assert_eq!(files(&server, guild), (vec![], 1));
    server.stop().await;
}
