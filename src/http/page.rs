//! The web page: a login page for strangers, the sound board for people with a session, the
//! set-up checklist where Discord is not configured. Files stand in `ui/`, inside the binary.

use askama::Template;
use rocket::http::{ContentType, Header};
use rocket::response::content::RawHtml;
use rocket::{Responder, get};

use super::answer::CONTENT_POLICY;
use super::guards::{AppState, Visitor};
use crate::app::App;
use crate::db::users;
use crate::domain::library::Order;
use crate::error::Error;
use crate::ids::UserId;

const SCRIPT: &str = include_str!("ui/board.js");
const STYLE: &str = include_str!("ui/yuri.css");
const ICON: &str = include_str!("ui/icon.svg");

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage;

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupPage {
    missing: Vec<&'static str>,
    callbacks: [String; 2],
}

#[derive(Template)]
#[template(path = "board.html")]
struct BoardPage {
    user_name: String,
    guilds: Vec<GuildOption>,
    sounds: Vec<SoundButton>,
}

struct GuildOption {
    id: String,
    name: String,
}

struct SoundButton {
    /// What the API is asked for.
    name: String,
    stem: String,
    /// Why it cannot be played.
    reason: Option<String>,
}

/// A page or a part of one, with the policy that browsers hold it to.
#[derive(Responder)]
pub(super) struct Guarded<R> {
    inner: R,
    policy: Header<'static>,
    cache: Header<'static>,
}

impl<R> Guarded<R> {
    fn new(inner: R, cache: &'static str) -> Self {
        Self {
            inner,
            policy: Header::new("Content-Security-Policy", CONTENT_POLICY),
            cache: Header::new("Cache-Control", cache),
        }
    }
}

/// `GET /`. Reading it costs no rate token: everything it shows at first is in it.
#[utoipa::path(
    get,
    path = "/",
    tag = "pages",
    security((), ("token" = [], "userid" = [])),
    responses(
        (
            status = 200,
            description = "A page",
            body = String,
            content_type = "text/html; charset=utf-8"
        )
    ),
)]
#[get("/")]
pub(super) async fn show_board(
    app: &AppState,
    visitor: Visitor,
) -> Result<Guarded<RawHtml<String>>, Error> {
    let missing = app.config.discord.missing();
    let html = if !missing.is_empty() {
        let callback = |flow: &str| app.config.public_url.join(flow);
        let callbacks = [callback("/login/authorize"), callback("/token/authorize")];
        SetupPage { missing, callbacks }.render()
    } else if let Some(session) = visitor.session {
        board(app, session.user).await?.render()
    } else {
        LoginPage.render()
    };
    // What it shows depends on who asks, cookies or none.
    let html = RawHtml(html.map_err(Error::internal)?);
    Ok(Guarded::new(html, "no-store"))
}

async fn board(app: &App, user: UserId) -> Result<BoardPage, Error> {
    let known = app.db.quick(move |conn| users::find(conn, user)).await?;
    let user_name = known.map_or_else(
        || user.to_string(),
        |known| known.global_name.unwrap_or(known.username),
    );
    let guilds = app.guilds.list_mutual(user).await?;
    let guilds = guilds
        .into_iter()
        .map(|guild| GuildOption {
            id: guild.id.to_string(),
            name: guild.name,
        })
        .collect();
    let (sounds, _) = app.library.page(Order::Name, 0, usize::MAX);
    let sounds = sounds
        .iter()
        .map(|sound| SoundButton {
            name: sound.name.clone(),
            stem: sound.stem.clone(),
            reason: sound
                .reason()
                .map(|reason| reason.text(app.config.sounds.max_length)),
        })
        .collect();
    Ok(BoardPage {
        user_name,
        guilds,
        sounds,
    })
}

/// The page's script, style and icon.
#[utoipa::path(
    get,
    path = "/assets/{name}",
    tag = "pages",
    security(()),
    params(("name" = String, Path, description = "The file's name.")),
    responses(
        (
            status = 200,
            description = "The file",
            content(
                (String = "text/javascript"),
                (String = "text/css; charset=utf-8"),
                (String = "image/svg+xml")
            )
        ),
        (status = 404, description = "No such file")
    ),
)]
#[get("/assets/<name>")]
pub(super) fn serve_asset(name: &str) -> Result<Guarded<(ContentType, &'static str)>, Error> {
    let asset = match name {
        "board.js" => (ContentType::JavaScript, SCRIPT),
        "yuri.css" => (ContentType::CSS, STYLE),
        "icon.svg" => (ContentType::SVG, ICON),
        _ => return Err(Error::NotFound("not found")),
    };
    Ok(Guarded::new(asset, "no-cache"))
}
