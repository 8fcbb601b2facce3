//! The settings of `[default.sessions]`: who may bring bots of their own. Read by
//! [`Config::load`](super::Config::load).

use super::source::Source;

/// Sessions of bots that others bring. Contract 8, seed 001.
#[derive(Debug, Clone, Copy)]
pub struct Sessions {
    /// Who may begin one.
    pub mode: SessionsMode,
    /// Most sessions at once.
    pub max: usize,
    /// Most of one bot at once.
    pub max_per_bot: usize,
    /// Most of one address at once; only where everybody may begin one.
    pub max_per_address: usize,
}

/// Who may begin a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionsMode {
    /// Nobody.
    Off,
    /// Administrators of this installation.
    Admins,
    /// Everybody who can reach the server.
    Open,
}

impl Sessions {
    pub(super) fn read(source: &mut Source) -> Self {
        const MAX: u64 = 10_000;
        Self {
            mode: source.parse("sessions.mode", SessionsMode::Admins, |text| match text {
                "off" => Ok(SessionsMode::Off),
                "admins" => Ok(SessionsMode::Admins),
                "open" => Ok(SessionsMode::Open),
                _ => Err("is not off, admins or open"),
            }),
            max: source.size("sessions.max", MAX),
            max_per_bot: source.size("sessions.max_per_bot", MAX),
            max_per_address: source.size("sessions.max_per_address", MAX),
        }
    }
}
