//! The simulator from outside: raw clients for its manners, real ones for its faithfulness.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod application;
mod bad_company;
mod bounds;
mod channels;
mod commands;
mod components;
mod conformance;
mod control;
mod control_people;
mod control_refusals;
mod control_voice;
mod dave;
mod dave_clients;
mod emojis;
mod expressions;
mod faults;
mod forms;
mod gateway;
mod gateway_events;
mod gateway_faults;
mod gateway_interruptions;
mod gateway_limits;
mod gateway_members;
mod gateway_messages;
mod gateway_presence;
mod gateway_replay;
mod gateway_transport;
mod heard;
mod http_faults;
mod https;
mod interactions;
mod limits;
mod listen;
mod members;
mod message_changes;
mod messages;
mod oauth;
mod oauth_bot;
mod page;
mod program;
mod rest;
mod roles;
mod soundboard;
mod support;
mod udp_faults;
mod voice;
mod voice_faults;
mod voice_gateway;
mod voice_servers;
mod voice_sessions;
