//! What the control interface refuses, and with what reason.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::by_json::{post, send};
use crate::support::sim;

/// What is asked below a guild's address, and how it is refused.
const REFUSALS: &str = r#"
    POST /voice/join {"user":"nobody"} => 422 there is no user nobody
    POST /voice/join {"user":"cleo"} => 422 is not a member
    POST /voice/join {"user":"ben","channel":"general"} => 422 no such channel
    POST /voice/join {"user":"ben","chanel":7} => 422 unknown field `chanel`
    POST /voice/join {"user":true} => 422 an id or a name
    POST /voice/join {} => 422 missing field `user`
    POST /voice/join [] => 422 invalid length 0
    POST /voice/leave {"user":"ben"} => 422 is not in voice
    POST /voice/end {"by":"drop"} => 422 is not in voice
    POST /voice/end {"by":"crash"} => 422 unknown variant `crash`
    POST /roles {"name":"x","permissions":["FLY"]} => 422 there is no permission FLY
    PATCH /roles/x {} => 404 there is no role x
    PATCH /members/nobody {} => 404 there is no user nobody
    PATCH /members/cleo {} => 422 is not a member
    PUT /channels/x/overwrite {} => 404 there is no channel x
    PUT /channels/Lounge/overwrite {} => 422 either a role or a user
    POST /slash {"user":"ben","command":"x"} => 422 has registered the command /x
    GET /heard?bto=3 => 400 unknown field `bto`
    GET /heard?channel=x => 422 there is no channel x
    GET /heard.wav?utterance=3 => 404 there is no utterance 3
    GET /heard/x => 404 x is no utterance's number
    GET /heard/0?timeout_ms=1 => 504 has not ended
    GET /wait/voice?timeout_ms=1 => 504 the bot is not there
    PATCH /voice/states/ben {"mute":true} => 422 is not in voice
    PATCH /voice/states/ada {"loud":true} => 422 unknown field `loud`
    POST /voice/sounds {"user":"ben","sound":"quack"} => 422 is not in voice
    POST /voice/sounds {"user":"ben","sound":"silence"} => 422 there is no sound silence
    POST /voice/server/move {} => 422 is not in voice
    POST /voice/server/withdraw {"bot":"x"} => 422 there is no bot x
    POST /voice/dave/restart {} => 422 is not in voice
    GET /wait/packets => 400 missing field `at_least`
    POST /slash {"user":"ben","command":"x","channel":"y"} => 422 there is no channel y
    POST /slash {"user":"ben","command":"x","options":{"a":{"name":"b"}}} => 422 say what is in it
    POST /slash {"user":"ben","command":"x","options":{"a":{"name":"b","base64":"?"}}} => 422 b: Invalid
    POST /slash {"user":"ben","command":"x","options":{"a":{}}} => 422 missing field `name`
    POST /heard {} => 405 cannot be asked to POST
    GET /herad => 404 there is nothing at
"#;

#[tokio::test]
async fn nonsense_is_refused_with_a_reason() {
    let sim = sim().await;
    let guild = format!("/sim/guilds/{}", sim.guilds()[0].id);
    for line in REFUSALS.trim().lines() {
        let (asked, refused) = line.split_once(" => ").unwrap();
        let mut asked = asked.trim().splitn(3, ' ');
        let method = asked.next().unwrap().parse().unwrap();
        let path = asked.next().unwrap();
        let body = asked.next().map(|body| serde_json::from_str(body).unwrap());
        let (status, reason) = refused.split_once(' ').unwrap();
        let (answered, answer) = send(&sim, method, &format!("{guild}{path}"), body).await;
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(error.contains(reason), "{path}: {answer}");
        assert_eq!(answered.as_str(), status, "{path}: {answer}");
    }
    let elsewhere = post(&sim, "/sim/guilds/1/voice/join", json!({ "user": "ada" })).await;
    assert_eq!(
        elsewhere,
        (
            StatusCode::NOT_FOUND,
            json!({ "error": "there is no guild 1" })
        )
    );

    // What is no JSON, or says it is not, and what is too much of it.
    let url = format!("{}{guild}/mark", sim.api_url());
    let raw = async |content_type: &str, body: String| {
        let request = reqwest::Client::new().post(&url).body(body);
        let request = request.header("content-type", content_type);
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let answer = response.json::<Value>().await.unwrap();
        assert!(answer["error"].is_string(), "{answer}");
        status
    };
    assert_eq!(raw("application/json", "{".to_owned()).await, 400);
    assert_eq!(raw("text/plain", "{\"what\":\"x\"}".to_owned()).await, 415);
    let long = format!("{{\"what\":\"{}\"}}", "x".repeat(3_000_000));
    assert_eq!(raw("application/json", long).await, 413);
}

/// A page elsewhere can make a browser send a request, but not with this type and origin.
#[tokio::test]
async fn pages_elsewhere_cannot_act() {
    let sim = sim().await;
    let url = format!("{}/sim/guilds/{}/mark", sim.api_url(), sim.guilds()[0].id);
    let request = || {
        reqwest::Client::new()
            .post(&url)
            .json(&json!({ "what": "x" }))
    };
    let foreign = request()
        .header("origin", "https://example.com")
        .send()
        .await;
    assert_eq!(foreign.unwrap().status(), StatusCode::MISDIRECTED_REQUEST);
    let null = request().header("origin", "null").send().await;
    assert_eq!(null.unwrap().status(), StatusCode::MISDIRECTED_REQUEST);
    let own = request().header("origin", sim.api_url()).send().await;
    assert_eq!(own.unwrap().status(), StatusCode::OK);
}
