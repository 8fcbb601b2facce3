//! Nothing is left of connections that have ended.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use discord_sim::{Guild, User, World};
use yuri::discord::guild_data::Member;
use yuri::domain::player::{Asker, Who};
use yuri::ids::{GuildId, UserId};

use super::stage::{BOT, PATIENCE, Stage};
use crate::support::child::voice_test;

/// So many guilds at once, and so often in each: Discord allows 120 requests in a minute, and it
/// takes three to come and go. `bench --bin playing -- --only cycles` has patience for a thousand.
const GUILDS: u64 = 6;
const CYCLES: usize = 5;
/// Of the first one; its channel is the next number, and its member the one after that.
const FIRST: u64 = 700_000_000_000_000_000;
const STEP: u64 = 10;

fn crowd(world: World) -> World {
    let ids = (0..GUILDS).map(|number| FIRST + number * STEP);
    ids.fold(world, |world, id| {
        let user = User::new(id + 2, &format!("user{id}"));
        let guild = Guild::new(id, "Room", id + 2)
            .voice(id + 1, "Voice")
            .member(id + 2)
            .member(BOT)
            .in_voice(id + 2, id + 1);
        world.user(user).guild(guild)
    })
}

/// What this process holds, the simulated Discord included.
#[derive(Debug, Clone, Copy)]
struct Held {
    tasks: usize,
    threads: usize,
    files: usize,
    resident_kib: usize,
}

impl Held {
    fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let value = |name: &str| -> usize {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        Self {
            tasks: tokio::runtime::Handle::current()
                .metrics()
                .num_alive_tasks(),
            threads: value("Threads:"),
            files: fs::read_dir("/proc/self/fd").unwrap().count(),
            resident_kib: value("VmRSS:"),
        }
    }
}

impl Held {
    /// The same once it does not become less any more: the last tasks of a connection end some
    /// time after the leave.
    async fn settled() -> Self {
        let mut least = Self::now();
        let mut unchanged = 0;
        while unchanged < 100 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let now = Self::now();
            let is_less = now.tasks < least.tasks || now.files < least.files;
            unchanged = if is_less { 0 } else { unchanged + 1 };
            if is_less {
                least = now;
            }
        }
        least
    }
}

impl Stage {
    /// Joins, plays and leaves in one guild, so often.
    async fn come_and_go(self: Arc<Self>, id: u64, times: usize) {
        let asker = Asker {
            guild: GuildId::try_from(id).unwrap(),
            user: UserId::try_from(id + 2).unwrap(),
            who: Who::Member(Some(Member {
                timed_out_until_ms: None,
                roles: Vec::new(),
            })),
        };
        let player = &self.app.player;
        for _ in 0..times {
            let play = player.play(asker.clone(), "somebody".to_owned(), "tone-opus");
            play.await.unwrap();
            player.leave(&asker).await.unwrap();
            self.sim.clear_heard(id);
        }
    }

    /// The same in all guilds at once.
    async fn all_come_and_go(self: &Arc<Self>, times: usize) {
        let ids = (0..GUILDS).map(|number| FIRST + number * STEP);
        let all = ids
            .clone()
            .map(|id| tokio::spawn(Arc::clone(self).come_and_go(id, times)));
        for one in all.collect::<Vec<_>>() {
            one.await.unwrap();
        }
        for id in ids {
            assert!(self.sim.wait_bot_out_of_voice(id, PATIENCE).await);
        }
    }
}

voice_test! {
    async fn nothing_is_left_of_coming_and_going() {
        let stage = Arc::new(Stage::start_among(crowd).await);
        // Players, caches and threads that are there once and for all.
        stage.all_come_and_go(1).await;
        let before = Held::settled().await;
        stage.all_come_and_go(CYCLES).await;
        let is_less = |held: Held| {
            held.tasks <= before.tasks && held.files <= before.files && held.threads <= before.threads
        };
        stage.until(|_| is_less(Held::now())).await;
        let grown_kib = Held::now().resident_kib.saturating_sub(before.resident_kib);
        assert!(grown_kib < 16 * 1_024, "{grown_kib} KiB");
        let stage = Arc::into_inner(stage).expect("nobody else has it");
        stage.stop().await.shutdown().await;
    }
}
