//! Discord's error answers: a status, a message and a code of its own.
//!
//! Returned by every REST handler and by the checks in the state behind them.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// An error as Discord answers it.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: u32,
    message: &'static str,
    fields: Vec<FieldError>,
}

/// What is wrong with one field of a request.
#[derive(Debug)]
pub(crate) struct FieldError {
    /// Where it stands, such as `options.0.name`.
    pub(crate) path: String,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl FieldError {
    pub(crate) fn new(path: &str, code: &'static str, message: impl Into<String>) -> FieldError {
        FieldError {
            path: path.to_owned(),
            code,
            message: message.into(),
        }
    }
}

impl ApiError {
    pub(crate) const UNAUTHORIZED: ApiError = ApiError::plain(401, 0, "401: Unauthorized");
    pub(crate) const NOT_FOUND: ApiError = ApiError::plain(404, 0, "404: Not Found");
    pub(crate) const METHOD: ApiError = ApiError::plain(405, 0, "405: Method Not Allowed");
    pub(crate) const UNKNOWN_CHANNEL: ApiError = ApiError::plain(404, 10003, "Unknown Channel");
    pub(crate) const UNKNOWN_GUILD: ApiError = ApiError::plain(404, 10004, "Unknown Guild");
    pub(crate) const UNKNOWN_MEMBER: ApiError = ApiError::plain(404, 10007, "Unknown Member");
    pub(crate) const UNKNOWN_MESSAGE: ApiError = ApiError::plain(404, 10008, "Unknown Message");
    pub(crate) const UNKNOWN_OVERWRITE: ApiError =
        ApiError::plain(404, 10009, "Unknown Permission Overwrite");
    pub(crate) const UNKNOWN_ROLE: ApiError = ApiError::plain(404, 10011, "Unknown Role");
    pub(crate) const UNKNOWN_USER: ApiError = ApiError::plain(404, 10013, "Unknown User");
    pub(crate) const UNKNOWN_EMOJI: ApiError = ApiError::plain(400, 10014, "Unknown Emoji");
    pub(crate) const NO_EMOJI: ApiError = ApiError::plain(404, 10014, "Unknown Emoji");
    pub(crate) const UNKNOWN_WEBHOOK: ApiError = ApiError::plain(404, 10015, "Unknown Webhook");
    pub(crate) const UNKNOWN_BAN: ApiError = ApiError::plain(404, 10026, "Unknown Ban");
    pub(crate) const UNKNOWN_INTERACTION: ApiError =
        ApiError::plain(404, 10062, "Unknown interaction");
    pub(crate) const UNKNOWN_COMMAND: ApiError =
        ApiError::plain(404, 10063, "Unknown application command");
    pub(crate) const UNKNOWN_VOICE_STATE: ApiError =
        ApiError::plain(404, 10065, "Unknown Voice State");
    pub(crate) const UNKNOWN_SOUND: ApiError = ApiError::plain(404, 10097, "Unknown sound");
    pub(crate) const NOT_YOUR_APPLICATION: ApiError = ApiError::plain(
        403,
        20012,
        "You are not authorized to perform this action on this application",
    );
    pub(crate) const TOO_MANY_PINS: ApiError = ApiError::plain(
        400,
        30003,
        "Maximum number of pins reached for the channel (250)",
    );
    pub(crate) const TOO_MANY_ROLES: ApiError =
        ApiError::plain(400, 30005, "Maximum number of guild roles reached (250)");
    pub(crate) const TOO_MANY_EMOJIS: ApiError =
        ApiError::plain(400, 30008, "Maximum number of emojis reached (50)");
    pub(crate) const TOO_MANY_REACTIONS: ApiError =
        ApiError::plain(403, 30010, "Maximum number of reactions reached (20)");
    pub(crate) const TOO_MANY_CHANNELS: ApiError = ApiError::plain(
        400,
        30013,
        "Maximum number of server channels reached (500)",
    );
    pub(crate) const TOO_MANY_ATTACHMENTS: ApiError = ApiError::plain(
        400,
        30015,
        "Maximum number of attachments in a message reached (10)",
    );
    pub(crate) const TOO_MANY_ANIMATED_EMOJIS: ApiError =
        ApiError::plain(400, 30018, "Maximum number of animated emojis reached (50)");
    pub(crate) const TOO_MANY_COMMANDS: ApiError = ApiError::plain(
        400,
        30032,
        "Maximum number of application commands reached (100)",
    );
    pub(crate) const TOO_MANY_MENU_COMMANDS: ApiError = ApiError::plain(
        400,
        30032,
        "Maximum number of application commands reached (15)",
    );
    pub(crate) const TOO_MANY_SOUNDS: ApiError =
        ApiError::plain(400, 30045, "Maximum number of soundboard sounds reached");
    pub(crate) const TOO_LARGE: ApiError = ApiError::plain(413, 40005, "Request entity too large");
    pub(crate) const NOT_IN_VOICE: ApiError =
        ApiError::plain(400, 40032, "Target user is not connected to voice.");
    pub(crate) const ACKNOWLEDGED: ApiError =
        ApiError::plain(400, 40060, "Interaction has already been acknowledged.");
    pub(crate) const MISSING_ACCESS: ApiError = ApiError::plain(403, 50001, "Missing Access");
    pub(crate) const DIRECT_CHANNEL: ApiError =
        ApiError::plain(403, 50003, "Cannot execute action on a DM channel");
    pub(crate) const NOT_YOUR_MESSAGE: ApiError =
        ApiError::plain(403, 50005, "Cannot edit a message authored by another user");
    pub(crate) const EMPTY_MESSAGE: ApiError =
        ApiError::plain(400, 50006, "Cannot send an empty message");
    pub(crate) const CANNOT_MESSAGE: ApiError =
        ApiError::plain(403, 50007, "Cannot send messages to this user");
    pub(crate) const NON_TEXT_CHANNEL: ApiError =
        ApiError::plain(400, 50008, "Cannot send messages in a non-text channel");
    pub(crate) const MISSING_PERMISSIONS: ApiError =
        ApiError::plain(403, 50013, "Missing Permissions");
    pub(crate) const BULK_COUNT: ApiError = ApiError::plain(
        400,
        50016,
        "Provided too few or too many messages to delete. Must provide at least 2 and fewer than 100 messages to delete.",
    );
    pub(crate) const SYSTEM_MESSAGE: ApiError =
        ApiError::plain(403, 50021, "Cannot execute action on a system message");
    pub(crate) const WRONG_CHANNEL_TYPE: ApiError =
        ApiError::plain(400, 50024, "Cannot execute action on this channel type");
    pub(crate) const INVALID_WEBHOOK_TOKEN: ApiError =
        ApiError::plain(401, 50027, "Invalid Webhook Token");
    pub(crate) const INVALID_ROLE: ApiError = ApiError::plain(400, 50028, "Invalid Role");
    pub(crate) const INVALID_RECIPIENT: ApiError =
        ApiError::plain(400, 50033, "Invalid Recipient(s)");
    pub(crate) const BULK_TOO_OLD: ApiError = ApiError::plain(
        400,
        50034,
        "You can only bulk delete messages that are under 14 days old.",
    );
    pub(crate) const INVALID_STICKER: ApiError =
        ApiError::plain(400, 50081, "Invalid Sticker Sent");
    pub(crate) const INVALID_JSON: ApiError =
        ApiError::plain(400, 50109, "The request body contains invalid JSON.");
    pub(crate) const ASSET_TOO_LARGE: ApiError = ApiError::plain(
        400,
        50138,
        "Cannot resize asset below the maximum size: 262144",
    );
    pub(crate) const VOICE_EFFECT_REFUSED: ApiError = ApiError::plain(
        403,
        50167,
        "Cannot send voice effect when user is server muted, deafened, or suppressed",
    );
    pub(crate) const NO_MUTUAL_GUILDS: ApiError = ApiError::plain(
        403,
        50278,
        "Cannot send messages to this user due to having no mutual guilds",
    );
    pub(crate) const NOBODY_BANNED: ApiError = ApiError::plain(400, 500_000, "Failed to ban users");
    pub(crate) const CANNOT_REPLY: ApiError = ApiError::plain(
        400,
        160_002,
        "Cannot reply without permission to read message history",
    );

    const fn plain(status: u16, code: u32, message: &'static str) -> ApiError {
        let status = match StatusCode::from_u16(status) {
            Ok(status) => status,
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        ApiError {
            status,
            code,
            message,
            fields: Vec::new(),
        }
    }

    /// `Invalid Form Body` with what is wrong in each field.
    pub(crate) fn form(fields: Vec<FieldError>) -> ApiError {
        ApiError {
            fields,
            ..ApiError::plain(400, 50035, "Invalid Form Body")
        }
    }

    /// An id in the path that is none.
    pub(crate) fn not_snowflake(name: &str, value: &str) -> ApiError {
        let message = format!("Value \"{value}\" is not snowflake.");
        ApiError::form(vec![FieldError::new(name, "NUMBER_TYPE_COERCE", message)])
    }
}

impl ApiError {
    /// The answer's body.
    pub(crate) fn to_json(&self) -> Value {
        let mut body = json!({ "message": self.message, "code": self.code });
        for field in &self.fields {
            let mut place = &mut body["errors"];
            for key in field.path.split('.').filter(|key| !key.is_empty()) {
                place = &mut place[key];
            }
            let error = json!({ "code": field.code, "message": field.message });
            match place["_errors"].as_array_mut() {
                Some(errors) => errors.push(error),
                None => place["_errors"] = Value::Array(vec![error]),
            }
        }
        body
    }

    /// The first thing that is wrong, for people.
    pub(crate) fn explain(&self) -> String {
        match self.fields.first() {
            Some(field) => format!("{}: {}", field.path, field.message),
            None => self.message.to_owned(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(self.to_json())).into_response()
    }
}
