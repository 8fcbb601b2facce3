//! Routes of one server beside its empty one: in rounds, as a table. `dashboard` and `sessions`
//! measure what they read with it.
#![expect(clippy::print_stdout, reason = "tables are what the programs are for")]

use std::rc::Rc;

use crate::Failed;
use crate::load::{
    GENERATOR_SHARE_MAX, Load, Measured, Requests, Target, in_rounds, median, times_the_time,
};

/// A route and who asks for it.
#[derive(Debug, Clone)]
pub struct Route {
    /// As the table calls it.
    pub title: String,
    /// What is asked.
    pub requests: Rc<Requests>,
}

impl Route {
    /// A route that is answered with 200.
    pub fn new(title: &str, asked: impl IntoIterator<Item = (String, String)>) -> Self {
        Self {
            title: title.to_owned(),
            requests: Requests::get(200, asked),
        }
    }

    /// The empty route, as `bench` measures it: there is none, so the caller is identified and
    /// charged, then told so.
    pub fn nothing(authorizations: impl IntoIterator<Item = String>) -> Self {
        let asked = authorizations.into_iter();
        Self {
            title: "nothing (404)".to_owned(),
            requests: Requests::get(404, asked.map(|who| ("/api/nothing".to_owned(), who))),
        }
    }
}

/// Measures all routes and prints how many times the time of the first, the empty one, the others
/// take.
///
/// # Errors
/// When something is answered otherwise than it should be.
pub fn compare(
    load: &Load,
    server: Target<'_>,
    routes: &[Route],
    rounds: u32,
) -> Result<(), Failed> {
    let mut sizes = Vec::with_capacity(routes.len());
    for route in routes {
        load.introduce(server, &route.requests)?;
        let request = route.requests.rendered.first().ok_or("nobody asks")?;
        let (_, body) = load.ask(server, request)?;
        sizes.push(body.len());
    }
    let results = in_rounds(routes.len(), rounds, |number| {
        load.measure(server, &routes[number].requests)
    })?;
    let empty = results.first().ok_or("there is no route")?;
    println!(
        "| route | bytes | requests/s | p50 ms | p99 ms | processor µs/request | times the time of \
         nothing, by requests/s | by processor time |\n|---|---:|---:|---:|---:|---:|---|---|"
    );
    for ((route, size), rounds) in routes.iter().zip(sizes).zip(&results) {
        let (speed, processor) = times_the_time(rounds, empty);
        println!(
            "| {} | {size} | {:.0} | {:.2} | {:.2} | {:.1} | {speed} | {processor} |",
            route.title,
            median(rounds, |run| run.requests_per_s),
            median(rounds, |run| run.p50.as_secs_f64() * 1e3),
            median(rounds, |run| run.p99.as_secs_f64() * 1e3),
            median(rounds, |run| run.processor.as_secs_f64() * 1e6),
        );
    }
    warn_of_generator(routes, &results);
    Ok(())
}

/// A generator without room to spare makes a quick route look slower than it is.
fn warn_of_generator(routes: &[Route], results: &[Vec<Measured>]) {
    for (route, rounds) in routes.iter().zip(results) {
        let share = median(rounds, |run| run.generator_share);
        if share > GENERATOR_SHARE_MAX {
            println!(
                "\nLoad and simulator used {:.0} % of their core for \"{}\": it may be quicker than \
                 shown; its\nprocessor time per request is not affected.",
                share * 100.0,
                route.title,
            );
        }
    }
}
