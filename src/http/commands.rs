//! The commands that a guild has made for itself, over REST. Contract 7. Each has a version, which
//! is the entity tag of its answers: `If-Match` keeps one of two managers from undoing what the
//! other has just done.

use rocket::http::{RawStr, Status};
use rocket::request::{FromRequest, Outcome};
use rocket::response::{self, Responder};
use rocket::{Request, delete, get, patch, post};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::Object;

use super::answer::{Done, Json, List, Page, respond};
use super::fields::{Fields, must_be, put};
use super::guards::{AppState, Body, Caller};
use super::openapi::{GuildPath, Number, NumberPath, one_of};
use super::query::number;
use crate::app::App;
use crate::domain::commands::{Change, Command, Expected, Registration, Response};
use crate::error::Error;
use crate::ids::{GuildId, NotASnowflake};

/// A command on the wire.
#[derive(Serialize, ToSchema)]
pub(super) struct CommandAnswer {
    #[schema(value_type = Number)]
    id: String,
    #[schema(value_type = GuildId)]
    guild_id: String,
    #[schema(example = "rules")]
    command: String,
    #[schema(value_type = ResponseForm)]
    response: Response,
}

/// A new command.
#[derive(ToSchema)]
#[expect(dead_code, reason = "says to the document what `read` takes")]
struct NewCommand {
    /// Lower case letters, digits, `-` and `_`; none of the bot's own.
    #[schema(min_length = 1, max_length = 32, example = "rules")]
    command: String,
    response: ResponseForm,
}

/// What may be changed: what is not named stays as it is.
#[derive(ToSchema)]
#[expect(dead_code, reason = "says to the document what `read` takes")]
struct CommandChange {
    /// Lower case letters, digits, `-` and `_`; none of the bot's own.
    #[schema(required = false, min_length = 1, max_length = 32, example = "rules")]
    command: String,
    /// All of it.
    #[schema(required = false)]
    response: ResponseForm,
}

/// What a command answers. Texts may hold `{user}`, `{guild}`, `{channel}` and `{sound_count}`.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "says to the document what `Response` is")]
enum ResponseForm {
    Text(TextResponse),
    Embed(EmbedResponse),
    Sound(SoundResponse),
}

#[derive(Serialize, ToSchema)]
struct TextResponse {
    #[schema(schema_with = text_type)]
    r#type: String,
    #[schema(min_length = 1, max_length = 2000, example = "Be nice, {user}.")]
    content: String,
}

/// One text at least, and 6000 characters in all.
#[derive(Serialize, ToSchema)]
struct EmbedResponse {
    #[schema(schema_with = embed_type)]
    r#type: String,
    #[schema(required = false, min_length = 1, max_length = 256, example = "Rules")]
    title: Option<String>,
    #[schema(required = false, min_length = 1, max_length = 4096)]
    description: Option<String>,
    #[schema(required = false, max_length = 2048, pattern = "^https://")]
    url: Option<String>,
    /// Red, green and blue, a byte each.
    #[schema(required = false, maximum = 16_777_215)]
    color: Option<u32>,
    #[schema(required = false, max_items = 25)]
    fields: Vec<EmbedField>,
}

#[derive(Serialize, ToSchema)]
struct EmbedField {
    #[schema(min_length = 1, max_length = 256)]
    name: String,
    #[schema(min_length = 1, max_length = 1024)]
    value: String,
    /// Whether there may be another one beside it.
    #[schema(required = false)]
    inline: bool,
}

#[derive(Serialize, ToSchema)]
struct SoundResponse {
    #[schema(schema_with = sound_type)]
    r#type: String,
    #[schema(min_length = 1, max_length = 255, example = "danke")]
    sound: String,
}

fn text_type() -> Object {
    one_of(["text"])
}

fn embed_type() -> Object {
    one_of(["embed"])
}

fn sound_type() -> Object {
    one_of(["sound"])
}

impl From<&Command> for CommandAnswer {
    fn from(command: &Command) -> Self {
        Self {
            id: command.id.to_string(),
            guild_id: command.guild.to_string(),
            command: command.name.clone(),
            response: command.response.clone(),
        }
    }
}

/// A command with its version.
pub(super) struct Versioned {
    status: Status,
    command: CommandAnswer,
    version: i64,
    /// The sound that cannot be asked for by its name alone because the command has it.
    hidden_sound: Option<String>,
}

impl Versioned {
    fn new(status: Status, app: &App, command: &Command) -> Self {
        let hidden = app.commands.find_hidden_sound(command);
        Self {
            status,
            command: command.into(),
            version: command.version,
            hidden_sound: hidden.map(|sound| sound.stem.clone()),
        }
    }
}

impl<'r> Responder<'r, 'static> for Versioned {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        let mut answer = respond(self.status, &self.command)?;
        answer.set_raw_header("ETag", format!("\"{}\"", self.version));
        if let Some(sound) = self.hidden_sound {
            let sound = RawStr::new(&sound).percent_encode().to_string();
            answer.set_raw_header("X-Hidden-Sound", sound);
        }
        Ok(answer)
    }
}

/// A guild's commands, and what has become of them in Discord.
pub(super) struct Listed {
    page: Page<CommandAnswer>,
    registration: Registration,
}

impl<'r> Responder<'r, 'static> for Listed {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut answer = self.page.respond_to(request)?;
        answer.set_raw_header("X-Slash-Commands", self.registration.name());
        Ok(answer)
    }
}

/// `If-Match`: the versions that a change relies on; nothing where there is no such header.
pub(super) struct IfMatch(Expected);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for IfMatch {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let values: Vec<&str> = request.headers().get("If-Match").collect();
        Outcome::Success(Self(expected(&values)))
    }
}

fn expected(values: &[&str]) -> Expected {
    let tags: Vec<&str> = values
        .iter()
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    if tags.is_empty() || tags.contains(&"*") {
        return Expected::Any;
    }
    // A weak tag, or another server's, is none of ours: nothing matches it.
    let version = |tag: &&str| {
        let text = tag.strip_prefix('"')?.strip_suffix('"')?;
        let version: i64 = text.parse().ok()?;
        (version.to_string() == text).then_some(version)
    };
    Expected::Versions(tags.iter().filter_map(version).collect())
}

/// What is called by name in a guild, for its members.
#[utoipa::path(
    get,
    path = "/api/guilds/{guild}/commands",
    tag = "guilds",
    params(GuildPath),
    responses((
        status = 200,
        description = "The guild's own commands, by name",
        body = List<CommandAnswer>,
        headers((
            "X-Slash-Commands" = String,
            description = "Whether Discord offers them: registered, pending, failed or off"
        ))
    )),
)]
#[get("/api/guilds/<guild>/commands")]
pub(super) async fn list_commands(
    app: &AppState,
    caller: Caller,
    guild: Result<GuildId, NotASnowflake>,
) -> Result<Listed, Error> {
    let guild = guild?;
    app.guilds.check_member(guild, caller.user()).await?;
    let commands = app.commands.list(guild).await?;
    let page = Page {
        total: commands.len().to_string(),
        results: commands.iter().map(CommandAnswer::from).collect(),
    };
    Ok(Listed {
        page,
        registration: app.commands.registration(guild),
    })
}

/// One command with its version, for members.
#[utoipa::path(
    get,
    path = "/api/guilds/{guild}/commands/{id}",
    tag = "guilds",
    params(GuildPath, NumberPath),
    responses(
        (
            status = 200,
            description = "The command",
            body = CommandAnswer,
            headers(
                ("ETag" = String, description = "Its version, for `If-Match`"),
                (
                    "X-Hidden-Sound" = String,
                    description = "Where its name is that of a sound, which cannot be asked for \
                        by its name alone then: that sound, percent-encoded"
                )
            )
        ),
        (status = 404, description = "There is no such command")
    ),
)]
#[get("/api/guilds/<guild>/commands/<id>")]
pub(super) async fn get_command(
    app: &AppState,
    caller: Caller,
    guild: Result<GuildId, NotASnowflake>,
    id: &str,
) -> Result<Versioned, Error> {
    let (guild, id) = (guild?, read_id(id)?);
    app.guilds.check_member(guild, caller.user()).await?;
    let command = app.commands.get(guild, id).await?;
    Ok(Versioned::new(Status::Ok, app, &command))
}

/// Makes a command, for those who manage the guild.
#[utoipa::path(
    post,
    path = "/api/guilds/{guild}/commands",
    tag = "guilds",
    params(GuildPath),
    request_body = NewCommand,
    responses(
        (
            status = 201,
            description = "The command",
            body = CommandAnswer,
            headers(
                ("ETag" = String, description = "Its version, for `If-Match`"),
                (
                    "X-Hidden-Sound" = String,
                    description = "Where its name is that of a sound, which cannot be asked for \
                        by its name alone then: that sound, percent-encoded"
                )
            )
        ),
        (status = 403, description = "Not a member, or one who does not manage the guild"),
        (status = 404, description = "No sound has the name of the response"),
        (status = 409, description = "The name is taken, or the guild has 50 commands"),
        (status = 413, description = "The body has more than 64 KiB, the response more than 16")
    ),
)]
#[post("/api/guilds/<guild>/commands", data = "<body>")]
pub(super) async fn create_command(
    app: &AppState,
    caller: Caller,
    guild: Result<GuildId, NotASnowflake>,
    body: Body<Fields>,
) -> Result<Versioned, Error> {
    let guild = guild?;
    let Change {
        name: Some(name),
        response: Some(response),
    } = read(body.0)?
    else {
        return Err(Error::Invalid("a command has command and response"));
    };
    app.guilds.check_manager(guild, caller.user()).await?;
    let command = app.commands.create(guild, &name, response).await?;
    Ok(Versioned::new(Status::Created, app, &command))
}

/// Changes a command, for those who manage the guild: all that is in the body, or nothing.
#[utoipa::path(
    patch,
    path = "/api/guilds/{guild}/commands/{id}",
    tag = "guilds",
    params(
        GuildPath,
        NumberPath,
        (
            "If-Match" = Option<String>,
            Header,
            description = "The tags of the versions that may be changed; `*`, or none: any."
        )
    ),
    request_body = CommandChange,
    responses(
        (
            status = 200,
            description = "The command as it is now",
            body = CommandAnswer,
            headers(
                ("ETag" = String, description = "Its version, for `If-Match`"),
                (
                    "X-Hidden-Sound" = String,
                    description = "Where its name is that of a sound, which cannot be asked for \
                        by its name alone then: that sound, percent-encoded"
                )
            )
        ),
        (status = 403, description = "Not a member, or one who does not manage the guild"),
        (status = 404, description = "There is no such command, or no such sound"),
        (status = 409, description = "The name is taken"),
        (status = 412, description = "It is of another version than `If-Match` names"),
        (status = 413, description = "The body has more than 64 KiB, the response more than 16")
    ),
)]
#[patch("/api/guilds/<guild>/commands/<id>", data = "<body>")]
pub(super) async fn change_command(
    app: &AppState,
    caller: Caller,
    guild: Result<GuildId, NotASnowflake>,
    id: &str,
    if_match: IfMatch,
    body: Body<Fields>,
) -> Result<Versioned, Error> {
    let (guild, id) = (guild?, read_id(id)?);
    let change = read(body.0)?;
    app.guilds.check_manager(guild, caller.user()).await?;
    let changed = app.commands.change(guild, id, change, if_match.0);
    Ok(Versioned::new(Status::Ok, app, &changed.await?))
}

/// Deletes a command, for those who manage the guild.
#[utoipa::path(
    delete,
    path = "/api/guilds/{guild}/commands/{id}",
    tag = "guilds",
    params(
        GuildPath,
        NumberPath,
        (
            "If-Match" = Option<String>,
            Header,
            description = "The tags of the versions that may be changed; `*`, or none: any."
        )
    ),
    responses(
        (status = 200, description = "It is gone", body = Done),
        (status = 403, description = "Not a member, or one who does not manage the guild"),
        (status = 404, description = "There is no such command"),
        (status = 412, description = "It is of another version than `If-Match` names")
    ),
)]
#[delete("/api/guilds/<guild>/commands/<id>")]
pub(super) async fn delete_command(
    app: &AppState,
    caller: Caller,
    guild: Result<GuildId, NotASnowflake>,
    id: &str,
    if_match: IfMatch,
) -> Result<Json<Done>, Error> {
    let (guild, id) = (guild?, read_id(id)?);
    app.guilds.check_manager(guild, caller.user()).await?;
    app.commands.delete(guild, id, if_match.0).await?;
    Ok(Json(Done {}))
}

fn read_id(text: &str) -> Result<i64, Error> {
    number(text).map(i64::from).ok_or(Error::BAD_REQUEST)
}

/// Reads the fields, each at most once. What a name may be is the domain's.
fn read(fields: Fields) -> Result<Change, Error> {
    let mut change = Change::default();
    for (name, value) in fields.0 {
        match name.as_str() {
            "command" => {
                let text = value.as_str().map(str::to_owned);
                put(&mut change.name, text).ok_or(must_be!("command", "a text"))
            }
            "response" => put(&mut change.response, Some(Response::read(value)?))
                .ok_or(must_be!("response", "an object")),
            _ => Err(Error::Invalid(
                "a field is unknown: there are command and response",
            )),
        }?;
    }
    Ok(change)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_tags_match() {
        let versions = |versions: &[i64]| Expected::Versions(versions.to_vec());
        assert_eq!(expected(&[]), Expected::Any);
        assert_eq!(expected(&["*"]), Expected::Any);
        assert_eq!(expected(&["\"3\""]), versions(&[3]));
        assert_eq!(
            expected(&["\"3\" , \"12\"", "\"4\""]),
            versions(&[3, 12, 4])
        );
        for other in [
            "", "3", "\"\"", "\"+3\"", "\"03\"", "W/\"3\"", "\"3", "\"x\"",
        ] {
            assert_eq!(expected(&[other]), versions(&[]), "{other}");
        }
    }
}
