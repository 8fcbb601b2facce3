//! What a test can name: the traffic that limits and faults are about.
//!
//! Plain values, chosen through [`Sim`](crate::Sim) and `/sim/`, matched by the servers.

pub(crate) mod requests;
