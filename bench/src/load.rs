//! The load generator: connections that are kept alive and ask as fast as they are answered, on
//! one thread. Every answer's status is checked. `bench`, `dashboard` and `sessions` ask with it.

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

use crate::Failed;
use crate::client::{Answer, Connection};
use crate::figures::Spread;
use crate::process::{self, Memory};

/// New tokens that one address introduces. A server admits few unknown callers from one address;
/// all of 127.0.0.0/8 is this machine, so each portion comes from an address of its own.
const INTRODUCED_PER_ADDRESS: usize = 40;

/// Above this share of its core the load generator may have been the limit.
pub const GENERATOR_SHARE_MAX: f64 = 0.9;

/// A server that is loaded.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// What it is called when something goes wrong.
    pub name: &'a str,
    /// Where it answers.
    pub address: SocketAddr,
    /// Its process.
    pub pid: u32,
}

/// Requests to ask in turn.
#[derive(Debug)]
pub struct Requests {
    /// They, as they are sent.
    pub rendered: Vec<Vec<u8>>,
    /// What each must be answered with.
    pub status: u16,
}

impl Requests {
    /// A `GET` of each of these paths, with the value of its `Authorization` header.
    pub fn get(status: u16, asked: impl IntoIterator<Item = (String, String)>) -> Rc<Self> {
        let rendered = asked.into_iter().map(|(path, authorization)| {
            format!(
                "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {authorization}\r\n\r\n"
            )
            .into_bytes()
        });
        Rc::new(Self {
            rendered: rendered.collect(),
            status,
        })
    }
}

/// One run against one server.
#[derive(Debug, Clone)]
pub struct Measured {
    /// All connections together.
    pub requests_per_s: f64,
    /// The median of the times from a request to its whole answer.
    pub p50: Duration,
    /// What 99 of 100 do not exceed.
    pub p99: Duration,
    /// Processor time of the server for one request.
    pub processor: Duration,
    /// Memory of the server right after the run.
    pub memory: Memory,
    /// Share of its core that this process used: near 1 it was the limit, not the server.
    pub generator_share: f64,
}

/// The generator.
#[derive(Debug)]
pub struct Load {
    runtime: Runtime,
    connections: usize,
    duration: Duration,
}

impl Load {
    /// One that keeps so many connections busy for so long in each run.
    ///
    /// # Errors
    /// When the system gives nothing to wait with.
    pub fn new(connections: usize, duration: Duration) -> Result<Self, Failed> {
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
    ///
    /// # Errors
    /// When one is answered with another status.
    pub fn introduce(&self, server: Target<'_>, requests: &Requests) -> Result<(), Failed> {
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

    /// The status and body that the server answers to one request.
    ///
    /// # Errors
    /// When it does not answer, or not in HTTP.
    pub fn ask(&self, server: Target<'_>, request: &[u8]) -> Result<(u16, Vec<u8>), Failed> {
        self.runtime.block_on(async {
            let mut connection = Connection::open(server.address, Ipv4Addr::LOCALHOST).await?;
            let answer = connection.exchange(request).await?;
            Ok((answer.status, connection.body(&answer).to_vec()))
        })
    }

    /// Loads the server for the set time.
    ///
    /// # Errors
    /// When a request is answered with another status, or not at all.
    pub fn measure(&self, server: Target<'_>, requests: &Rc<Requests>) -> Result<Measured, Failed> {
        let local = LocalSet::new();
        local.block_on(&self.runtime, self.drive(server, requests))
    }

    async fn drive(&self, server: Target<'_>, requests: &Rc<Requests>) -> Result<Measured, Failed> {
        let mut open = Vec::with_capacity(self.connections);
        for _ in 0..self.connections {
            open.push(Connection::open(server.address, Ipv4Addr::LOCALHOST).await?);
        }
        let own = std::process::id();
        let (server_before, own_before) = (
            process::processor_time(server.pid),
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
        let server_used = process::processor_time(server.pid).saturating_sub(server_before);
        let own_used = process::processor_time(own).saturating_sub(own_before);
        latencies_us.sort_unstable();
        let answered = u32::try_from(latencies_us.len())?.max(1);
        Ok(Measured {
            requests_per_s: f64::from(answered) / elapsed.as_secs_f64(),
            p50: percentile(&latencies_us, 50),
            p99: percentile(&latencies_us, 99),
            processor: server_used / answered,
            memory: process::memory(server.pid),
            generator_share: own_used.as_secs_f64() / elapsed.as_secs_f64(),
        })
    }
}

/// Measures each of so many cases in each round: in turn, every other round in reverse. The round
/// before the first warms up and is not counted. The results by case, then by round.
///
/// # Errors
/// Those of `measure`.
pub fn in_rounds(
    cases: usize,
    rounds: u32,
    mut measure: impl FnMut(usize) -> Result<Measured, Failed>,
) -> Result<Vec<Vec<Measured>>, Failed> {
    let mut results = vec![Vec::new(); cases];
    for round in 0..=rounds {
        let counts = if round == 0 { ", not counted" } else { "" };
        eprintln!("round {round} of {rounds}{counts}");
        let mut order: Vec<usize> = (0..cases).collect();
        if round % 2 == 0 {
            order.reverse();
        }
        for number in order {
            let measured = measure(number)?;
            if round > 0 {
                results[number].push(measured);
            }
        }
    }
    Ok(results)
}

/// How many times the time of another case one takes, round by round: by requests a second, and by
/// processor time of the server.
pub fn times_the_time(of: &[Measured], to: &[Measured]) -> (Spread, Spread) {
    let divide = |a: f64, b: f64| if b > 0.0 { a / b } else { f64::NAN };
    let seconds = |run: &Measured| run.processor.as_secs_f64();
    let rounds = || of.iter().zip(to);
    let mut speed: Vec<f64> = rounds()
        .map(|(of, to)| divide(to.requests_per_s, of.requests_per_s))
        .collect();
    let mut processor: Vec<f64> = rounds()
        .map(|(of, to)| divide(seconds(of), seconds(to)))
        .collect();
    (Spread::of(&mut speed), Spread::of(&mut processor))
}

/// The median of a value of the rounds.
pub fn median(rounds: &[Measured], value: impl Fn(&Measured) -> f64) -> f64 {
    Spread::of(&mut rounds.iter().map(value).collect::<Vec<_>>()).median
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
    fn rounds_are_divided_one_by_one() {
        let run = |requests_per_s: f64, processor_us: u64| Measured {
            requests_per_s,
            p50: Duration::ZERO,
            p99: Duration::ZERO,
            processor: Duration::from_micros(processor_us),
            memory: Memory::default(),
            generator_share: 0.0,
        };
        let (of, to) = (
            [run(100.0, 30), run(50.0, 60)],
            [run(200.0, 10), run(200.0, 10)],
        );
        let (speed, processor) = times_the_time(&of, &to);
        assert_eq!(speed.to_string(), "**3.00** (2.00 to 4.00)");
        assert_eq!(processor.to_string(), "**4.50** (3.00 to 6.00)");
        assert_eq!(median(&of, |run| run.requests_per_s).to_string(), "75");
    }

    #[test]
    fn every_other_round_goes_the_other_way() {
        let mut order = Vec::new();
        let failed = in_rounds(3, 1, |number| {
            order.push(number);
            if order.len() == 6 {
                return Err("the end".into());
            }
            Ok(Measured {
                requests_per_s: 1.0,
                p50: Duration::ZERO,
                p99: Duration::ZERO,
                processor: Duration::ZERO,
                memory: Memory::default(),
                generator_share: 0.0,
            })
        });
        assert!(failed.is_err());
        assert_eq!(order, [2, 1, 0, 0, 1, 2]);
    }

    #[test]
    fn requests_are_whole() {
        let asked = [("/a".to_owned(), "b".to_owned())];
        let requests = Requests::get(200, asked);
        let text = String::from_utf8_lossy(&requests.rendered[0]).into_owned();
        assert_eq!(
            text,
            "GET /a HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: b\r\n\r\n"
        );
    }

    #[test]
    fn percentiles_are_places_in_the_sorted_list() {
        let list: Vec<u32> = (1..=100).collect();
        assert_eq!(percentile(&list, 50), Duration::from_micros(51));
        assert_eq!(percentile(&list, 99), Duration::from_micros(100));
        assert_eq!(percentile(&[], 99), Duration::ZERO);
    }
}
