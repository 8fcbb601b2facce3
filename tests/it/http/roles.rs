//! `/api/admin/roles`: who becomes an administrator, who stops being one, and what is kept of it.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::task::block_in_place;
use tracing::warn;
use yuri::db::roles;
use yuri::domain::admins::RoleName;
use yuri::ids::UserId;

use crate::support::browser::Browser;
use crate::support::house::House;
use crate::support::socket::Socket;
use crate::support::stream::Stream;
use crate::support::{Answer, SITE, Server, Setup, Token, id};

const ADMIN: &str = "182440710331105281";
const OTHER: &str = "182440710331105282";
/// Has never logged in.
const ABSENT: &str = "182440710331105283";

const ROLES: &str = "/api/admin/roles";
const USERS: &str = "/api/admin/roles/admin/users";

fn setup() -> Setup {
    Setup::offline()
        .set("YURI_ADMINS", ADMIN)
        .set("YURI_LIMITS__BURST", "10000")
}

async fn send(server: &Server, caller: &Token, method: Method, path: &str) -> Answer {
    Answer::of(caller.sign(server.request(method, path))).await
}

async fn put(server: &Server, caller: &Token, path: &str) -> u16 {
    send(server, caller, Method::PUT, path)
        .await
        .status
        .as_u16()
}

async fn delete(server: &Server, caller: &Token, path: &str) -> u16 {
    let answer = send(server, caller, Method::DELETE, path).await;
    answer.status.as_u16()
}

fn of(user: &str) -> String {
    format!("{USERS}/{user}")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_makes_another_who_counts_at_once_until_it_is_taken_back() {
    let server = setup().start().await;
    let admin = server.token(id::<UserId>(ADMIN)).await;
    let other = server.token(id::<UserId>(OTHER)).await;
    let reads = async || other.get(&server, "/api/admin/logs").await.status.as_u16();
    assert_eq!(reads().await, 403);
    // Nobody makes an administrator of themselves.
    assert_eq!(put(&server, &other, &of(OTHER)).await, 403);

    let given = send(&server, &admin, Method::PUT, &of(OTHER)).await;
    assert_eq!(given.status, 201);
    insta::assert_snapshot!(given.body, @r#"
    {
      "user_id": "182440710331105282",
      "user_tag": "zekro#9131",
      "given_by": "182440710331105281",
      "given_at": "2019-04-06T18:48:02Z",
      "configured": false
    }
    "#);
    assert_eq!(reads().await, 200);
    server.clock.advance(Duration::from_secs(60));
    let again = send(&server, &other, Method::PUT, &of(OTHER)).await;
    assert_eq!((again.status.as_u16(), again.body), (200, given.body));
    assert_eq!(put(&server, &other, &of(ABSENT)).await, 201);

    let users = other.get(&server, USERS).await;
    assert_eq!(users.header("x-total-count"), "3");
    let names = users.json()["results"].take();
    assert_eq!(
        names[0],
        json!({
            "user_id": ADMIN, "user_tag": "zekro#9131", "given_by": null, "given_at": null,
            "configured": true,
        })
    );
    assert_eq!(
        names[2],
        json!({
            "user_id": ABSENT, "user_tag": null, "given_by": OTHER,
            "given_at": "2019-04-06T18:49:02Z", "configured": false,
        })
    );
    let all = admin.get(&server, ROLES).await;
    let role = json!({"id": "1", "name": "admin", "users": 3});
    assert_eq!(all.json(), json!({"n": 1, "results": [role]}));

    // Each takes it from the others, and from themselves; twice is no fault.
    assert_eq!(delete(&server, &other, &of(ABSENT)).await, 200);
    assert_eq!(delete(&server, &other, &of(ABSENT)).await, 200);
    assert_eq!(delete(&server, &other, &of(OTHER)).await, 200);
    assert_eq!(reads().await, 403);
    assert_eq!(delete(&server, &other, &of(ADMIN)).await, 403);
    assert_eq!(admin.get(&server, USERS).await.json()["n"], 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_read_which_roles_they_have() {
    let server = setup().start().await;
    let admin = server.token(id::<UserId>(ADMIN)).await;
    let other = server.token(id::<UserId>(OTHER)).await;
    let own = async |caller: &Token| {
        let me = caller.get(&server, "/api/users/@me").await;
        me.json()["roles"].take()
    };
    assert_eq!(
        own(&admin).await,
        json!(["admin"]),
        "from the configuration"
    );
    assert_eq!(own(&other).await, json!([]));
    for role in ["vip", "editor"] {
        assert_eq!(put(&server, &admin, &format!("{ROLES}/{role}")).await, 201);
        let path = format!("{ROLES}/{role}/users/{OTHER}");
        assert_eq!(put(&server, &admin, &path).await, 201);
    }
    assert_eq!(put(&server, &admin, &of(OTHER)).await, 201);
    assert_eq!(own(&other).await, json!(["admin", "editor", "vip"]));
    assert_eq!(delete(&server, &admin, &of(OTHER)).await, 200);
    assert_eq!(delete(&server, &admin, &format!("{ROLES}/vip")).await, 200);
    assert_eq!(own(&other).await, json!(["editor"]));
    assert_eq!(own(&admin).await, json!(["admin"]));
    // Having the role as well names it once.
    assert_eq!(put(&server, &admin, &of(ADMIN)).await, 201);
    assert_eq!(own(&admin).await, json!(["admin"]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_the_operator_names_the_api_cannot_remove() {
    let server = setup().start().await;
    let admin = server.token(id::<UserId>(ADMIN)).await;
    let other = server.token(id::<UserId>(OTHER)).await;
    assert_eq!(put(&server, &admin, &of(OTHER)).await, 201);
    // Having the role as well changes nothing about that.
    for given in [false, true] {
        let refused = send(&server, &other, Method::DELETE, &of(ADMIN)).await;
        assert_eq!(refused.status, 409, "{given}");
        assert_eq!(
            refused.error(),
            "YURI_ADMINS names this administrator: only whoever runs the server can change that"
        );
        assert_eq!(admin.get(&server, ROLES).await.status, 200);
        put(&server, &other, &of(ADMIN)).await;
    }
    let all = admin.get(&server, ROLES).await.json();
    assert_eq!(all["results"][0]["users"], 2, "nobody is counted twice");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_roles_are_names_that_give_no_right_here() {
    let server = setup().start().await;
    let admin = server.token(id::<UserId>(ADMIN)).await;
    let other = server.token(id::<UserId>(OTHER)).await;
    let made = send(&server, &admin, Method::PUT, "/api/admin/roles/editor_2-x").await;
    assert_eq!(made.status, 201);
    insta::assert_snapshot!(made.body, @r#"
    {
      "id": "2",
      "name": "editor_2-x",
      "users": 0
    }
    "#);
    let path = format!("/api/admin/roles/editor_2-x/users/{OTHER}");
    assert_eq!(put(&server, &admin, &path).await, 201);
    assert_eq!(other.get(&server, ROLES).await.status, 403);
    let again = send(&server, &admin, Method::PUT, "/api/admin/roles/editor_2-x").await;
    assert_eq!(
        (again.status.as_u16(), &again.json()["users"]),
        (200, &json!(1))
    );
    let admin_role = send(&server, &admin, Method::PUT, "/api/admin/roles/admin").await;
    assert_eq!(admin_role.json()["users"], 1);

    let kept = send(&server, &admin, Method::DELETE, "/api/admin/roles/admin").await;
    assert_eq!(kept.status, 409);
    assert_eq!(
        kept.error(),
        "the role admin cannot be deleted, take it from its users"
    );
    assert_eq!(
        delete(&server, &admin, "/api/admin/roles/editor_2-x").await,
        200
    );
    for (method, path) in [
        (Method::DELETE, "/api/admin/roles/editor_2-x".to_owned()),
        (Method::PUT, path.clone()),
        (Method::DELETE, path),
        (Method::GET, "/api/admin/roles/editor_2-x/users".to_owned()),
    ] {
        let answer = send(&server, &admin, method, &path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.error(), "there is no role of this name");
    }
    let long = "x".repeat(33);
    for name in ["Admin", "a%20b", "%C3%A4", "a.b", &long] {
        let path = format!("/api/admin/roles/{name}");
        // What cannot be read is told before who may.
        for caller in [&admin, &other] {
            let answer = send(&server, caller, Method::PUT, &path).await;
            assert_eq!(answer.status, 400, "{name}");
            assert!(answer.error().starts_with("a role's name has"), "{name}");
        }
    }
    for user in ["0", "x", "-1", "9223372036854775808"] {
        assert_eq!(put(&server, &admin, &of(user)).await, 400, "{user}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_an_end_to_roles_and_to_their_users() {
    let server = setup().start().await;
    let admin = server.token(id::<UserId>(ADMIN)).await;
    let rows = server.app.db.write(|conn| {
        for number in 1..100 {
            roles::insert(conn, &format!("r{number}"))?;
        }
        let given = (1..=1_000).map(|user| UserId::try_from(user).unwrap());
        given
            .into_iter()
            .try_for_each(|user| roles::give(conn, 2, user, user, 0))
    });
    rows.await.unwrap();
    let full = send(&server, &admin, Method::PUT, "/api/admin/roles/one-more").await;
    assert_eq!(full.status, 409);
    assert_eq!(full.error(), "there are 100 roles, delete one first");
    assert_eq!(put(&server, &admin, "/api/admin/roles/r1").await, 200);
    let users = "/api/admin/roles/r1/users";
    let full = send(&server, &admin, Method::PUT, &format!("{users}/1001")).await;
    assert_eq!(full.status, 409);
    assert_eq!(
        full.error(),
        "1000 users have this role, take it from one first"
    );
    assert_eq!(put(&server, &admin, &format!("{users}/1000")).await, 200);
    assert_eq!(admin.get(&server, users).await.json()["n"], 1_000);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_loses_the_role_hears_and_reads_the_log_no_more() {
    let server = setup().start().await;
    let admin = server.token(id::<UserId>(ADMIN)).await;
    let other = server.token(id::<UserId>(OTHER)).await;
    assert_eq!(put(&server, &admin, &of(OTHER)).await, 201);
    let mut kept = Stream::greeted(admin.sign(server.get("/events"))).await;
    let mut lost = Stream::greeted(other.sign(server.get("/events"))).await;
    let mut socket = Socket::signed(&server, "/socket.io/?EIO=4&transport=websocket", &other).await;
    assert!(socket.next_text().await.unwrap().starts_with("0{"));
    socket.send_text("40").await;
    assert!(socket.next_text().await.unwrap().starts_with("40{"));
    assert!(
        socket
            .next_text()
            .await
            .unwrap()
            .starts_with("42[\"ready\",")
    );
    server.logging(|| warn!(target: "yuri", "first"));
    for stream in [&mut kept, &mut lost] {
        assert_eq!(stream.next().await.unwrap().data["message"], "first");
    }
    assert!(socket.next_text().await.unwrap().starts_with("42[\"Log\","));

    assert_eq!(delete(&server, &admin, &of(OTHER)).await, 200);
    server.logging(|| warn!(target: "yuri", "second"));
    assert_eq!(kept.next().await.unwrap().data["message"], "second");
    // The next that these hear is that nothing has happened.
    server.clock.advance(Duration::from_secs(15));
    assert_eq!(lost.next().await.unwrap().comment, "ping");
    server.clock.advance(Duration::from_secs(10));
    assert_eq!(socket.next_text().await.unwrap(), "2");
    assert_eq!(other.get(&server, "/api/admin/logs").await.status, 403);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_stands_in_the_application_log() {
    let server = setup().start().await;
    let admin = server.token(id::<UserId>(ADMIN)).await;
    let (by, user) = (admin.user, id::<UserId>(OTHER));
    let editor = RoleName::read("editor").unwrap();
    let admins = &server.app.admins;
    let change = async {
        // What changes nothing is no event.
        for _ in 0..2 {
            admins.create_role(by, &editor).await.unwrap();
            admins.give(by, &editor, user).await.unwrap();
        }
        for _ in 0..2 {
            admins.take(by, &editor, user).await.unwrap();
        }
        admins.delete_role(by, &editor).await.unwrap();
        admins.give(user, &editor, user).await.unwrap_err();
    };
    server.logging(|| block_in_place(|| Handle::current().block_on(change)));
    server.app.app_log.flush().await;
    let log = admin.get(&server, "/api/admin/logs").await.json();
    let messages: Vec<&str> = log["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["message"].as_str().unwrap())
        .collect();
    let of_user = format!("by={by} user={user} role=editor");
    let expected = [
        format!("a role was deleted by={by} role=editor"),
        format!("a role was taken away {of_user}"),
        format!("a role was given {of_user}"),
        format!("a role was made by={by} role=editor"),
    ];
    assert_eq!(messages, expected);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_outlives_the_process_and_the_configuration() {
    let house = House::new();
    let (first, second) = (id::<UserId>(ADMIN), id::<UserId>(OTHER));
    let role = RoleName::read("admin").unwrap();
    let settings = [("YURI_ADMINS", ADMIN)];
    let process = house.start_with(&crate::audio::worker(), &settings);
    process.app.admins.give(first, &role, second).await.unwrap();
    process.stop().await;
    let process = house.start();
    let admins = &process.app.admins;
    assert!(admins.is_admin(second) && !admins.is_admin(first));
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_gives_roles_only_from_our_pages() {
    let setup = Setup::with_discord().set("YURI_ADMINS", ADMIN);
    let server = setup.start().await;
    let browser = Browser::login(&server, "ada").await;
    assert_eq!(server.user("ada"), id::<UserId>(ADMIN));
    for (origin, expected) in [
        (None, 403),
        (Some("http://evil.test"), 403),
        (Some(SITE), 201),
    ] {
        let request = browser.request(Method::PUT, &of(OTHER));
        let request = match origin {
            Some(origin) => request.header("Origin", origin),
            None => request,
        };
        assert_eq!(Answer::of(request).await.status, expected, "{origin:?}");
    }
    server.stop().await;
}
