//! The page at `/`: what a browser is given, and how little it is allowed.

use discord_sim::{Guild, Settings, Sim, User, World};
use reqwest::StatusCode;

use crate::support::by_json::{get, get_status};
use crate::support::sim;

/// What would read text as HTML or as a script, or let something in from elsewhere.
const FORBIDDEN: [&str; 9] = [
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "document.write",
    "DOMParser",
    "srcdoc",
    "eval(",
    "new Function",
    "import(",
];

/// Follows the page to all of its files: their paths and contents.
async fn files(sim: &Sim) -> Vec<(String, String)> {
    let mut wanted = vec!["/sim/page/main.js".to_owned()];
    let mut files: Vec<(String, String)> = Vec::new();
    while let Some(path) = wanted.pop() {
        if files.iter().any(|(known, _)| *known == path) {
            continue;
        }
        let response = reqwest::get(format!("{}{path}", sim.api_url())).await;
        let response = response.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(
            response.headers()["content-type"],
            "text/javascript; charset=utf-8"
        );
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        let text = response.text().await.unwrap();
        let imports = text.lines().filter(|line| line.starts_with("import"));
        let names = imports.map(|line| line.split('\'').nth(1).unwrap().trim_start_matches("./"));
        wanted.extend(names.map(|name| format!("/sim/page/{name}")));
        files.push((path, text));
    }
    files
}

#[tokio::test]
async fn the_page_allows_nothing_but_its_own_files() {
    let sim = sim().await;
    for path in ["/", "/sim"] {
        let response = reqwest::get(format!("{}{path}", sim.api_url())).await;
        let response = response.unwrap();
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(
                policy.split("; ").any(|given| given == part),
                "{part}: {policy}"
            );
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin");
        let page = response.text().await.unwrap();
        assert_eq!(page.matches("<script").count(), 1, "{page}");
        assert!(page.contains("<script type=\"module\" src=\"/sim/page/main.js\"></script>"));
        for inline in ["<style", " style=", " onclick", "javascript:"] {
            assert!(!page.contains(inline), "{inline}");
        }
    }
    let scripts = files(&sim).await;
    assert_eq!(scripts.len(), 10);
    for (path, script) in &scripts {
        for forbidden in FORBIDDEN {
            assert!(!script.contains(forbidden), "{path}: {forbidden}");
        }
    }
    for path in ["/sim/style.css", "/sim/page/control.css"] {
        let style = reqwest::get(format!("{}{path}", sim.api_url()))
            .await
            .unwrap();
        assert_eq!(style.headers()["content-type"], "text/css; charset=utf-8");
    }
    let missing = get_status(&sim, "/sim/page/other.js").await;
    assert_eq!(missing, StatusCode::NOT_FOUND);
    let outside = get_status(&sim, "/sim/page/..%2Fmod.rs").await;
    assert_eq!(outside, StatusCode::NOT_FOUND);
}

/// Each element that the scripts ask for by its id is in the page.
#[tokio::test]
async fn the_scripts_find_what_they_look_for() {
    let sim = sim().await;
    let page = reqwest::get(sim.api_url()).await.unwrap().text().await;
    let page = page.unwrap();
    let mut found = 0;
    for (path, script) in files(&sim).await {
        for call in ["getElementById('", "place('"] {
            for rest in script.split(call).skip(1) {
                let id = rest.split('\'').next().unwrap();
                assert!(page.contains(&format!("id=\"{id}\"")), "{path}: {id}");
                found += 1;
            }
        }
    }
    assert!(found > 15, "{found}");
}

#[tokio::test]
async fn names_are_not_part_of_the_page() {
    const EVIL: &str = "<img src=x onerror=alert(1)>";
    let guild = Guild::new(31, EVIL, 11).text(32, EVIL).member(11);
    let user = User::new(11, "eve").global_name(EVIL);
    let settings = Settings {
        world: World::empty().user(user).guild(guild),
        ..Settings::default()
    };
    let sim = Sim::start(settings).await.unwrap();
    let page = reqwest::get(sim.api_url()).await.unwrap().text().await;
    assert!(!page.unwrap().contains("onerror"));
    // They come as JSON, which is not read as HTML.
    let state = reqwest::get(format!("{}/sim/state", sim.api_url())).await;
    let state = state.unwrap();
    assert_eq!(state.headers()["content-type"], "application/json");
    assert!(state.text().await.unwrap().contains(EVIL));
    // Of other guilds than the one that is looked at, only the outlines are told.
    let state = get(&sim, "/sim/state?guild=31").await;
    assert_eq!(
        state["guilds"][0]["members"][0]["user"]["global_name"],
        EVIL
    );
    assert_eq!(state["guilds"][0]["sounds"][0]["name"], "quack");
    let unknown = get_status(&sim, "/sim/state?guild=7").await;
    assert_eq!(unknown, StatusCode::UNPROCESSABLE_ENTITY);
}
