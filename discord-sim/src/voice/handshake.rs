//! How a client gets in: identify and choose a protocol, or resume.

use rand::RngExt as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::connection::{Connection, Seat};
use super::dave;
use crate::protocol::rtp::Cipher;
use crate::protocol::{Code, voice_close as close};
use crate::state::dave::Dave;
use crate::state::tickets::Claim;
use crate::world::snowflake;

/// Opcode 0.
#[derive(Deserialize)]
pub(super) struct Identify {
    server_id: Value,
    user_id: Value,
    session_id: String,
    token: String,
    #[serde(default)]
    max_dave_protocol_version: Option<u16>,
}

/// Opcode 7.
#[derive(Deserialize)]
pub(super) struct Resume {
    server_id: Value,
    session_id: String,
    token: String,
    #[serde(default)]
    seq_ack: Option<i32>,
}

/// Opcode 1.
#[derive(Deserialize)]
pub(super) struct SelectProtocol {
    protocol: String,
    data: ProtocolData,
}

#[derive(Deserialize)]
struct ProtocolData {
    mode: String,
}

impl Connection {
    pub(super) async fn identify(&mut self, identify: Identify) -> Result<(), Code> {
        let outlet = self.outlet.take().ok_or(close::ALREADY_AUTHENTICATED)?;
        let user = snowflake::read(&identify.user_id).ok_or(close::DECODE_ERROR)?;
        let claim = Claim {
            guild: snowflake::read(&identify.server_id).ok_or(close::DECODE_ERROR)?,
            session_id: &identify.session_id,
            token: &identify.token,
            port: self.port,
        };
        let speaks_dave = identify.max_dave_protocol_version.unwrap_or(0) > 0;
        let (admission, written) = self
            .shared
            .change(|state| state.claim_voice(&claim, user, outlet))?;
        if !speaks_dave && self.shared.voice.dave == Dave::Required {
            return Err(close::DAVE_REQUIRED);
        }
        let link = self.shared.hub.link(admission.guild, admission.user);
        let modes = self.shared.voice.modes.iter().map(|mode| mode.name());
        let ready = json!({
            "ssrc": link.ssrc,
            "ip": "127.0.0.1",
            "port": self.shared.ports.udp,
            "modes": modes.collect::<Vec<_>>(),
            "experiments": [],
            "streams": [],
        });
        self.seat = Some(Seat {
            admission,
            link,
            written,
            speaks_dave,
            group: None,
        });
        self.send(2, &ready).await;
        Ok(())
    }

    pub(super) async fn resume(&mut self, resume: Resume) -> Result<(), Code> {
        let outlet = self.outlet.take().ok_or(close::ALREADY_AUTHENTICATED)?;
        let claim = Claim {
            guild: snowflake::read(&resume.server_id).ok_or(close::DECODE_ERROR)?,
            session_id: &resume.session_id,
            token: &resume.token,
            port: self.port,
        };
        let received = match resume.seq_ack {
            _ if !self.version.is_numbered() => None,
            None | Some(-1) => Some(0),
            Some(number) => Some(u16::try_from(number).map_err(|_| close::DECODE_ERROR)?),
        };
        let (admission, session, reports, written) = self.shared.change(|state| {
            let (admission, session, written) = state.tickets.resume(&claim, received, outlet)?;
            let reports = state.find_dave(session.channel);
            Ok::<_, Code>((admission, session, reports, written))
        })?;
        let group = reports.map(|reports| (session.number, reports));
        self.seat = Some(Seat {
            admission,
            link: session.link,
            written,
            speaks_dave: session.dave.is_some(),
            group: group.filter(|_| session.dave.is_some()),
        });
        // What was missed waits in the inlet.
        self.send(9, &Value::Null).await;
        Ok(())
    }

    pub(super) fn select_protocol(&mut self, select: SelectProtocol) -> Result<(), Code> {
        let Some(seat) = &mut self.seat else {
            return Err(close::NOT_AUTHENTICATED);
        };
        if select.protocol != "udp" {
            return Err(close::UNKNOWN_PROTOCOL);
        }
        let mut modes = self.shared.voice.modes.iter();
        let mode = *modes
            .find(|mode| mode.name() == select.data.mode)
            .ok_or(close::UNKNOWN_MODE)?;
        let mut key = [0_u8; 32];
        rand::rng().fill(&mut key);
        seat.link.set_cipher(Cipher::new(mode, &key));
        let (admission, link) = (seat.admission, seat.link.clone());
        let speaks_dave = seat.speaks_dave;
        let begun = self
            .shared
            .change(|state| state.begin_voice(admission, link, speaks_dave, (mode.name(), &key)));
        // Without a session the inlet is closed already, and the connection about to end.
        if let Some(begun) = begun {
            seat.group = begun.reports.map(|reports| (begun.session, reports));
            if let Some(inbox) = begun.inbox {
                let (shared, stop) = (self.shared.clone(), self.stop.clone());
                let task = dave::run(shared, admission.guild, begun.channel, inbox, stop);
                tokio::spawn(task);
            }
        }
        Ok(())
    }
}
