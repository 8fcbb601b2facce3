//! Every route of the product with the right that it needs.
//!
//! A new route needs a row in [`rows`], or a place in [`FREE`] with the reason. A row is
//! `row(method, route as it is mounted, right, status for those who have the right)`, and what of
//! these is wanted:
//!
//! - `.at(path)` is what is asked for; without it the route. In both, `<guild>` is the guild of the
//!   test, and `<made>` what `.before(..)` has made. A route whose right depends on the query has a
//!   row for each.
//! - `.json(body)` or `.form()` is what is sent. It must be so good that those who have the right get
//!   past the check of it: the status may be that of a later refusal, such as 404 or 409, where a
//!   success would be laborious.
//! - `.before(..)` makes what the call needs, anew before each: see `people::Before`.
//!
//! `row.right` says who passes; all others are refused with 403 (without a credential, 401) and
//! must not have changed anything. With [`Right::Session`] all callers of `people` are refused with
//! 401; what a session itself may is in `sessions`.

use reqwest::{Client, Method, RequestBuilder};

use super::people::{Before, Who};
use crate::support::SITE;

/// What somebody needs to get past the check. Contract 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// A good credential.
    SignedIn,
    /// To be a member of the guild.
    Member,
    /// To be allowed to play there.
    Dj,
    /// To have brought the sound, or to manage the guild.
    Author,
    /// To manage the guild.
    Manager,
    /// To administer the installation.
    Administrator,
    /// Nobody may, whoever it is.
    Nothing,
    /// A bot's session: all others are nobody there.
    Session,
}

impl Right {
    /// The table itself.
    pub(super) fn is_held_by(self, who: Who, has_dj_roles: bool) -> bool {
        match self {
            Self::SignedIn => who != Who::Nobody,
            Self::Member => who != Who::Nobody && !who.is_outsider(),
            Self::Dj if has_dj_roles => who == Who::Dj,
            Self::Dj => matches!(
                who,
                Who::Member
                    | Who::Uploader
                    | Who::Dj
                    | Who::Manager
                    | Who::GuildAdministrator
                    | Who::Owner
            ),
            Self::Author => who == Who::Uploader || Self::Manager.is_held_by(who, has_dj_roles),
            Self::Manager => {
                matches!(who, Who::Manager | Who::GuildAdministrator | Who::Owner)
            }
            Self::Administrator => matches!(who, Who::NamedAdmin | Who::RoleAdmin),
            Self::Nothing | Self::Session => false,
        }
    }

    /// Whether outsiders are told that they are.
    pub(super) fn is_of_a_guild(self) -> bool {
        matches!(self, Self::Member | Self::Dj | Self::Author | Self::Manager)
    }
}

/// What is sent.
#[derive(Clone, Copy, Debug)]
enum Content {
    Nothing,
    Json(&'static str),
    /// A form without a part.
    Form,
}

/// A call, and who may make it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    method: &'static str,
    route: &'static str,
    path: &'static str,
    content: Content,
    pub(super) right: Right,
    /// The status for those who have the right.
    pub(super) passes: u16,
    pub(super) before: Before,
}

impl Row {
    /// Method and route, as they are mounted.
    pub(super) fn names(&self) -> (&str, &str) {
        (self.method, self.route)
    }

    /// The request, without a credential.
    pub(super) fn request(&self, client: &Client, guild: &str, made: &str) -> RequestBuilder {
        let path = self.path.replace("<guild>", guild).replace("<made>", made);
        assert!(!path.contains('<'), "{self:?} needs `.at(..)`");
        let method: Method = self.method.parse().unwrap();
        let request = client.request(method, format!("{SITE}{path}"));
        match self.content {
            Content::Nothing => request,
            Content::Json(body) => request
                .header("Content-Type", "application/json")
                .body(body),
            Content::Form => request
                .header("Content-Type", "multipart/form-data; boundary=x")
                .body("--x--\r\n"),
        }
    }

    /// Whether a bot's session may ask for it, too.
    pub(super) fn is_of_sessions(&self) -> bool {
        const PLAYER: [&str; 7] = ["play", "stop", "skip", "join", "leave", "volume", "player"];
        let of_guild = self.route.strip_prefix("/api/guilds/<guild>/");
        self.right == Right::Session || of_guild.is_some_and(|below| PLAYER.contains(&below))
    }

    fn at(self, path: &'static str) -> Self {
        Self { path, ..self }
    }

    fn json(self, body: &'static str) -> Self {
        let content = Content::Json(body);
        Self { content, ..self }
    }

    fn form(self) -> Self {
        let content = Content::Form;
        Self { content, ..self }
    }

    fn before(self, before: Before) -> Self {
        Self { before, ..self }
    }
}

fn row(method: &'static str, route: &'static str, right: Right, passes: u16) -> Row {
    Row {
        method,
        route,
        path: route,
        content: Content::Nothing,
        right,
        passes,
        before: Before::Nothing,
    }
}

/// Routes that ask for no right, and why.
pub(super) const FREE: [((&str, &str), &str); 17] = [
    (("GET", "/"), "shows the login to whom it does not know"),
    (("GET", "/assets/<name>"), "what the pages are made of"),
    (("GET", "/api/openapi.json"), "the document of the API"),
    (("GET", "/docs"), "the same for people"),
    (("GET", "/docs/<file>"), "the same for people"),
    (("GET", "/alive"), "for supervisors"),
    (("GET", "/ready"), "for supervisors"),
    (("GET", "/version"), "for supervisors"),
    (("GET", "/token"), "the way in"),
    (("GET", "/token/authorize"), "the way in"),
    (("GET", "/login"), "the way in"),
    (("GET", "/login/authorize"), "the way in"),
    (("POST", "/api/auth/callback"), "the way in"),
    (("POST", "/logout"), "ends the session that it comes with"),
    (("GET", "/ws"), "its first message may be the credential"),
    (
        ("GET", "/socket.io"),
        "its first packet may be the credential",
    ),
    (("POST", "/socket.io"), "the session's id is the credential"),
];

/// All others.
pub(super) fn rows() -> Vec<Row> {
    [
        own(),
        library(),
        guild(),
        dashboard(),
        commands(),
        administration(),
        live(),
        sessions(),
        favourites(
            "/api/favorites",
            "/api/favorites/<sound>",
            [
                "/api/favorites?guild=<guild>",
                "/api/favorites/horn",
                "/api/favorites/horn?guild=<guild>",
            ],
        ),
        favourites(
            "/api/favorite",
            "/api/favorite/<sound>",
            [
                "/api/favorite?guild=<guild>",
                "/api/favorite/horn",
                "/api/favorite/horn?guild=<guild>",
            ],
        ),
    ]
    .concat()
}

/// What is the caller's own, or everybody's.
fn own() -> Vec<Row> {
    use Right::{Member, SignedIn};
    const TRIGGER: &str = "/api/settings/fasttrigger";
    vec![
        row("GET", "/api/info", SignedIn, 200),
        row("GET", "/api/localsounds", SignedIn, 200),
        row("GET", "/api/users/@me", SignedIn, 200),
        row("GET", "/api/users/@me/guilds", SignedIn, 200),
        // For another kind of credential.
        row("POST", "/api/auth/refresh", SignedIn, 403),
        row("GET", "/api/tokens", SignedIn, 200),
        // An API token makes no other, and sees no other.
        row("POST", "/api/tokens", SignedIn, 403).json(r#"{"name":"x"}"#),
        row("DELETE", "/api/tokens/<id>", SignedIn, 404).at("/api/tokens/999999999"),
        row("GET", TRIGGER, SignedIn, 200),
        row("POST", TRIGGER, SignedIn, 200).json(r#"{"ident":null}"#),
        row("POST", TRIGGER, Member, 200)
            .at("/api/settings/fasttrigger?guild=<guild>")
            .json(r#"{"ident":"horn"}"#),
    ]
}

fn favourites(all: &'static str, one: &'static str, paths: [&'static str; 3]) -> Vec<Row> {
    use Right::{Member, SignedIn};
    let [in_guild, sound, sound_in_guild] = paths;
    vec![
        row("GET", all, SignedIn, 200),
        row("GET", all, Member, 200).at(in_guild),
        row("POST", one, SignedIn, 201).at(sound),
        row("POST", one, Member, 201).at(sound_in_guild),
        row("DELETE", one, SignedIn, 200).at(sound),
        row("DELETE", one, Member, 200).at(sound_in_guild),
    ]
}

fn library() -> Vec<Row> {
    use Right::{Administrator, Author, Dj, Manager, Member, Nothing, SignedIn};
    const ALL: &str = "/api/sounds";
    const ONE: &str = "/api/sounds/<name>";
    const MEDIA: &str = "/media/sounds/<file>";
    const BIN: &str = "/api/guilds/<guild>/deleted-sounds";
    const RESTORE: &str = "/api/guilds/<guild>/deleted-sounds/<id>/restore";
    const OPERATORS: &str = "/api/sounds/horn";
    const OWN: &str = "/api/sounds/own?guild=<guild>";
    const TAG: &str = r#"{"tags":["x"]}"#;
    vec![
        row("GET", ALL, SignedIn, 200),
        row("GET", ALL, Member, 200).at("/api/sounds?guild=<guild>"),
        row("POST", ALL, Dj, 400)
            .at("/api/sounds?guild=<guild>")
            .form(),
        row("POST", "/api/sounds/bulk", Dj, 400)
            .at("/api/sounds/bulk?guild=<guild>")
            .form(),
        row("GET", "/api/guilds/<guild>/sounds/export", Manager, 200),
        row("GET", ONE, SignedIn, 200).at(OPERATORS),
        row("GET", ONE, Member, 200).at("/api/sounds/horn?guild=<guild>"),
        row("PATCH", ONE, Administrator, 200)
            .at(OPERATORS)
            .json(TAG),
        row("PATCH", ONE, Author, 200)
            .at(OWN)
            .json(TAG)
            .before(Before::OwnSound),
        row("PATCH", ONE, Manager, 200)
            .at("/api/sounds/late?guild=<guild>")
            .json(TAG)
            .before(Before::SoundOfTimedOut),
        row("DELETE", ONE, Nothing, 403).at(OPERATORS),
        row("DELETE", ONE, Author, 200)
            .at(OWN)
            .before(Before::OwnSound),
        row("GET", BIN, Member, 200),
        row("POST", RESTORE, Author, 200)
            .at("/api/guilds/<guild>/deleted-sounds/<made>/restore")
            .before(Before::DeletedSound),
        row("GET", MEDIA, SignedIn, 200).at("/media/sounds/horn.ogg"),
        row("GET", MEDIA, Member, 200).at("/media/sounds/horn.peaks?guild=<guild>"),
    ]
}

fn guild() -> Vec<Row> {
    use Right::{Dj, Manager, Member};
    vec![
        row("GET", "/api/guilds/<guild>", Member, 200),
        row("PATCH", "/api/guilds/<guild>", Manager, 200).json(r#"{"leave_after_s":60}"#),
        row("GET", "/api/logs/<guild>", Member, 200),
        row("GET", "/api/stats/<guild>", Member, 200),
        row("GET", "/api/guilds/<guild>/player", Member, 200),
        row("POST", "/api/guilds/<guild>/join", Dj, 200),
        // The file is no sound, which only they are told who may play.
        row("POST", "/api/guilds/<guild>/play", Dj, 409).json(r#"{"sound":"empty"}"#),
        row("POST", "/api/guilds/<guild>/skip", Dj, 200),
        row("POST", "/api/guilds/<guild>/stop", Dj, 200),
        row("PUT", "/api/guilds/<guild>/volume", Dj, 200).json(r#"{"volume":80}"#),
        row("POST", "/api/guilds/<guild>/leave", Dj, 200),
    ]
}

fn dashboard() -> Vec<Row> {
    use Right::{Manager, Member, Nothing, SignedIn};
    const ENDPOINT: &str = "/botapi/<endpoint..>";
    vec![
        row("GET", "/api/guilds/<guild>/channels", Member, 200),
        row("GET", "/api/guilds/<guild>/roles", Member, 200),
        row("GET", "/api/guilds/<guild>/members", Manager, 200),
        // Of somebody who is none; what is one's own is shown to all.
        row("GET", "/api/guilds/<guild>/members/<user>", Manager, 404)
            .at("/api/guilds/<guild>/members/7"),
        row(
            "POST",
            "/api/guilds/<guild>/channels/<channel>/messages",
            Manager,
            404,
        )
        .at("/api/guilds/<guild>/channels/7/messages")
        .json(r#"{"content":"x"}"#),
        row("GET", ENDPOINT, SignedIn, 200).at("/botapi/users/@me"),
        row("GET", ENDPOINT, Member, 200).at("/botapi/guilds/<guild>"),
        row("GET", ENDPOINT, Manager, 200).at("/botapi/guilds/<guild>/members"),
        row("GET", ENDPOINT, Nothing, 403).at("/botapi/guilds/<guild>/webhooks"),
    ]
}

fn commands() -> Vec<Row> {
    use Right::{Manager, Member};
    const ALL: &str = "/api/guilds/<guild>/commands";
    const ONE: &str = "/api/guilds/<guild>/commands/<id>";
    const NONE: &str = "/api/guilds/<guild>/commands/999999999";
    vec![
        row("GET", ALL, Member, 200),
        // It has the name of one of the bot's.
        row("POST", ALL, Manager, 409)
            .json(r#"{"command":"play","response":{"type":"text","content":"x"}}"#),
        row("GET", ONE, Member, 404).at(NONE),
        row("PATCH", ONE, Manager, 404)
            .at(NONE)
            .json(r#"{"command":"x"}"#),
        row("DELETE", ONE, Manager, 404).at(NONE),
    ]
}

fn administration() -> Vec<Row> {
    use Right::Administrator;
    const ROLE: &str = "/api/admin/roles/<role>";
    const USERS: &str = "/api/admin/roles/<role>/users";
    const USER: &str = "/api/admin/roles/<role>/users/<user>";
    const EDITORS: &str = "/api/admin/roles/editor/users/7";
    vec![
        row("GET", "/api/admin/logs", Administrator, 200),
        row("GET", "/api/admin/stats", Administrator, 200),
        row("GET", "/api/admin/soundstats", Administrator, 200),
        row("GET", "/api/admin/roles", Administrator, 200),
        row("PUT", ROLE, Administrator, 200)
            .at("/api/admin/roles/editor")
            .before(Before::Role),
        row("DELETE", ROLE, Administrator, 200)
            .at("/api/admin/roles/editor")
            .before(Before::Role),
        row("GET", USERS, Administrator, 200).at("/api/admin/roles/admin/users"),
        row("PUT", USER, Administrator, 201)
            .at(EDITORS)
            .before(Before::Role),
        row("DELETE", USER, Administrator, 200)
            .at(EDITORS)
            .before(Before::Role),
    ]
}

fn live() -> Vec<Row> {
    use Right::{Member, SignedIn};
    vec![
        row("GET", "/events", SignedIn, 200),
        row("GET", "/events", Member, 200).at("/events?guild=<guild>"),
    ]
}

fn sessions() -> Vec<Row> {
    use Right::{Administrator, Session};
    vec![
        // No bot has this token.
        row("POST", "/api/auth/login", Administrator, 401).json(r#"{"token":"x"}"#),
        row("POST", "/api/auth/logout", Session, 200),
        row("GET", "/api/members", Session, 200).at("/api/members?guildId=<guild>"),
        row("GET", "/api/channels", Session, 200).at("/api/channels?guildId=<guild>"),
        row("GET", "/api/messages", Session, 404).at("/api/messages?channelId=7"),
    ]
}
