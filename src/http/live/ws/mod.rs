//! `GET /ws`: the websocket protocol that clients of the original server speak, message by message.
//! What happens is told to those who are in voice in that guild. Contract 4.

mod commands;
mod events;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rocket::{Shutdown, get};
use rocket_ws::Channel;
use tokio::task::JoinHandle;

use super::guard::{SocketCaller, Upgrade};
use super::socket::{Closing, Socket, config};
use crate::app::App;
use crate::domain::events::{Feed, News, Scope};
use crate::domain::tokens::Credential;
use crate::error::Error;
use crate::http::guards::{AppState, told_credential, verify};
use crate::ids::UserId;
use commands::{Command, Fault, Init, Message};
use events::{Hello, VoiceState, describe, write};

/// How long a connection may be open without a login.
const INIT_WITHIN: Duration = Duration::from_secs(5);
/// Commands that wait for the one before them: as many as may come at once.
const WAITING_MAX: usize = 10;
/// Commands that may be refused in a row before the connection is closed.
const REFUSED_MAX: u32 = 30;

/// Whoever has logged in.
struct Login {
    user: UserId,
    feed: Feed,
}

/// Commands and events of the original protocol. The login comes with the request, or in the first
/// message.
#[utoipa::path(
    get,
    path = "/ws",
    tag = "live",
    security((), ("basic" = []), ("token" = [], "userid" = [])),
    responses(
        (status = 101, description = "The connection speaks websocket from now on"),
        (status = 400, description = "No websocket is asked for"),
        (status = 403, description = "A page of another site")
    ),
)]
#[get("/ws")]
pub(in crate::http) fn open_socket(
    app: &AppState,
    caller: SocketCaller,
    upgrade: Upgrade,
    mut shutdown: Shutdown,
) -> Result<Channel<'static>, Error> {
    let app = Arc::clone(app.inner());
    let login = match caller.subscriber {
        None => None,
        Some(known) => Some(login(&app, known.user, known.credential)?),
    };
    let address = caller.address;
    let channel = upgrade.0.config(config()).channel(move |stream| {
        Box::pin(async move {
            let socket = Socket::new(stream, app.clock.clone());
            let mut session = Session {
                app,
                socket,
                address,
            };
            let why = tokio::select! {
                biased;
                () = &mut shutdown => Closing::Shutdown,
                why = session.run(login) => why,
            };
            session.socket.close(why).await;
            Ok(())
        })
    });
    Ok(channel)
}

fn login(app: &App, user: UserId, credential: Credential) -> Result<Login, Error> {
    let feed = app.feeds.open(user, credential, Scope::Voice, None)?;
    Ok(Login { user, feed })
}

struct Session {
    app: Arc<App>,
    socket: Socket,
    address: IpAddr,
}

impl Session {
    /// The conversation, until it has to end.
    async fn run(&mut self, login: Option<Login>) -> Closing {
        let login = match login {
            Some(login) => Ok(login),
            None => self.wait_for_login().await,
        };
        let talked = match login {
            Ok(login) => self.talk(login).await,
            Err(why) => Err(why),
        };
        match talked {
            Ok(()) => Closing::Gone,
            Err(why) => why,
        }
    }

    /// Waits for `INIT`.
    async fn wait_for_login(&mut self) -> Result<Login, Closing> {
        let until = self.app.clock.monotonic() + INIT_WITHIN;
        let clock = self.app.clock.clone();
        loop {
            let text = tokio::select! {
                biased;
                text = self.socket.next() => text?,
                () = clock.sleep_until(until) => {
                    let late = Fault::unauthorized("INIT must come within 5 seconds");
                    return self.refuse(&late).await;
                }
            };
            let Ok(message) = serde_json::from_str::<Message>(&text) else {
                self.tell(&Fault::arguments("failed parsing data")).await?;
                continue;
            };
            if message.name != "INIT" {
                return self.refuse(&Fault::unauthorized("unauthorized")).await;
            }
            let Ok(init) = serde_json::from_value::<Init>(message.data) else {
                self.tell(&Fault::arguments("failed parsing data")).await?;
                continue;
            };
            return match verify_init(&self.app, self.address, &init).await {
                Ok(login) => Ok(login),
                Err(error) => self.refuse(&error.into()).await,
            };
        }
    }

    /// Answers commands and tells events.
    async fn talk(&mut self, login: Login) -> Result<(), Closing> {
        let Login { user, mut feed } = login;
        let hello = hello(&self.app, user).await;
        self.socket.send(write("HELLO", hello)).await?;
        let mut waiting = VecDeque::new();
        let mut running: Option<JoinHandle<Result<(), Error>>> = None;
        let mut refused = 0;
        loop {
            let run = async {
                match &mut running {
                    Some(running) => running.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                done = run => {
                    running = waiting.pop_front().map(|next| self.start(user, next));
                    // A panic has been logged.
                    let done = done.map_err(Error::internal);
                    if let Err(error) | Ok(Err(error)) = done {
                        self.tell(&error.into()).await?;
                    }
                }
                news = feed.next() => match news {
                    Ok(News::Event(event)) => {
                        if let Some(text) = describe(&event.event) {
                            self.socket.send(text).await?;
                        }
                    }
                    // Nothing is replayed here, so nothing is missing.
                    Ok(News::Missed) => {}
                    Err(end) => return Err(end.into()),
                },
                text = self.socket.next() => {
                    match self.read(user, &text?) {
                        Ok(command) if waiting.len() >= WAITING_MAX => {
                            drop::<Command>(command);
                            self.tell(&Fault::limit(0)).await?;
                        }
                        Ok(command) if running.is_some() => waiting.push_back(command),
                        Ok(command) => running = Some(self.start(user, command)),
                        Err(fault) => {
                            refused = if fault.is_limit() { refused + 1 } else { 0 };
                            self.tell(&fault).await?;
                            if refused > REFUSED_MAX {
                                return Err(Closing::Flood);
                            }
                        }
                    }
                }
            }
        }
    }

    /// A command, if there is one in a message and the user may give one now.
    fn read(&self, user: UserId, text: &str) -> Result<Command, Fault> {
        let charged = self.app.limits.charge_socket(user);
        charged.map_err(|budget| Fault::limit(budget.reset_ms))?;
        let message: Message =
            serde_json::from_str(text).map_err(|_| Fault::arguments("failed parsing data"))?;
        if message.name == "INIT" {
            return Err(Fault::command("your connection is initialized already"));
        }
        Command::read(message)
    }

    /// In a task of its own: it goes on when the client has gone, like a request does.
    fn start(&self, user: UserId, command: Command) -> JoinHandle<Result<(), Error>> {
        tokio::spawn(command.run(Arc::clone(&self.app), user))
    }

    async fn tell(&mut self, fault: &Fault) -> Result<(), Closing> {
        self.socket.send(fault.write()).await
    }

    /// Tells the client why there is no conversation.
    async fn refuse(&mut self, fault: &Fault) -> Result<Login, Closing> {
        self.tell(fault).await?;
        Err(Closing::Unauthorized)
    }
}

async fn verify_init(app: &App, address: IpAddr, init: &Init) -> Result<Login, Error> {
    let credential = told_credential(app, &init.user_id, &init.token);
    let identity = verify(app, address, credential.as_ref(), true).await?;
    let credential = credential.ok_or(Error::Unauthorized)?;
    login(app, identity.user, credential)
}

async fn hello(app: &App, user: UserId) -> Hello {
    let guild = app.guilds.gateway().voice_guild(user);
    let player = match guild {
        None => None,
        Some(guild) => app.player.state(guild).await.ok(),
    };
    let channel = player.as_ref().and_then(|player| player.channel);
    Hello {
        admin: app.admins.is_admin(user),
        connected: channel.is_some(),
        vol: player.map_or(0, |player| player.volume.percent()),
        voice_state: guild.zip(channel).map(|(guild, channel)| VoiceState {
            guild_id: guild.to_string(),
            channel_id: channel.to_string(),
        }),
    }
}
