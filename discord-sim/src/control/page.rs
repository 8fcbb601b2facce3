//! The page at `/`: guilds, members, who is in voice, what the bot sends, recent events.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::wait;
use crate::heard::{Audio, Frame, Heard};
use crate::page::{escape, render};
use crate::state::{self, Shared};
use crate::world::snowflake::iso;
use crate::world::{ChannelKind, Guild};

/// How often the page loads itself again, in seconds.
const REFRESH: &str = "<meta http-equiv=\"refresh\" content=\"2\">";
/// One second of sound.
const LATELY: usize = 50;
const EVENTS_SHOWN: usize = 25;

/// What one guild's bot sends at this moment.
struct Sending {
    heard: Heard,
    frames: Vec<Frame>,
}

/// `GET /`
pub(super) async fn show(axum_state: State<Arc<Shared>>) -> Response {
    let State(shared) = axum_state;
    let bot = shared.read(|state| wait::bot(state, None)).unwrap_or(0);
    let (heading, guilds, events) = shared.read(|state| {
        let guilds = state
            .guilds
            .iter()
            .map(|guild| (guild.id, guild_html(state, guild)));
        (
            heading(&shared, state),
            guilds.collect::<Vec<_>>(),
            events(state),
        )
    });
    let sending = guilds
        .iter()
        .map(|(guild, _)| sending(&shared, *guild, bot))
        .collect::<Vec<_>>();
    // Decoding a second of sound for each guild is work for a thread of its own.
    let sent =
        tokio::task::spawn_blocking(move || sending.iter().map(sending_html).collect::<Vec<_>>());
    let sent = sent.await.unwrap_or_default();
    let mut body = format!("<main>\n{heading}<div class=\"grid\">\n");
    for ((_, guild), sent) in guilds.iter().zip(&sent) {
        let _ = writeln!(body, "<section class=\"card\">{guild}{sent}</section>");
    }
    let _ = write!(body, "</div>\n{events}</main>");
    render(StatusCode::OK, "Simulated Discord", REFRESH, &body)
}

fn heading(shared: &Shared, state: &state::State) -> String {
    let mut html = String::from("<h1>Simulated Discord</h1>\n<p class=\"faint\">");
    for bot in &state.applications {
        let presence = if state.sessions.is_ready(bot.id) {
            "logged in"
        } else {
            "not logged in"
        };
        let _ = write!(html, "{} is {presence}. ", escape(&bot.name));
    }
    let port = shared.ports.http;
    let _ = writeln!(
        html,
        "In place of <code>https://discord.com</code> use <code>http://127.0.0.1:{port}</code>; \
         the same as JSON is under <code>/sim/</code>.</p>"
    );
    html
}

fn guild_html(state: &state::State, guild: &Guild) -> String {
    let mut html = format!("<h2>{}</h2>\n<ul class=\"plain\">", escape(&guild.name));
    for member in guild.members.values() {
        let Some(user) = state.users.get(&member.user) else {
            continue;
        };
        let owner = if guild.owner == user.id {
            ", owner"
        } else {
            ""
        };
        let bot = if user.bot { ", bot" } else { "" };
        let name = escape(user.display_name());
        let username = escape(&user.username);
        let _ = write!(
            html,
            "<li>{name} <span class=\"faint\">@{username}{owner}{bot}</span></li>"
        );
    }
    html.push_str("</ul>\n<table>");
    for channel in guild
        .channels
        .iter()
        .filter(|channel| channel.kind == ChannelKind::Voice)
    {
        let inside = guild
            .voice
            .iter()
            .filter(|(_, voice)| voice.channel == channel.id);
        let names = inside
            .map(|(user, _)| escape(&state.name_of(*user)))
            .collect::<Vec<_>>();
        let names = if names.is_empty() {
            "nobody".to_owned()
        } else {
            names.join(", ")
        };
        let _ = write!(
            html,
            "<tr><th>{}</th><td>{names}</td></tr>",
            escape(&channel.name)
        );
    }
    html.push_str("</table>");
    html
}

fn sending(shared: &Shared, guild: u64, bot: u64) -> Sending {
    let now = Instant::now();
    shared.hub.read(guild, bot, |recording| {
        let (frames, last) = recording.tail(LATELY);
        let fresh = last.is_some_and(|last| now.duration_since(last) < Duration::from_secs(1));
        let frames = if fresh { frames } else { Vec::new() };
        Sending {
            heard: recording.heard(now),
            frames,
        }
    })
}

fn sending_html(sending: &Sending) -> String {
    let heard = &sending.heard;
    if heard.packets == 0 {
        return "<p class=\"faint small\">The bot has sent nothing here.</p>".to_owned();
    }
    let now = if sending.frames.is_empty() {
        "silent".to_owned()
    } else {
        let audio = Audio::decode([sending.frames.as_slice()]);
        let frequency = audio.frequency_hz();
        let frequency = frequency.map_or_else(String::new, |hz| format!("{hz:.0} Hz, "));
        format!("{frequency}{:.1} dBFS", audio.level_dbfs())
    };
    let sounds = heard.utterances.len();
    let seconds = heard.duration().as_secs_f64();
    let breaks = heard.sequence_breaks + heard.timestamp_breaks;
    format!(
        "<table><tr><th>Now</th><td>{now}</td></tr>\
         <tr><th>Heard</th><td>{sounds} sounds, {seconds:.1} s</td></tr>\
         <tr><th>Packets</th><td>{}, {breaks} breaks, {} not decrypted</td></tr></table>",
        heard.packets, heard.decrypt_failures
    )
}

fn events(state: &state::State) -> String {
    let mut html = String::from("<section class=\"card\"><h2>Events</h2><table>");
    for event in state.log.after(0).iter().rev().take(EVENTS_SHOWN) {
        let line = &event.event;
        let time = iso(event.at_ms);
        let time = time.get(11..19).unwrap_or_default();
        let _ = write!(html, "<tr><th>{time}</th><td>{}</td></tr>", escape(line));
    }
    html.push_str("</table></section>");
    html
}
