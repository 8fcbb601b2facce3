//! Commands of the original protocol: read, carried out by the one `domain::player`, and what the
//! client is told when that fails.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::events::{LOCAL, write};
use crate::app::App;
use crate::domain::player::{Asker, Who};
use crate::domain::settings::Volume;
use crate::error::Error;
use crate::http::live::focus::focus;
use crate::http::player::{SOUND_MAX_BYTES, tag};
use crate::ids::UserId;

/// Loudest volume that the protocol knows, in percent; above 200 it is served as 200. Contract 4.
const VOLUME_MAX: f64 = 1000.0;

/// A message of the client's.
#[derive(Deserialize)]
pub(super) struct Message {
    pub(super) name: String,
    #[serde(default)]
    pub(super) data: Value,
}

/// What a client logs in with.
#[derive(Deserialize)]
pub(super) struct Init {
    #[serde(default)]
    pub(super) user_id: String,
    pub(super) token: String,
}

#[derive(Deserialize)]
struct Play {
    ident: String,
    #[serde(default)]
    source: u8,
}

/// Something to be done in the guild where the user is in voice.
pub(super) enum Command {
    Join,
    Leave,
    Play(String),
    Random,
    Stop,
    Volume(Volume),
    /// Not in the original protocol.
    Focus,
}

/// What the client is told of a command that fails. Its codes and types are the protocol's.
#[derive(Debug, Serialize)]
pub(super) struct Fault {
    code: u8,
    r#type: &'static str,
    message: String,
    data: Option<Wait>,
}

#[derive(Debug, Serialize)]
struct Wait {
    /// Milliseconds.
    reset_time: u64,
}

impl Fault {
    fn new(code: u8, r#type: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            r#type,
            message: message.into(),
            data: None,
        }
    }

    pub(super) fn arguments(message: &'static str) -> Self {
        Self::new(0, "bad command args", message)
    }

    pub(super) fn unauthorized(message: &'static str) -> Self {
        Self::new(1, "unauthorized", message)
    }

    pub(super) fn command(message: &'static str) -> Self {
        Self::new(4, "bad command", message)
    }

    pub(super) fn limit(reset_time: u64) -> Self {
        let message = "Rate limit exceed. Wait reset_time * milliseconds until sending another \
                       command.";
        Self {
            data: Some(Wait { reset_time }),
            ..Self::new(5, "rate limit exceed", message)
        }
    }

    /// Whether the client is to wait.
    pub(super) fn is_limit(&self) -> bool {
        self.data.is_some()
    }

    /// The fault as it is sent.
    pub(super) fn write(&self) -> String {
        write("ERROR", self)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match &error {
            Error::Invalid(message) => Self::arguments(message),
            Error::Unauthorized => Self::unauthorized("unauthorized"),
            Error::Forbidden(message) => Self::new(2, "forbidden", *message),
            Error::Limited(wait) => {
                Self::limit(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
            }
            other => {
                if let Some(cause) = std::error::Error::source(other) {
                    tracing::warn!(cause = cause.to_string(), "a command failed: {other}");
                }
                Self::new(3, "internal", format!("command failed: {other}"))
            }
        }
    }
}

impl Command {
    /// Reads a command.
    ///
    /// # Errors
    /// What the client is told.
    pub(super) fn read(message: Message) -> Result<Self, Fault> {
        match message.name.as_str() {
            "JOIN" => Ok(Self::Join),
            "LEAVE" => Ok(Self::Leave),
            "RANDOM" => Ok(Self::Random),
            "STOP" => Ok(Self::Stop),
            "FOCUS" => Ok(Self::Focus),
            "PLAY" => read_play(message.data),
            "VOLUME" => read_volume(&message.data),
            _ => Err(Fault::command("unknown command")),
        }
    }

    /// Carries the command out.
    ///
    /// # Errors
    /// As the player has them.
    pub(super) async fn run(self, app: Arc<App>, user: UserId) -> Result<(), Error> {
        let guild = app.guilds.gateway().voice_guild(user);
        let guild = guild.ok_or(Error::NOT_IN_VOICE)?;
        let asker = Asker {
            guild,
            user,
            who: Who::Member(None),
        };
        let player = &app.player;
        match self {
            Self::Focus => {
                focus(&app, user).await;
                Ok(())
            }
            Self::Join => player.join(&asker).await.map(drop),
            Self::Leave => player.leave(&asker).await.map(drop),
            Self::Stop => player.stop(&asker).await.map(drop),
            Self::Volume(volume) => player.set_volume(&asker, volume).await.map(drop),
            Self::Play(sound) => {
                let tag = tag(&app, user).await?;
                player.play(asker, tag, &sound).await.map(drop)
            }
            Self::Random => {
                let tag = tag(&app, user).await?;
                player.play_random(asker, tag, None).await.map(drop)
            }
        }
    }
}

fn read_play(data: Value) -> Result<Command, Fault> {
    const IDENT: &str = "ident must be a valid string value";
    let play: Play = serde_json::from_value(data).map_err(|_| Fault::arguments(IDENT))?;
    if play.ident.is_empty() || play.ident.len() > SOUND_MAX_BYTES {
        return Err(Fault::arguments(IDENT));
    }
    if play.source != LOCAL {
        return Err(Fault::arguments("source must be 0 (local)"));
    }
    Ok(Command::Play(play.ident))
}

fn read_volume(data: &Value) -> Result<Command, Fault> {
    const RANGE: &str = "invalid value: must be in range [0, 1000]";
    let percent = data
        .as_f64()
        .ok_or_else(|| Fault::arguments("invalid command data format"))?;
    if !(0.0..=VOLUME_MAX).contains(&percent) {
        return Err(Fault::arguments(RANGE));
    }
    let loudest = Volume::LOUDEST;
    let volume = num_traits::cast::<f64, u16>(percent).and_then(Volume::new);
    Ok(Command::Volume(volume.unwrap_or(loudest)))
}
