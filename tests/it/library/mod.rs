//! Sounds that belong to a guild: how they come in, change and go, and what is said of them.

mod uploads;
