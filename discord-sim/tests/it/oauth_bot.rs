//! Bots that people add to their guilds on the authorize page.

use discord_sim::permissions::{CONNECT, KICK_MEMBERS, MANAGE_GUILD, SPEAK};
use discord_sim::{Application, Guild, Role, Settings, Sim, User, World};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::support::rest::Rest;
use crate::support::shard::{GUILD_MEMBERS, INTENTS, log_in};
use crate::support::unlimited;

const BACK: &str = "http://127.0.0.1:9/added";
const YURI: u64 = 21;
const OTTO: u64 = 22;
const LAB: u64 = 31 << 22;
const CLUB: u64 = 32 << 22;

/// Ada owns the Lab, where Otto is, and is a manager of the Club, Ben's. Yuri is nowhere.
async fn world() -> Sim {
    let manager = Role::new(41, "manager", MANAGE_GUILD | CONNECT);
    let world = World::empty()
        .user(User::new(11, "ada"))
        .user(User::new(12, "ben"))
        .application(Application::new(YURI, "Yuri").redirect_uri(BACK))
        .application(Application::new(OTTO, "Otto"))
        .guild(
            Guild::new(LAB, "Lab", 11)
                .text(51, "general")
                .member(11)
                .member(12)
                .member(OTTO),
        )
        .guild(
            Guild::new(CLUB, "Club", 12)
                .role(manager)
                .member(12)
                .member_with_roles(11, &[41]),
        );
    let settings = Settings {
        world,
        rate_limits: unlimited(),
        ..Settings::default()
    };
    Sim::start(settings).await.unwrap()
}

/// Asks to add Yuri, with these fields beside the usual ones.
async fn ask(sim: &Sim, fields: &[(&str, &str)]) -> Response {
    let policy = reqwest::redirect::Policy::none();
    let client = reqwest::Client::builder().redirect(policy).build().unwrap();
    let url = format!("{}/oauth2/authorize?client_id={YURI}", sim.api_url());
    client.get(url).query(fields).send().await.unwrap()
}

/// With a way back.
async fn ask_back(sim: &Sim, scope: &str, fields: &[(&str, &str)]) -> Response {
    let mut all = vec![
        ("response_type", "code"),
        ("redirect_uri", BACK),
        ("scope", scope),
        ("state", "s"),
    ];
    all.extend(fields);
    ask(sim, &all).await
}

/// The fields that the way back carries.
fn carried(response: &Response) -> Value {
    assert_eq!(response.status(), StatusCode::FOUND);
    let location = response.headers()["location"].to_str().unwrap();
    let (base, query) = location.split_once('?').unwrap();
    assert_eq!(base, BACK);
    let fields = form_urlencoded::parse(query.as_bytes());
    fields
        .map(|(name, value)| (name.into_owned(), json!(value)))
        .collect()
}

async fn refused(response: Response) -> String {
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    response.text().await.unwrap()
}

#[tokio::test]
async fn a_bot_is_added_and_told_of_its_guild() {
    let sim = world().await;
    let (mut yuri, ready) = log_in(&sim, INTENTS).await;
    assert_eq!(ready["guilds"], json!([]));
    let (mut otto, _) = log_in(&sim.for_bot(OTTO), INTENTS | GUILD_MEMBERS).await;
    let bits = (CONNECT | SPEAK).to_string();
    let lab = LAB.to_string();
    let people = ask_back(&sim, "bot identify", &[("permissions", &bits)]).await;
    let people = people.text().await.unwrap();
    assert!(people.contains("add a bot to a server"), "{people}");
    assert!(
        people.contains("login_hint=ada") && people.contains("permissions="),
        "{people}"
    );
    let fields = [("permissions", &*bits), ("login_hint", "ada")];
    let guilds = ask_back(&sim, "bot identify", &fields)
        .await
        .text()
        .await
        .unwrap();
    assert!(
        guilds.contains("Add to Lab") && guilds.contains("Add to Club"),
        "{guilds}"
    );

    let fields = [fields[0], fields[1], ("guild_hint", &lab)];
    let back = carried(&ask_back(&sim, "bot identify", &fields).await);
    assert_eq!(
        (&back["guild_id"], &back["permissions"]),
        (&json!(lab), &json!(bits))
    );
    assert_eq!(back["state"], "s");
    let told = yuri.receive_event("GUILD_CREATE").await;
    assert_eq!(told["id"], lab);
    assert_eq!(told["roles"][1]["tags"]["bot_id"], YURI.to_string());
    assert_eq!(told["roles"][1]["permissions"], bits);
    let told = otto.receive_event("GUILD_ROLE_CREATE").await;
    let role = told["role"]["id"].clone();
    assert_eq!(told["role"]["managed"], true);
    let told = otto.receive_event("GUILD_MEMBER_ADD").await;
    assert_eq!(
        (&told["user"]["id"], &told["roles"]),
        (&json!("21"), &json!([role]))
    );

    let application = sim.application();
    let url = format!("{}/api/oauth2/token", sim.api_url());
    let trade = async |fields: &[(&str, &str)]| {
        let request = reqwest::Client::new().post(&url).form(fields);
        let secret = Some(application.client_secret.clone());
        let request = request.basic_auth(YURI.to_string(), secret);
        request.send().await.unwrap().json::<Value>().await.unwrap()
    };
    let code = back["code"].as_str().unwrap();
    let token = trade(&[
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", BACK),
    ])
    .await;
    assert_eq!(token["scope"], "bot identify");
    assert_eq!(
        (&token["guild"]["id"], &token["guild"]["name"]),
        (&json!(lab), &json!("Lab"))
    );
    let refresh = token["refresh_token"].as_str().unwrap();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    assert_eq!(trade(&fields).await.get("guild"), None);
    sim.set_owner(OTTO, LAB).unwrap();
    let log = format!("/guilds/{LAB}/audit-logs?action_type=28");
    let (_, log) = Rest::new(&sim.for_bot(OTTO)).get(&log).await;
    let entry = &log["audit_log_entries"][0];
    assert_eq!(
        (&entry["user_id"], &entry["target_id"]),
        (&json!("11"), &json!("21"))
    );
}

#[tokio::test]
async fn a_link_that_adds_a_bot_needs_no_way_back() {
    let sim = world().await;
    let club = CLUB.to_string();
    let wanted = (CONNECT | KICK_MEMBERS).to_string();
    let link = [
        ("scope", "bot applications.commands"),
        ("permissions", &*wanted),
        ("guild_id", &*club),
        ("disable_guild_select", "true"),
    ];
    let page = ask(&sim, &link).await.text().await.unwrap();
    assert!(
        page.contains("login_hint=ada") && !page.contains("Cancel"),
        "{page}"
    );
    let with = |more: &[(&'static str, &str)]| {
        let fields = link.iter().chain(more);
        let fields = fields.map(|(name, value)| (*name, (*value).to_owned()));
        fields.collect::<Vec<_>>()
    };
    let send = async |fields: Vec<(&str, String)>| {
        let fields = fields.iter().map(|(name, value)| (*name, &**value));
        ask(&sim, &fields.collect::<Vec<_>>()).await
    };
    // The guild cannot be changed, so there is nothing left to choose.
    let lab = LAB.to_string();
    let other = send(with(&[("login_hint", "ada"), ("guild_hint", &lab)])).await;
    assert!(refused(other).await.contains("Another server"));
    let done = send(with(&[("login_hint", "ada")])).await;
    assert_eq!(done.status(), StatusCode::OK);
    assert!(done.text().await.unwrap().contains("Yuri was added"));
    assert!(sim.guilds()[1].has_bot);
    // Ada gives no more than she has herself.
    let rest = Rest::new(&sim);
    let (_, roles) = rest.get(&format!("/guilds/{CLUB}/roles")).await;
    assert_eq!(roles[1]["permissions"], CONNECT.to_string());
    // Ben has more, and adds it again.
    send(with(&[("login_hint", "ben")])).await;
    let (_, roles) = rest.get(&format!("/guilds/{CLUB}/roles")).await;
    assert_eq!(roles[1]["permissions"], wanted);
    assert_eq!(roles.as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_bot_is_added_by_those_who_manage_the_guild() {
    let sim = world().await;
    let lab = LAB.to_string();
    let by_ben = [("login_hint", "ben"), ("guild_hint", &*lab)];
    let page = refused(ask_back(&sim, "bot", &by_ben).await).await;
    assert!(page.contains("You may not add"), "{page}");
    let guilds = ask_back(&sim, "bot", &by_ben[..1])
        .await
        .text()
        .await
        .unwrap();
    assert!(
        guilds.contains("Add to Club") && !guilds.contains("Add to Lab"),
        "{guilds}"
    );
    let by_ada = [("login_hint", "ada"), ("guild_hint", &*lab)];
    sim.ban(YURI, LAB).unwrap();
    let page = refused(ask_back(&sim, "bot", &by_ada).await).await;
    assert!(page.contains("banned"), "{page}");
    sim.unban(YURI, LAB).unwrap();
    // Commands alone bring no bot.
    let back = carried(&ask_back(&sim, "applications.commands", &by_ada).await);
    assert_eq!(back["guild_id"], lab);
    assert!(!sim.guilds()[0].has_bot);
    // Without permissions there is no role to make.
    carried(&ask_back(&sim, "bot", &by_ada).await);
    let (_, roles) = Rest::new(&sim).get(&format!("/guilds/{LAB}/roles")).await;
    assert_eq!(roles.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused() {
    let sim = world().await;
    let back = carried(&ask_back(&sim, "bot webhook.incoming", &[]).await);
    assert_eq!(back["error"], "invalid_scope");
    let told = back["error_description"].as_str().unwrap();
    assert!(told.contains("webhook.incoming"), "{told}");
    let back = carried(&ask_back(&sim, "bot rpc", &[]).await);
    assert_eq!(back["error"], "invalid_scope");
    for (field, value) in [("permissions", "all"), ("guild_id", "Lab")] {
        let page = refused(ask(&sim, &[("scope", "bot"), (field, value)]).await).await;
        assert!(page.contains("Invalid"), "{page}");
    }
    let page = refused(ask(&sim, &[("scope", "identify")]).await).await;
    assert!(page.contains("redirect_uri"), "{page}");
}
