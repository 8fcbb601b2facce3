//! `/media/sounds`: previews, whole and in parts, and waveforms.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use yuri::audio::Level;
use yuri::ids::GuildId;

use super::library::{bring, server, setup};
use crate::support::browser::Browser;
use crate::support::{Server, Setup, Token};

/// An answer of bytes.
struct Bytes {
    status: StatusCode,
    headers: reqwest::header::HeaderMap,
    body: Vec<u8>,
}

impl Bytes {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

async fn get(server: &Server, token: &Token, path: &str, headers: &[(&str, &str)]) -> Bytes {
    send(server, token, Method::GET, path, headers).await
}

async fn send(
    server: &Server,
    token: &Token,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
) -> Bytes {
    let mut request = token.sign(server.request(method, path));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await.unwrap().to_vec();
    Bytes {
        status,
        headers,
        body,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_is_sent_whole_or_in_parts() {
    let server = server(setup(), &[("air horn.wav", Some("tone.wav"))]).await;
    let token = server.token(server.user("ada")).await;
    let path = "/media/sounds/Air%20Horn.ogg";
    let whole = get(&server, &token, path, &[]).await;
    assert_eq!(whole.status, 200);
    let ogg = &whole.body;
    assert!(ogg.starts_with(b"OggS") && ogg[28..].starts_with(b"OpusHead"));
    let tag = whole.header("etag").to_owned();
    assert!(tag.len() == 34 && tag.starts_with('"'), "{tag}");
    for (name, value) in [
        ("content-type", "audio/ogg"),
        ("accept-ranges", "bytes"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        // It costs nothing.
        ("x-ratelimit-limit", ""),
    ] {
        assert_eq!(whole.header(name), value, "{name}");
    }
    let full_name = get(&server, &token, "/media/sounds/air%20horn.wav.ogg", &[]).await;
    assert_eq!(&full_name.body, ogg);
    let end = ogg.len();
    let last = end - 1;
    for (range, part) in [
        ("bytes=0-".to_owned(), 0..end),
        ("bytes=0-0".to_owned(), 0..1),
        ("bytes=100-199".to_owned(), 100..200),
        (format!("bytes=100-{}", end + 5), 100..end),
        ("bytes=-10".to_owned(), end - 10..end),
        (format!("bytes={last}-"), last..end),
    ] {
        let answer = get(&server, &token, path, &[("Range", &range)]).await;
        assert_eq!(answer.status, 206, "{range}");
        assert_eq!(answer.body, &ogg[part.clone()], "{range}");
        let shown = format!("bytes {}-{}/{end}", part.start, part.end - 1);
        assert_eq!(answer.header("content-range"), shown);
        assert_eq!(answer.header("content-length"), part.len().to_string());
        assert_eq!(answer.header("etag"), tag);
    }
    for outside in [format!("bytes={end}-"), "bytes=-0".to_owned()] {
        let answer = get(&server, &token, path, &[("Range", &outside)]).await;
        assert_eq!(answer.status, 416, "{outside}");
        assert_eq!(answer.header("content-range"), format!("bytes */{end}"));
        assert!(
            answer
                .body
                .starts_with(b"{\n  \"error\": {\n    \"code\": 416,")
        );
    }
    let old = "\"00000000000000000000000000000000\"";
    for (headers, status) in [
        ([("Range", "bytes=0-9"), ("If-Range", tag.as_str())], 206),
        ([("Range", "bytes=0-9"), ("If-Range", old)], 200),
        ([("Range", "bytes=0-1,4-5"), ("X-None", "")], 200),
        ([("Range", "items=0-1"), ("X-None", "")], 200),
        (
            [("If-None-Match", tag.as_str()), ("Range", "bytes=0-9")],
            304,
        ),
        ([("If-None-Match", "*"), ("X-None", "")], 304),
        ([("If-None-Match", old), ("X-None", "")], 200),
    ] {
        let answer = get(&server, &token, path, &headers).await;
        assert_eq!(answer.status, status, "{headers:?}");
        assert_eq!(answer.header("etag"), tag, "{headers:?}");
        let length = match status {
            206 => 10,
            304 => 0,
            _ => end,
        };
        assert_eq!(answer.body.len(), length, "{headers:?}");
    }
    let head = send(&server, &token, Method::HEAD, path, &[]).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), end.to_string());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waveform_has_64_peaks() {
    let files = [("horn.wav", Some("tone.wav")), ("text.mp3", None)];
    let server = server(setup(), &files).await;
    let token = server.token(server.user("ada")).await;
    let waveform = token.get(&server, "/media/sounds/horn.peaks").await;
    assert_eq!(waveform.status, 200, "{}", waveform.body);
    assert!(waveform.budget().is_none());
    let body = waveform.json();
    assert_eq!(body["length_ms"], 2_000);
    let peaks = body["peaks"].as_array().unwrap();
    assert_eq!(peaks.len(), 64);
    // A tone of one loudness.
    assert!(
        peaks
            .iter()
            .all(|peak| (200..256).contains(&peak.as_u64().unwrap())),
        "{peaks:?}"
    );
    for (path, status, message) in [
        (
            "text.peaks",
            409,
            "this sound cannot be played: the file holds no audio",
        ),
        (
            "text.ogg",
            409,
            "this sound cannot be played: the file holds no audio",
        ),
        ("nothing.ogg", 404, "sound was not found"),
        ("nothing.peaks", 404, "sound was not found"),
        ("horn.wav", 404, "not found"),
        ("horn", 404, "not found"),
        (".ogg", 404, "sound was not found"),
        ("horn.ogg?guild=x", 400, "guild must be the id of a guild"),
        ("..%2Fhorn.wav.ogg", 404, "sound was not found"),
    ] {
        let answer = token.get(&server, &format!("/media/sounds/{path}")).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(
            answer.error().starts_with(message),
            "{path}: {}",
            answer.body
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guilds_sounds_are_heard_by_its_members_as_it_hears_them() {
    let setup = Setup::with_discord().set("YURI_LIMITS__BURST", "1");
    let server = server(setup, &[]).await;
    let guild = server.guild();
    let ben_id = server.user("ben");
    bring(&server, guild, server.user("ada"), "horn", "tone.wav").await;
    let (ben, cleo) = (
        server.token(ben_id).await,
        server.token(server.user("cleo")).await,
    );
    let path = |guild: GuildId| format!("/media/sounds/horn.ogg?guild={guild}");
    let usual = get(&server, &ben, &path(guild), &[]).await;
    assert_eq!(usual.status, 200);
    // More than the limit would let through.
    for _ in 0..5 {
        assert_eq!(get(&server, &ben, &path(guild), &[]).await.body, usual.body);
    }
    let quiet = Some(Level::from_db(-30.0));
    let change =
        move |settings: &mut yuri::domain::settings::GuildSettings| settings.loudness = quiet;
    server.app.settings.update(guild, change).await.unwrap();
    let changed = get(
        &server,
        &ben,
        &path(guild),
        &[("If-None-Match", usual.header("etag"))],
    )
    .await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), usual.header("etag"));

    let browser = Browser::login(&server, "ada").await;
    let seen = browser
        .get(&format!("/media/sounds/horn.peaks?guild={guild}"))
        .await;
    assert_eq!(seen.status, 200);
    assert_eq!(Browser::new(&server).get(&path(guild)).await.status, 401);
    let hidden = ben.get(&server, "/media/sounds/horn.ogg").await;
    assert_eq!(hidden.error(), "sound was not found");
    let refused = async |caller: &Token, guild: GuildId| {
        let answer = caller.get(&server, &path(guild)).await;
        assert_eq!(answer.status, 403);
        assert_eq!(answer.error(), "you must be a member of this guild");
    };
    refused(&cleo, guild).await;
    refused(&ben, GuildId::try_from(7).unwrap()).await;
    server
        .sim()
        .remove_member(ben_id.get(), guild.get())
        .unwrap();
    server.clock.advance(Duration::from_mins(1));
    refused(&ben, guild).await;
    server.stop().await;
}
