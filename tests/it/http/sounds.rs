//! `/api/localsounds` and the folder behind it.

use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use crate::support::{Answer, Server, Setup, Token, id};

async fn names(server: &Server, token: &Token, query: &str) -> Vec<String> {
    let answer = token.get(server, &format!("/api/localsounds{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    let body = answer.json();
    let results = body["results"].as_array().unwrap();
    assert_eq!(body["n"], results.len());
    results
        .iter()
        .map(|sound| sound["name"].as_str().unwrap().to_owned())
        .collect()
}

fn setup(files: &[&str]) -> Setup {
    let setup = Setup::offline().set("YURI_LIMITS__BURST", "1000");
    for (number, name) in files.iter().enumerate() {
        let path = setup.sounds().join(name);
        fs::write(&path, "x").unwrap();
        let modified = UNIX_EPOCH + Duration::from_secs(1_500_000_000 + number as u64);
        fs::File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_modified(modified)
            .unwrap();
    }
    setup
}

#[tokio::test(flavor = "multi_thread")]
async fn sorted_and_paged_as_asked() {
    let server = setup(&["b.ogg", "ä.mp3", "B.wav", "a.flac"]).start().await;
    let token = server.token(id("1")).await;
    let by_name = ["B.wav", "a.flac", "b.ogg", "ä.mp3"];
    for query in [
        "",
        "?sort=NAME",
        "?sort=name",
        "?sort=%4eame",
        "?from=0",
        "?other=1&sort=Name",
    ] {
        assert_eq!(names(&server, &token, query).await, by_name, "{query}");
    }
    for query in ["?sort=DATE", "?sort=date"] {
        let by_date = ["a.flac", "B.wav", "ä.mp3", "b.ogg"];
        assert_eq!(names(&server, &token, query).await, by_date, "{query}");
    }
    assert_eq!(
        names(&server, &token, "?from=1&limit=2").await,
        &by_name[1..3]
    );
    assert_eq!(names(&server, &token, "?limit=999999999").await, by_name);
    for past in ["?from=4", "?from=999999999&limit=1"] {
        let answer = token.get(&server, &format!("/api/localsounds{past}")).await;
        assert_eq!(answer.body, "{\n  \"n\": 0,\n  \"results\": []\n}");
        assert_eq!(answer.header("x-total-count"), "4");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_and_go_without_a_restart() {
    let server = setup(&["a.ogg"]).start().await;
    let token = server.token(id("1")).await;
    let folder = server.sounds();
    assert_eq!(names(&server, &token, "").await, ["a.ogg"]);

    fs::write(folder.join("b.ogg"), "x").unwrap();
    server.until(|app| app.library.find("b").is_some()).await;
    assert_eq!(names(&server, &token, "").await, ["a.ogg", "b.ogg"]);

    fs::rename(folder.join("a.ogg"), folder.join("c.ogg")).unwrap();
    server
        .until(|app| app.library.find("c").is_some() && app.library.find("a").is_none())
        .await;

    fs::remove_file(folder.join("b.ogg")).unwrap();
    server.until(|app| app.library.find("b").is_none()).await;
    assert_eq!(names(&server, &token, "").await, ["c.ogg"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_vanishes_and_comes_back_is_watched_again() {
    let server = setup(&["a.ogg"]).start().await;
    let folder = server.sounds();
    fs::remove_dir_all(&folder).unwrap();
    server.until(|app| app.library.find("a").is_none()).await;
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("b.ogg"), "x").unwrap();
    server.until(|app| app.library.find("b").is_some()).await;
    fs::write(folder.join("c.ogg"), "x").unwrap();
    server.until(|app| app.library.find("c").is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_plain_files_with_readable_names_are_sounds() {
    use std::os::unix::ffi::OsStrExt as _;
    let setup = setup(&["a.ogg", ".hidden.ogg", "no extension", "wrong.txt"]);
    let folder = setup.sounds();
    fs::create_dir(folder.join("folder.ogg")).unwrap();
    fs::write(folder.join(std::ffi::OsStr::from_bytes(b"\xff.ogg")), "x").unwrap();
    std::os::unix::fs::symlink("a.ogg", folder.join("link.ogg")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.join("dangling.ogg")).unwrap();
    let server = setup.start().await;
    let token = server.token(id("1")).await;
    let listed = names(&server, &token, "").await;
    assert_eq!(listed, ["a.ogg", "link.ogg", "no extension", "wrong.txt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_folder_is_an_empty_list() {
    let setup = setup(&[]);
    fs::remove_dir(setup.sounds()).unwrap();
    let server = setup.start().await;
    let token = server.token(id("1")).await;
    assert!(names(&server, &token, "").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_see_no_names() {
    let server = setup(&["a.ogg"]).start().await;
    assert_eq!(Answer::of(server.get("/api/localsounds")).await.status, 401);
}
