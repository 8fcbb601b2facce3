//! The load generator: connections that are kept alive and ask as fast as they are answered, on
//! one thread. Every answer's status is checked.

use std::cell::Cell;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

use crate::client::{Answer, Connection};
use crate::servers::Server;
use bench::Failed;
use bench::process::{self, Memory};

/// New tokens that one address introduces. A server admits few unknown callers from one address;
/// all of 127.0.0.0/8 is this machine, so each portion comes from an address of its own.
const INTRODUCED_PER_ADDRESS: usize = 40;

/// Requests to ask in turn, rendered, and the status that each must be answered with.
pub(crate) struct Requests {
    pub(crate) rendered: Vec<Vec<u8>>,
    pub(crate) status: u16,
}

/// One run against one server.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) requests_per_s: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    /// Processor time of the server for one request.
    pub(crate) processor: Duration,
    /// Memory of the server right after the run.
    pub(crate) memory: Memory,
    /// Share of its core that the load generator used: near 1 it was the limit, not the server.
    pub(crate) generator_share: f64,
}

/// The generator.
pub(crate) struct Load {
    runtime: Runtime,
    connections: usize,
    duration: Duration,
}

impl Load {
    pub(crate) fn new(connections: usize, duration: Duration) -> Result<Self, Failed> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        Ok(Self {
            runtime,
            connections,
            duration,
        })
    }

    /// Lets the server see every token once, so that a run measures verified callers.
    pub(crate) fn introduce(&self, server: &Server, requests: &Requests) -> Result<(), Failed> {
        self.runtime.block_on(async {
            for (portion, host) in requests.rendered.chunks(INTRODUCED_PER_ADDRESS).zip(1..) {
                let from = Ipv4Addr::new(127, 0, 1, host);
                let mut connection = Connection::open(server.address, from).await?;
                for request in portion {
                    let answer = connection.exchange(request).await?;
                    check(&answer, requests, request, connection.body(&answer))?;
                }
            }
            Ok(())
        })
    }

    /// The body that the server answers to one request.
    pub(crate) fn ask(&self, server: &Server, request: &[u8]) -> Result<(u16, Vec<u8>), Failed> {
        self.runtime.block_on(async {
            let mut connection = Connection::open(server.address, Ipv4Addr::LOCALHOST).await?;
            let answer = connection.exchange(request).await?;
            Ok((answer.status, connection.body(&answer).to_vec()))
        })
    }

    /// Loads the server for the set time.
    pub(crate) fn measure(
        &self,
        server: &Server,
        requests: &Rc<Requests>,
    ) -> Result<Measured, Failed> {
        let local = LocalSet::new();
        local.block_on(&self.runtime, self.drive(server, requests))
    }

    async fn drive(&self, server: &Server, requests: &Rc<Requests>) -> Result<Measured, Failed> {
        let mut open = Vec::with_capacity(self.connections);
        for _ in 0..self.connections {
            open.push(Connection::open(server.address, Ipv4Addr::LOCALHOST).await?);
        }
        let own = std::process::id();
        let (server_before, own_before) = (
            process::processor_time(server.pid()),
            process::processor_time(own),
        );
        let start = Instant::now();
        let next = Rc::new(Cell::new(0));
        let tasks: Vec<_> = open
            .into_iter()
            .map(|connection| {
                let (requests, next) = (Rc::clone(requests), Rc::clone(&next));
                tokio::task::spawn_local(ask_until(
                    connection,
                    requests,
                    next,
                    start + self.duration,
                ))
            })
            .collect();
        let mut latencies_us = Vec::new();
        for task in tasks {
            latencies_us.append(
                &mut task
                    .await?
                    .map_err(|error| format!("{}: {error}", server.name))?,
            );
        }
        let elapsed = start.elapsed();
        let server_used = process::processor_time(server.pid()).saturating_sub(server_before);
        let own_used = process::processor_time(own).saturating_sub(own_before);
        latencies_us.sort_unstable();
        let answered = u32::try_from(latencies_us.len())?.max(1);
        Ok(Measured {
            requests_per_s: f64::from(answered) / elapsed.as_secs_f64(),
            p50: percentile(&latencies_us, 50),
            p99: percentile(&latencies_us, 99),
            processor: server_used / answered,
            memory: process::memory(server.pid()),
            generator_share: own_used.as_secs_f64() / elapsed.as_secs_f64(),
        })
    }
}

/// One connection's part of a run: its latencies in microseconds.
async fn ask_until(
    mut connection: Connection,
    requests: Rc<Requests>,
    next: Rc<Cell<usize>>,
    end: Instant,
) -> Result<Vec<u32>, String> {
    let mut latencies_us = Vec::new();
    loop {
        let asked = Instant::now();
        if asked >= end {
            return Ok(latencies_us);
        }
        let number = next.get();
        next.set((number + 1) % requests.rendered.len());
        let request = &requests.rendered[number];
        let answer = connection
            .exchange(request)
            .await
            .map_err(|error| error.to_string())?;
        check(&answer, &requests, request, connection.body(&answer))?;
        latencies_us.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
}

fn check(answer: &Answer, requests: &Requests, request: &[u8], body: &[u8]) -> Result<(), String> {
    if answer.status == requests.status {
        return Ok(());
    }
    let line = request
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    Err(format!(
        "answered {} in place of {} to {}: {}",
        answer.status,
        requests.status,
        String::from_utf8_lossy(line),
        String::from_utf8_lossy(body)
    ))
}

fn percentile(sorted_us: &[u32], percent: usize) -> Duration {
    let place = sorted_us.len() * percent / 100;
    let micros = sorted_us
        .get(place)
        .or(sorted_us.last())
        .copied()
        .unwrap_or(0);
    Duration::from_micros(micros.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_places_in_the_sorted_list() {
        let list: Vec<u32> = (1..=100).collect();
        assert_eq!(percentile(&list, 50), Duration::from_micros(51));
        assert_eq!(percentile(&list, 99), Duration::from_micros(100));
        assert_eq!(percentile(&[], 99), Duration::ZERO);
    }
}
