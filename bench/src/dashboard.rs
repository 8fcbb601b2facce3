//! Measures what a dashboard reads of a guild beside the server's empty route.
//!
//! `cargo run --profile dist -p bench --bin dashboard` builds the server as it is shipped, starts a
//! simulated Discord in this process and the server in another, and asks for channels and roles of
//! a guild: first while the bot is connected, when they are answered from what the gateway knows,
//! then with the gateway cut off, when they are answered from what REST has told.
#![expect(
    clippy::print_stdout,
    reason = "the tables are what this program is for"
)]

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use bench::Failed;
use bench::installation::{Installation, Person, authority};
use bench::load::Load;
use bench::process::{self, LOAD_CORE, SERVER_CORE};
use bench::product::{self, target_folder};
use bench::routes::{self, Route};
use clap::Parser;
use discord_sim::{
    Application, Channel, ChannelKind, Cut, Effect, Fault, Guild, Interruption, Overwrite,
    OverwriteTarget, RateLimits, Role, Server, Settings, Sim, User, World, permissions,
};

/// Managers, and plain members, in whose names requests are sent in turn.
const PEOPLE: u8 = 10;
/// Channels of the guild, categories included.
const CHANNELS: u64 = 50;
/// A category and what stands below it; plain members see every other one.
const GROUP: u64 = 5;
/// Roles of the guild beside `@everyone` and the bot's own; the first is the managers'.
const ROLES: u64 = 20;
/// Roles of each person beside that.
const ROLES_EACH: u64 = 5;

/// Snowflakes of different milliseconds, as real ones are.
const GUILD: u64 = 1_000 << 22;
const FIRST_CHANNEL: u64 = 1_001 << 22;
const BOT_ROLE: u64 = 1_002 << 22;
const FIRST_ROLE: u64 = 1_003 << 22;
const OWNER: u64 = 1_004 << 22;
const FIRST_MANAGER: u64 = 1_005 << 22;
const FIRST_MEMBER: u64 = 1_006 << 22;
const BOT: u64 = 1_007 << 22;

/// Measures what dashboards read, beside the empty route.
#[derive(Debug, Parser)]
struct Options {
    /// Rounds; each asks for every route once, in turn, every other round in reverse.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..20))]
    rounds: u32,
    /// Milliseconds of load for each route in each round.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(50..=5_000))]
    run_ms: u64,
    /// Connections, all kept alive.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..1000))]
    connections: u16,
    /// Short runs, to try the program; the figures mean nothing.
    #[arg(long)]
    quick: bool,
    /// Measure this binary instead of building one.
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dashboard: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Failed> {
    let target = target_folder()?;
    let binary = product::find_or_build(options.server.as_deref(), &target)?;
    let (rounds, run_ms) = if options.quick {
        (1, 100)
    } else {
        (options.rounds, options.run_ms)
    };
    // Before there are threads: the simulator shares the core of the load.
    process::pin_self(LOAD_CORE);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let folder = target.join("bench/dashboard");
    let stage = runtime.block_on(Stage::build(&folder, &binary))?;
    let load = Load::new(
        usize::from(options.connections),
        Duration::from_millis(run_ms),
    )?;
    print_setting(options, rounds, run_ms);

    println!("### From what the gateway knows\n");
    stage.measure(&load, rounds)?;
    runtime.block_on(stage.cut_off())?;
    println!("\n### From what REST has told, the gateway being cut off\n");
    stage.measure(&load, rounds)?;
    runtime.block_on(stage.close())
}

/// Under what circumstances this run happens.
fn print_setting(options: &Options, rounds: u32, run_ms: u64) {
    println!(
        "\n{} connections, {rounds} rounds of {run_ms} ms, routes in turn{}; other work on this \
         machine: load {:.1}\n",
        options.connections,
        if process::can_pin() {
            ", the server on one core, load and simulator on another"
        } else {
            ", NOT pinned"
        },
        process::load_average(),
    );
    if options.quick {
        println!("A trial run (`--quick`): the figures mean nothing.\n");
    }
}

/// The simulated Discord, the server, and who asks.
struct Stage {
    sim: Sim,
    server: Installation,
    managers: Vec<Person>,
    members: Vec<Person>,
}

impl Stage {
    async fn build(folder: &Path, binary: &Path) -> Result<Self, Failed> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        let sim = Sim::start(Settings {
            world: world(),
            authority_path: Some(authority(folder)),
            rate_limits: RateLimits {
                enforced: false,
                ..RateLimits::default()
            },
            ..Settings::default()
        })
        .await?;
        let program = process::pinned(SERVER_CORE, binary);
        let server = Installation::start(&sim, folder, program, &[]).await?;
        let (mut managers, mut members) = (Vec::new(), Vec::new());
        for number in 0..PEOPLE {
            let from = |net| Ipv4Addr::new(10, 0, net, number + 1);
            managers.push(server.log_in(&manager(number), from(0)).await?);
            members.push(server.log_in(&member(number), from(1)).await?);
        }
        Ok(Self {
            sim,
            server,
            managers,
            members,
        })
    }

    /// Measures all routes, and says what Discord was asked meanwhile.
    fn measure(&self, load: &Load, rounds: u32) -> Result<(), Failed> {
        let routes = self.routes();
        self.check(load, &routes)?;
        self.sim.clear_requests();
        routes::compare(load, self.server.target(), &routes, rounds)?;
        let requests = self.sim.requests();
        let of_members = requests
            .iter()
            .filter(|request| request.path.contains("/members/"));
        println!(
            "\nDiscord was asked {} times meanwhile, {} of them for a member.",
            requests.len(),
            of_members.count(),
        );
        Ok(())
    }

    fn routes(&self) -> Vec<Route> {
        let (managers, members) = (&self.managers, &self.members);
        let everybody = managers.iter().chain(members);
        let mut routes = vec![Route::nothing(everybody.map(Person::authorization))];
        let seen = seen_channels();
        let (channels, roles) = (
            format!("/api/guilds/{GUILD}/channels"),
            format!("/api/guilds/{GUILD}/roles"),
        );
        let below = format!("/botapi/guilds/{GUILD}/channels");
        let all_roles = ROLES + 2;
        for (path, title, people) in [
            (
                &channels,
                format!("channels, manager: {CHANNELS}"),
                managers,
            ),
            (&channels, format!("channels, member: {seen}"), members),
            (&roles, format!("roles, manager: {all_roles}"), managers),
            (&roles, format!("roles, member: {all_roles}"), members),
            (
                &below,
                format!("/botapi, channels, manager: {CHANNELS}"),
                managers,
            ),
            (
                &below,
                format!("/botapi, channels, member: {seen}"),
                members,
            ),
        ] {
            let asked = people.iter();
            let asked = asked.map(|person| (path.clone(), person.authorization()));
            routes.push(Route::new(&title, asked));
        }
        routes
    }

    /// Fails unless everybody is answered with as many entries as the route's title says.
    fn check(&self, load: &Load, routes: &[Route]) -> Result<(), Failed> {
        for route in routes.iter().skip(1) {
            let (_, wanted) = route
                .title
                .rsplit_once(": ")
                .ok_or("no number of entries")?;
            let wanted: usize = wanted.parse()?;
            for request in &route.requests.rendered {
                let (status, body) = load.ask(self.server.target(), request)?;
                let found = count_entries(&body);
                if status != 200 || found != Some(wanted) {
                    let body = String::from_utf8_lossy(&body);
                    return Err(format!("{}: {status}, {found:?}\n{body}", route.title).into());
                }
            }
        }
        Ok(())
    }

    /// Cuts the bot off from the gateway, for good; REST goes on.
    async fn cut_off(&self) -> Result<(), Failed> {
        let refused = Fault::on(Server::Gateway, Effect::Cut(Cut::Reset));
        self.sim.fault(refused)?;
        self.sim.interrupt_gateway(None, Interruption::Drop);
        self.server.wait_cut_off().await
    }

    async fn close(self) -> Result<(), Failed> {
        self.server.stop().await?;
        self.sim.shutdown().await;
        Ok(())
    }
}

/// The entries of a list, in an object or bare.
fn count_entries(body: &[u8]) -> Option<usize> {
    let json: serde_json::Value = serde_json::from_slice(body).ok()?;
    let list = json.get("results").unwrap_or(&json);
    list.as_array().map(Vec::len)
}

fn manager(number: u8) -> String {
    format!("manager{number}")
}

fn member(number: u8) -> String {
    format!("member{number}")
}

/// Whether only managers see the channel of this number.
fn is_hidden(channel: u64) -> bool {
    channel / GROUP % 2 == 1
}

/// Channels that plain members see.
fn seen_channels() -> usize {
    (0..CHANNELS).filter(|number| !is_hidden(*number)).count()
}

/// A guild with its bot, its managers and members, and channels of which members see a part.
fn world() -> World {
    let bot_role = Role {
        bot: Some(BOT),
        ..Role::new(BOT_ROLE, "Yuri", permissions::ADMINISTRATOR)
    };
    let mut guild = Guild::new(GUILD, "Dashboard", OWNER).member(OWNER);
    for number in 0..ROLES {
        let rights = if number == 0 {
            permissions::MANAGE_GUILD
        } else {
            0
        };
        guild = guild.role(Role::new(
            FIRST_ROLE + number,
            &format!("role {number}"),
            rights,
        ));
    }
    guild = guild.role(bot_role).member_with_roles(BOT, &[BOT_ROLE]);
    for number in 0..CHANNELS {
        guild = guild.channel(channel(number));
    }
    let mut world = World::empty()
        .user(User::new(OWNER, "owner").bystander())
        .application(Application::new(BOT, "Yuri"));
    for number in 0..PEOPLE {
        let id = u64::from(number);
        let mut roles: Vec<u64> = (1..=ROLES_EACH).map(|role| FIRST_ROLE + role).collect();
        world = world.user(User::new(FIRST_MEMBER + id, &member(number)));
        guild = guild.member_with_roles(FIRST_MEMBER + id, &roles);
        roles.push(FIRST_ROLE);
        world = world.user(User::new(FIRST_MANAGER + id, &manager(number)));
        guild = guild.member_with_roles(FIRST_MANAGER + id, &roles);
    }
    world.guild(guild)
}

fn channel(number: u64) -> Channel {
    let kind = match number % GROUP {
        0 => ChannelKind::Category,
        1 => ChannelKind::Voice,
        _ => ChannelKind::Text,
    };
    let name = format!("channel {number}");
    let mut channel = Channel::new(FIRST_CHANNEL + number, &name, kind);
    if kind == ChannelKind::Text {
        channel.topic = Some(format!("what {name} is about"));
    }
    if is_hidden(number) {
        let see = permissions::VIEW_CHANNEL;
        channel.overwrites = [(GUILD, 0, see), (FIRST_ROLE, see, 0)]
            .map(|(role, allow, deny)| Overwrite {
                target: OverwriteTarget::Role(role),
                allow,
                deny,
            })
            .to_vec();
    }
    channel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_see_part_of_the_channels() {
        assert_eq!(seen_channels(), 25);
        let hidden: Vec<bool> = [0, 4, 5, 9, 10].map(is_hidden).to_vec();
        assert_eq!(hidden, [false, false, true, true, false]);
        assert_eq!(channel(5).overwrites.len(), 2);
        assert!(channel(0).overwrites.is_empty());
    }

    #[test]
    fn lists_are_counted_bare_and_in_an_object() {
        assert_eq!(count_entries(br#"{"n":2,"results":[1,2]}"#), Some(2));
        assert_eq!(count_entries(b"[1]"), Some(1));
        assert_eq!(count_entries(br#"{"error":{}}"#), None);
    }
}
