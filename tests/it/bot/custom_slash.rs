//! Guilds' own commands as slash commands: Discord offers them from their making to their end,
//! whatever happens in between.

use std::time::Duration;

use discord_sim::{Effect, Fault, HttpAnswer, Requests, Sim};
use serde_json::json;
use yuri::app::App;
use yuri::domain::commands::{Change, Expected, Registration, Response, Sound, Text};
use yuri::ids::GuildId;

use super::installation::{Installation, Started};
use super::stage::{BEN, BOT, GENERAL, GUILD, PATIENCE, Stage};

fn text(content: &str) -> Response {
    Response::Text(Text {
        content: content.to_owned(),
    })
}

fn registration() -> Requests {
    Requests::to("/applications/*/guilds/*/commands")
}

/// What Discord offers in a guild beside the built-in commands, with its description.
fn offered(sim: &Sim, guild: u64) -> Vec<(String, String)> {
    let guild = json!(guild.to_string());
    let commands = sim.commands().into_iter();
    let own = commands.filter(|command| command["guild_id"] == guild);
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let mut own: Vec<_> = own
        .map(|it| (text(&it["name"]), text(&it["description"])))
        .collect();
    own.sort();
    own
}

fn names(sim: &Sim, guild: u64) -> Vec<String> {
    let offered = offered(sim, guild).into_iter();
    offered.map(|(name, _)| name).collect()
}

/// How often Discord was told.
fn told(sim: &Sim) -> usize {
    let requests = sim.requests().into_iter();
    let told = |path: &str| path.contains("/guilds/") && path.ends_with("/commands");
    requests
        .filter(|it| it.method == "PUT" && told(&it.path))
        .count()
}

async fn create(app: &App, guild: GuildId, name: &str) -> i64 {
    let created = app.commands.create(guild, name, text("x")).await;
    created.unwrap().id
}

async fn settled(stage: &Stage, wanted: Registration) {
    stage
        .until(|app| app.commands.registration(Stage::guild()) == wanted)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn they_come_and_go_with_what_managers_do() {
    let stage = Stage::start().await;
    let (app, guild) = (&stage.app, Stage::guild());
    let built_in = stage.sim.commands().len();
    settled(&stage, Registration::Registered).await;
    // Where there are none nobody is asked.
    let asked = stage
        .sim
        .requests()
        .into_iter()
        .filter(|it| it.path.contains("/guilds/"));
    assert_eq!(asked.filter(|it| it.path.ends_with("/commands")).count(), 0);

    let rules = create(app, guild, "rules").await;
    let fanfare = Response::Sound(Sound {
        sound: "tone.wav".to_owned(),
    });
    app.commands.create(guild, "tür", fanfare).await.unwrap();
    settled(&stage, Registration::Registered).await;
    let description = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    assert_eq!(
        offered(&stage.sim, GUILD),
        [
            description("rules", "A command of this server"),
            description("tür", "Plays tone.wav"),
        ]
    );
    let german = stage
        .sim
        .commands()
        .into_iter()
        .find(|it| it["name"] == "tür");
    assert_eq!(
        german.unwrap()["description_localizations"]["de"],
        "Spielt tone.wav"
    );

    let rename = Change {
        name: Some("law".to_owned()),
        response: None,
    };
    app.commands
        .change(guild, rules, rename, Expected::Any)
        .await
        .unwrap();
    settled(&stage, Registration::Registered).await;
    assert_eq!(names(&stage.sim, GUILD), ["law", "tür"]);

    // Another text is another answer, and the same command.
    let before = told(&stage.sim);
    let reword = Change {
        name: None,
        response: Some(text("y")),
    };
    app.commands
        .change(guild, rules, reword, Expected::Any)
        .await
        .unwrap();
    settled(&stage, Registration::Registered).await;
    assert_eq!(told(&stage.sim), before);

    for command in app.commands.list(guild).await.unwrap().iter() {
        app.commands
            .delete(guild, command.id, Expected::Any)
            .await
            .unwrap();
    }
    settled(&stage, Registration::Registered).await;
    assert!(names(&stage.sim, GUILD).is_empty());
    assert_eq!(stage.sim.commands().len(), built_in);
    stage.stop().await.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_discord_does_not_take_is_tried_again() {
    let stage = Stage::start().await;
    settled(&stage, Registration::Registered).await;
    let unavailable = Effect::Answer(HttpAnswer::status(503));
    let broken = Fault::on(registration().method("PUT"), unavailable);
    let broken = stage.sim.fault(broken).unwrap();
    create(&stage.app, Stage::guild(), "rules").await;
    settled(&stage, Registration::Failed).await;
    // The guild's other business goes on.
    assert_eq!(stage.slash(BEN, "queue").await.content, "nothing plays");
    stage.sim.remove_fault(broken);
    assert!(names(&stage.sim, GUILD).is_empty());
    stage.clock.advance(Duration::from_secs(5));
    settled(&stage, Registration::Registered).await;
    assert_eq!(names(&stage.sim, GUILD), ["rules"]);
    stage.stop().await.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_bot_may_not_it_asks_again_only_when_something_changes() {
    let stage = Stage::start().await;
    settled(&stage, Registration::Registered).await;
    let forbidden = Effect::Answer(HttpAnswer::status(403));
    let forbidden = stage
        .sim
        .fault(Fault::on(registration(), forbidden))
        .unwrap();
    create(&stage.app, Stage::guild(), "rules").await;
    settled(&stage, Registration::Failed).await;
    let struck = |stage: &Stage| {
        let mut faults = stage.sim.faults().into_iter();
        faults.find(|it| it.id == forbidden).unwrap().struck
    };
    assert_eq!(struck(&stage), 1);
    stage.clock.advance(Duration::from_secs(6));
    // It is there by mention, all the same.
    let said = stage
        .sim
        .send_message(BEN, GENERAL, &format!("<@{BOT}> rules"))
        .unwrap();
    let answer = stage
        .sim
        .wait_message(GENERAL, PATIENCE, |message| message.reply_to == Some(said));
    assert_eq!(answer.await.unwrap().content, "x");
    assert_eq!(struck(&stage), 1);
    stage.sim.remove_fault(forbidden);
    create(&stage.app, Stage::guild(), "more").await;
    settled(&stage, Registration::Registered).await;
    assert_eq!(names(&stage.sim, GUILD), ["more", "rules"]);
    stage.stop().await.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guild_that_comes_back_has_them_again() {
    let stage = Stage::start().await;
    create(&stage.app, Stage::guild(), "rules").await;
    settled(&stage, Registration::Registered).await;
    // Whoever throws the bot out has cleaned up.
    tell_discord(&stage.sim, GUILD, &json!([])).await;
    stage.sim.remove_bot(GUILD).unwrap();
    stage
        .until(|app| app.guilds.gateway().guild(Stage::guild()).is_none())
        .await;
    stage.sim.add_bot(GUILD).unwrap();
    stage.until(|_| names(&stage.sim, GUILD) == ["rules"]).await;
    stage.stop().await.shutdown().await;
}

/// Puts commands of a guild in place, as another program with the bot's token would.
async fn tell_discord(sim: &Sim, guild: u64, commands: &serde_json::Value) {
    let application = sim.application();
    let url = format!(
        "{}/api/v10/applications/{}/guilds/{guild}/commands",
        sim.api_url(),
        application.id
    );
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.put(url).json(commands);
    let answer = request.header("Authorization", format!("Bot {}", application.bot_token));
    let answer = answer.send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_puts_right_what_has_gone_wrong_meanwhile() {
    let house = Installation::new().await;
    let guilds: Vec<u64> = house.sim.guilds().iter().map(|guild| guild.id).collect();
    let guild = |place: usize| GuildId::try_from(guilds[place]).unwrap();
    let settled = async |started: &Started, wanted: Registration| {
        let is_so =
            |it: &Started| (0..2).all(|place| it.app.commands.registration(guild(place)) == wanted);
        started.until(is_so).await;
    };
    let started = house.start().await;
    started.until(Started::is_connected).await;
    create(&started.app, guild(0), "rules").await;
    let other = create(&started.app, guild(1), "other").await;
    settled(&started, Registration::Registered).await;
    assert_eq!(names(&house.sim, guilds[1]), ["other"]);
    // The last command of a guild goes while Discord is away, and so does the server.
    let unavailable = Effect::Answer(HttpAnswer::status(503));
    let broken = house
        .sim
        .fault(Fault::on(registration(), unavailable))
        .unwrap();
    started
        .app
        .commands
        .delete(guild(1), other, Expected::Any)
        .await
        .unwrap();
    started
        .until(|it| it.app.commands.registration(guild(1)) == Registration::Failed)
        .await;
    started.stop().await;
    house.sim.remove_fault(broken);
    let stale = json!([{"name": "stale", "description": "x"}]);
    tell_discord(&house.sim, guilds[0], &stale).await;

    house.advance(Duration::from_secs(5));
    let started = house.start().await;
    started.until(Started::is_connected).await;
    settled(&started, Registration::Registered).await;
    assert_eq!(names(&house.sim, guilds[0]), ["rules"]);
    assert!(names(&house.sim, guilds[1]).is_empty());
    started.stop().await;

    // What is in step is left alone, and where nothing is nobody asks.
    house.sim.clear_requests();
    house.advance(Duration::from_secs(5));
    let started = house.start().await;
    started.until(Started::is_connected).await;
    settled(&started, Registration::Registered).await;
    let asked = house.sim.requests().into_iter();
    let asked = asked.filter(|it| it.path.contains("/guilds/") && it.path.ends_with("/commands"));
    let asked: Vec<_> = asked.map(|it| it.method).collect();
    assert_eq!(asked, ["GET"]);
    started.stop().await;
    house.sim.shutdown().await;
}
