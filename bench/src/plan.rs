//! What is asked of whom, and which results are divided by which.

use std::rc::Rc;

use crate::data::{self, Sizes, World};
use crate::servers::{Fleet, Server};
use bench::Failed;
use bench::load::{Load, Measured, Requests, in_rounds};

/// Requests whose answers are compared between the servers, of each kind.
const COMPARED: usize = 50;

/// One line of the table: a server and what it is asked.
pub(crate) struct Case {
    pub(crate) route: String,
    /// The number of the server in [`Fleet::iter`].
    pub(crate) server: usize,
    pub(crate) requests: Rc<Requests>,
}

/// What a ratio says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sense {
    /// How many times the requests per second of the other: the more the better.
    Speed,
    /// How many times the time per request of the other: the less the better.
    Cost,
}

/// A line of the second table: one case divided by another, round by round.
pub(crate) struct Ratio {
    pub(crate) title: String,
    pub(crate) of: usize,
    pub(crate) to: usize,
    pub(crate) sense: Sense,
    /// At least this for [`Sense::Speed`], at most this for [`Sense::Cost`].
    pub(crate) goal: Option<f64>,
}

/// Everything that a run does.
pub(crate) struct Plan {
    pub(crate) cases: Vec<Case>,
    pub(crate) ratios: Vec<Ratio>,
    asked: Asked,
}

/// The kinds of requests.
struct Asked {
    logs: Rc<Requests>,
    stats: Rc<Requests>,
    /// The large guild's newest plays.
    front: Rc<Requests>,
    /// The large guild's plays at 80 % depth.
    deep: Rc<Requests>,
    /// In the small database only the large guild has as many sounds as the page is long.
    large_stats: Rc<Requests>,
    sounds: Rc<Requests>,
    /// There is no such route: the caller is identified and charged, then told so.
    nothing: Rc<Requests>,
}

const SMALL: usize = 0;
const LARGE: usize = 1;
const PEERS: usize = 2;

impl Asked {
    fn new(world: &World, depth: u32) -> Self {
        let guild = world.users().first().map_or(0, |user| user.guilds()[0]);
        let of_large = |query: &str| render(world, 200, &format!("/api/{query}"));
        Self {
            logs: rotate(world, |guild| format!("/api/logs/{guild}?limit=20")),
            stats: rotate(world, |guild| format!("/api/stats/{guild}?limit=50")),
            front: of_large(&format!("logs/{guild}?from=0&limit=20")),
            deep: of_large(&format!("logs/{guild}?from={depth}&limit=20")),
            large_stats: of_large(&format!("stats/{guild}?limit=50")),
            // As many as the small folder has: pages of one length are compared.
            sounds: of_large(&format!("localsounds?limit={}", data::SMALL_FILES)),
            nothing: render(world, 404, "/api/nothing"),
        }
    }
}

impl Plan {
    pub(crate) fn new(world: &World, fleet: &Fleet, sizes: Sizes) -> Self {
        // `from=480000` of the 600 000 plays that the large guild has by default.
        let depth = data::first_guild_plays(sizes.plays) / 10 * 8;
        let asked = Asked::new(world, depth);
        let mut plan = Self {
            cases: Vec::new(),
            ratios: Vec::new(),
            asked,
        };
        // What is compared stands side by side, so that it is measured in the same seconds.
        let nothing = plan.everyone(fleet, "nothing (404)", |asked| &asked.nothing, [None, None]);
        let (plays, few) = (sizes.plays, data::SMALL_PLAYS);
        let logs_few = plan.case(&format!("logs, {few} plays"), SMALL, |asked| &asked.logs);
        let goals = [Some(1.1), Some(2.4)];
        let title = format!("logs, {plays} plays");
        let logs = plan.everyone(fleet, &title, |asked| &asked.logs, goals);
        let front = plan.case("logs, large guild, from=0", LARGE, |asked| &asked.front);
        let title = format!("logs, large guild, from={depth}");
        let deep = plan.case(&title, LARGE, |asked| &asked.deep);
        let title = |plays| format!("stats, large guild, {plays} plays");
        let stats_few = plan.case(&title(few), SMALL, |asked| &asked.large_stats);
        let stats_many = plan.case(&title(plays), LARGE, |asked| &asked.large_stats);
        let goals = [Some(0.9), Some(2.4)];
        let title = format!("stats, {plays} plays");
        let stats = plan.everyone(fleet, &title, |asked| &asked.stats, goals);
        let title = |files| format!("localsounds, {files} files");
        let sounds_few = plan.case(&title(data::SMALL_FILES), SMALL, |asked| &asked.sounds);
        let title = title(sizes.files);
        let sounds = plan.everyone(fleet, &title, |asked| &asked.sounds, [None, None]);
        plan.ratios.extend(
            [
                ("logs: large to small database", logs, logs_few, Some(1.1)),
                (
                    "stats: large to small database",
                    stats_many,
                    stats_few,
                    Some(1.1),
                ),
                ("logs: deep to first page", deep, front, Some(1.3)),
                (
                    "localsounds: many to few files",
                    sounds,
                    sounds_few,
                    Some(1.1),
                ),
                ("logs to nothing", logs, nothing, None),
                ("stats to nothing", stats, nothing, None),
                ("localsounds to nothing", sounds, nothing, None),
            ]
            .map(|(title, of, to, goal)| Ratio {
                title: title.to_owned(),
                of,
                to,
                sense: Sense::Cost,
                goal,
            }),
        );
        plan
    }

    /// A case for the server and for every peer, on the large data; the number of the server's.
    /// The goals are those beside Bun and beside Fastify.
    fn everyone(
        &mut self,
        fleet: &Fleet,
        route: &str,
        pick: fn(&Asked) -> &Rc<Requests>,
        goals: [Option<f64>; 2],
    ) -> usize {
        let of = self.case(route, LARGE, pick);
        for (number, (peer, goal)) in fleet.peers.iter().zip(goals).enumerate() {
            let to = self.case(route, PEERS + number, pick);
            let title = format!("{route}: Yuri to {}", peer.name);
            self.ratios.push(Ratio {
                title,
                of,
                to,
                sense: Sense::Speed,
                goal,
            });
        }
        of
    }

    fn case(
        &mut self,
        route: &str,
        server: usize,
        pick: impl Fn(&Asked) -> &Rc<Requests>,
    ) -> usize {
        let (route, requests) = (route.to_owned(), Rc::clone(pick(&self.asked)));
        self.cases.push(Case {
            route,
            server,
            requests,
        });
        self.cases.len() - 1
    }

    /// One request of every user.
    pub(crate) fn introductions(&self) -> &Requests {
        &self.asked.nothing
    }

    /// Fails unless the peers answer byte for byte what the server answers.
    pub(crate) fn compare_answers(&self, load: &Load, fleet: &Fleet) -> Result<(), Failed> {
        let Asked {
            logs,
            stats,
            deep,
            sounds,
            nothing,
            ..
        } = &self.asked;
        for requests in [logs, stats, deep, sounds, nothing] {
            let step = (requests.rendered.len() / COMPARED).max(1);
            for request in requests.rendered.iter().step_by(step) {
                let expected = load.ask(fleet.large.target(), request)?;
                for peer in &fleet.peers {
                    let given = load.ask(peer.target(), request)?;
                    if given != expected {
                        return Err(different(request, &fleet.large, &expected, peer, &given));
                    }
                }
            }
        }
        Ok(())
    }

    /// Runs every case in every round; the results by case, then by round.
    pub(crate) fn measure(
        &self,
        load: &Load,
        fleet: &Fleet,
        rounds: u32,
    ) -> Result<Vec<Vec<Measured>>, Failed> {
        let servers: Vec<&Server> = fleet.iter().collect();
        in_rounds(self.cases.len(), rounds, |number| {
            let case = &self.cases[number];
            load.measure(servers[case.server].target(), &case.requests)
        })
    }
}

/// Every user with each of their guilds, users first.
fn rotate(world: &World, path: impl Fn(i64) -> String) -> Rc<Requests> {
    let turns = world.users().first().map_or(0, |user| user.guilds().len());
    let asked = (0..turns)
        .flat_map(|turn| {
            world
                .users()
                .iter()
                .map(move |user| (user, user.guilds()[turn]))
        })
        .map(|(user, guild)| (path(guild), user.authorization()));
    Requests::get(200, asked)
}

/// One request of every user.
fn render(world: &World, status: u16, path: &str) -> Rc<Requests> {
    let users = world.users().iter();
    Requests::get(
        status,
        users.map(|user| (path.to_owned(), user.authorization())),
    )
}

fn different(
    request: &[u8],
    server: &Server,
    expected: &(u16, Vec<u8>),
    peer: &Server,
    given: &(u16, Vec<u8>),
) -> Failed {
    let show = |answer: &(u16, Vec<u8>)| {
        let body: String = String::from_utf8_lossy(&answer.1)
            .chars()
            .take(600)
            .collect();
        format!("{}, {} bytes\n{body}", answer.0, answer.1.len())
    };
    format!(
        "the answers differ to\n{}\n{}: {}\n{}: {}",
        String::from_utf8_lossy(request),
        server.name,
        show(expected),
        peer.name,
        show(given)
    )
    .into()
}
