//! The server as a process beside a simulated Discord, with its bot connected. `listeners`,
//! `dashboard` and `sessions` measure it.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use discord_sim::Sim;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};

use crate::Failed;
use crate::load::Target;
use crate::product::{answers, free_address};

/// Long enough for a busy machine; nothing waits this long when all is well.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often something is looked at that cannot be waited for.
const GLANCE: Duration = Duration::from_millis(20);

/// Where the simulator writes its authority, and the server reads it.
pub fn authority(folder: &Path) -> PathBuf {
    folder.join("authority.pem")
}

/// How many sounds are prepared in a folder of them.
pub fn count_prepared(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_prepared = |name: &str| name.ends_with(".opus.ogg");
    entries
        .filter(|entry| entry.file_name().to_str().is_some_and(is_prepared))
        .count()
}

/// A running server. Dropping it ends the process.
#[derive(Debug)]
pub struct Installation {
    address: SocketAddr,
    child: Child,
    client: Client,
}

/// Somebody who is logged in.
#[derive(Debug, Clone)]
pub struct Person {
    /// The user's id.
    pub id: String,
    /// The API token.
    pub token: String,
}

impl Person {
    /// The value of the `Authorization` header.
    pub fn authorization(&self) -> String {
        let credential = format!("{}:{}", self.id, self.token);
        format!("Basic {}", STANDARD.encode(credential))
    }
}

impl Installation {
    /// Starts a program that is the server, with the bot that `sim` is a handle of, and waits until
    /// it is connected. Its data and `sounds` are in `folder`, as is the simulator's
    /// [`authority`]; `settings` are environment variables. Nobody is limited, and a load balancer
    /// on this machine is believed, so that people and bots come from addresses of their own.
    ///
    /// # Errors
    /// When it does not start; its log is then in the text.
    pub async fn start(
        sim: &Sim,
        folder: &Path,
        mut program: Command,
        settings: &[(&str, &str)],
    ) -> Result<Self, Failed> {
        let sounds = folder.join("sounds");
        fs::create_dir_all(&sounds)?;
        let address = free_address()?;
        sim.add_redirect_uri(&format!("http://{address}/token/authorize"));
        let application = sim.application();
        let log_path = folder.join("server.log");
        let log = File::create(&log_path)?;
        program
            .args(["serve", "--until-input-ends"])
            .env("YURI_DATA_DIR", folder.join("data"))
            .env("YURI_SOUNDS__DIR", sounds)
            .env("YURI_PUBLIC_URL", format!("http://{address}"))
            .env("YURI_LIMITS__BURST", "1000000")
            .env("YURI_LIMITS__REFILL_MS", "1")
            .env("YURI_HTTP__TRUSTED_PROXIES", "127.0.0.1")
            .env("YURI_LOG", "warn")
            .env("YURI_DISCORD__API_URL", sim.api_url())
            .env("YURI_DISCORD__CONNECT_TO", sim.https_addr().to_string())
            .env("YURI_DISCORD__BOT_TOKEN", &application.bot_token)
            .env("YURI_DISCORD__CLIENT_ID", application.id.to_string())
            .env("YURI_DISCORD__CLIENT_SECRET", &application.client_secret)
            .env("SSL_CERT_FILE", authority(folder))
            .env("ROCKET_ADDRESS", address.ip().to_string())
            .env("ROCKET_PORT", address.port().to_string())
            .envs(settings.iter().copied())
            // A Rocket.toml of the folder that this is called from does not count.
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log);
        let mut installation = Self {
            address,
            child: program.spawn()?,
            client: Client::builder().redirect(Policy::none()).build()?,
        };
        let began = Instant::now();
        while !installation.is_ready() {
            let ended = installation.child.try_wait()?;
            if ended.is_some() || began.elapsed() > PATIENCE {
                let log = fs::read_to_string(&log_path).unwrap_or_default();
                return Err(format!("the server does not start:\n{log}").into());
            }
            tokio::time::sleep(GLANCE).await;
        }
        Ok(installation)
    }

    /// Whether its bot is connected.
    pub fn is_ready(&self) -> bool {
        answers(self.address, "/ready")
    }

    /// Waits until its bot is not connected any more.
    ///
    /// # Errors
    /// When it is all the same.
    pub async fn wait_cut_off(&self) -> Result<(), Failed> {
        let began = Instant::now();
        while self.is_ready() {
            if began.elapsed() > PATIENCE {
                return Err("the bot is still connected".into());
            }
            tokio::time::sleep(GLANCE).await;
        }
        Ok(())
    }

    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What load is sent to.
    pub fn target(&self) -> Target<'_> {
        Target {
            name: "the server",
            address: self.address,
            pid: self.pid(),
        }
    }

    /// A person's API token, by the way that browsers go: there are limits for an address.
    ///
    /// # Errors
    /// When the person may not log in.
    pub async fn log_in(&self, name: &str, address: Ipv4Addr) -> Result<Person, Failed> {
        let forwarded = |request: RequestBuilder| {
            let request = request.header("X-Forwarded-For", address.to_string());
            request.send()
        };
        let url = format!("http://{}/token", self.address);
        let start = forwarded(self.client.get(url)).await?;
        let cookie = start.headers().get(SET_COOKIE).ok_or("no cookie")?;
        let cookie = cookie
            .to_str()?
            .split(';')
            .next()
            .unwrap_or_default()
            .to_owned();
        let authorize = format!("{}&login_hint={name}", location(&start)?);
        let approved = self.client.get(authorize).send().await?;
        let callback = self.client.get(location(&approved)?).header(COOKIE, cookie);
        let answer = forwarded(callback).await?;
        if answer.status() != StatusCode::OK {
            return Err(format!("{name} cannot log in: {}", answer.text().await?).into());
        }
        let told: serde_json::Value = answer.json().await?;
        let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
        Ok(Person {
            id: text("user_id"),
            token: text("token"),
        })
    }

    /// Asks the process to end, and waits until it has.
    ///
    /// # Errors
    /// When it does not.
    pub async fn stop(mut self) -> Result<(), Failed> {
        drop(self.child.stdin.take());
        let began = Instant::now();
        while self.child.try_wait()?.is_none() {
            if began.elapsed() > PATIENCE {
                return Err("the server does not end".into());
            }
            tokio::time::sleep(GLANCE).await;
        }
        Ok(())
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        // Ended already, or about to be: either way there is nothing to report.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn location(answer: &Response) -> Result<String, Failed> {
    let location = answer.headers().get(LOCATION);
    let location = location.ok_or_else(|| format!("no redirect: {}", answer.status()))?;
    Ok(location.to_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_present_their_id_and_token() {
        let person = Person {
            id: "1".to_owned(),
            token: "a".to_owned(),
        };
        assert_eq!(person.authorization(), "Basic MTph");
    }
}
