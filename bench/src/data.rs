//! What the servers serve: users with tokens, a database of plays, a folder of sounds.
//! Everything is drawn from fixed seeds, so that every run measures the same rows.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

use bench::Failed;

/// Users, each with one API token.
const USERS: usize = 1000;
/// Guilds; the first has most of the plays.
const GUILDS: usize = 200;
/// Guilds of each user: the first, and others.
const GUILDS_OF_USER: usize = 10;
/// Names that plays are drawn from.
const SOUNDS: u32 = 500;
/// Percent of all plays that are the first guild's.
const FIRST_GUILD_PERCENT: u32 = 60;
/// Plays of the small database.
pub(crate) const SMALL_PLAYS: u32 = 10_000;
/// Files of the small folder.
pub(crate) const SMALL_FILES: u32 = 10;
/// 2026-01-01T00:00:00Z: the first play of each guild.
const FIRST_PLAY_MS: i64 = 1_767_225_600_000;
const DAY_MS: i64 = 86_400_000;

/// How large the large data are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) plays: u32,
    pub(crate) files: u32,
}

/// Who asks.
#[derive(Debug)]
pub(crate) struct User {
    id: i64,
    token: String,
    guilds: Vec<i64>,
}

impl User {
    /// The value of this user's `Authorization` header.
    pub(crate) fn authorization(&self) -> String {
        format!(
            "Basic {}",
            STANDARD.encode(format!("{}:{}", self.id, self.token))
        )
    }

    /// The guilds whose log this user may read; the first is the large one.
    pub(crate) fn guilds(&self) -> &[i64] {
        &self.guilds
    }
}

/// All users and guilds, the same in both databases.
#[derive(Debug)]
pub(crate) struct World {
    users: Vec<User>,
    guilds: Vec<i64>,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut dice = Dice(1);
        let guilds: Vec<i64> = (0..GUILDS).map(|_| snowflake(&mut dice)).collect();
        let users = (0..USERS)
            .map(|number| user(&mut dice, number, &guilds))
            .collect();
        Self { users, guilds }
    }

    pub(crate) fn users(&self) -> &[User] {
        &self.users
    }
}

fn user(dice: &mut Dice, number: usize, guilds: &[i64]) -> User {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let token = (0..64)
        .map(|_| char::from(LETTERS[dice.index(LETTERS.len())]))
        .collect();
    // Evenly over the other guilds, never the same one twice.
    let others = (0..GUILDS_OF_USER - 1).map(|n| guilds[1 + (number + n * 22) % (GUILDS - 1)]);
    User {
        id: snowflake(dice),
        token,
        guilds: std::iter::once(guilds[0]).chain(others).collect(),
    }
}

/// An id as Discord makes them: 18 digits.
fn snowflake(dice: &mut Dice) -> i64 {
    200_000_000_000_000_000 + i64::from(dice.below(1_000_000_000)) * 600_000_000 + 1
}

/// How many plays of `plays` the first guild has.
pub(crate) fn first_guild_plays(plays: u32) -> u32 {
    plays / 100 * FIRST_GUILD_PERCENT
}

/// Fills the empty tables of a database that the server has just made.
pub(crate) fn fill(database: &Path, plays: u32, world: &World) -> Result<(), Failed> {
    let mut conn = Connection::open(database)?;
    conn.execute_batch("PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF")?;
    let transaction = conn.transaction()?;
    fill_users(&transaction, world)?;
    fill_plays(&transaction, plays, world)?;
    transaction.execute_batch(
        "INSERT INTO sound_counts (guild_id, sound, count)
             SELECT guild_id, sound, COUNT(*) FROM plays WHERE source = 'local'
             GROUP BY guild_id, sound;
         INSERT INTO guild_counters (guild_id, first_seq, last_seq, sounds)
             SELECT guild_id, MIN(seq), MAX(seq),
                 (SELECT COUNT(*) FROM sound_counts c WHERE c.guild_id = p.guild_id)
             FROM plays p GROUP BY guild_id;",
    )?;
    transaction.commit()?;
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

fn fill_users(conn: &Connection, world: &World) -> Result<(), Failed> {
    let now_ms = i64::try_from(SystemTime::UNIX_EPOCH.elapsed()?.as_millis())?;
    let mut users = conn.prepare(
        "INSERT INTO users (id, username, global_name, discriminator, avatar, updated_ms)
         VALUES (?, ?, NULL, '0', NULL, ?)",
    )?;
    let mut guilds = conn.prepare("INSERT INTO user_guilds (user_id, guild_id) VALUES (?, ?)")?;
    let mut tokens = conn.prepare(
        "INSERT INTO tokens (user_id, kind, name, hash, created_ms, used_ms, expires_ms, cap_ms)
         VALUES (?, 1, '', ?, ?, ?, ?, ?)",
    )?;
    for (number, user) in world.users.iter().enumerate() {
        users.execute(params![user.id, format!("user{number}"), now_ms])?;
        for guild in &user.guilds {
            guilds.execute(params![user.id, guild])?;
        }
        let hash = Sha256::digest(&user.token);
        let (expires_ms, cap_ms) = (now_ms + 7 * DAY_MS, now_ms + 90 * DAY_MS);
        tokens.execute(params![
            user.id,
            &hash[..],
            now_ms,
            now_ms,
            expires_ms,
            cap_ms
        ])?;
    }
    Ok(())
}

fn fill_plays(conn: &Connection, plays: u32, world: &World) -> Result<(), Failed> {
    let mut insert = conn.prepare(
        "INSERT INTO plays (guild_id, seq, time_ms, user_id, user_tag, source, sound)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?;
    let mut dice = Dice(2);
    let first = first_guild_plays(plays);
    let others = u32::try_from(world.guilds.len() - 1)?;
    for (number, guild) in world.guilds.iter().enumerate() {
        let count = match number {
            0 => first,
            _ => (plays - first) / others,
        };
        let mut time_ms = FIRST_PLAY_MS;
        for seq in 1..=count {
            time_ms += i64::from(dice.below(20_000));
            let player = dice.index(world.users.len());
            let user = &world.users[player];
            let source = if dice.below(20) == 0 {
                "discord"
            } else {
                "local"
            };
            // Some sounds are played far more often than others.
            let sound = dice.below(SOUNDS) * dice.below(SOUNDS) / SOUNDS;
            let tag = format!("user{player}");
            let sound = format!("sound-{sound}");
            insert.execute(params![guild, seq, time_ms, user.id, tag, source, sound])?;
        }
    }
    Ok(())
}

/// A folder of that many sounds. They are never played, so they are empty.
pub(crate) fn make_sounds(folder: &Path, files: u32) -> Result<(), Failed> {
    if fs::read_dir(folder).is_ok_and(|list| u32::try_from(list.count()) == Ok(files)) {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    let mut dice = Dice(3);
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for number in 0..files {
        let ending = ["mp3", "ogg", "opus", "wav", "flac"][dice.index(5)];
        let file = File::create(folder.join(format!("sound-{number:06}.{ending}")))?;
        file.set_modified(start + Duration::from_secs(dice.below(80_000_000).into()))?;
    }
    Ok(())
}

/// `SplitMix64`: small, quick and the same everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u32) -> u32 {
        u32::try_from(((self.next() >> 32) * u64::from(bound)) >> 32).unwrap_or(0)
    }

    fn index(&mut self, length: usize) -> usize {
        let below = self.below(u32::try_from(length).unwrap_or(u32::MAX));
        usize::try_from(below).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_is_the_same_every_time_and_its_parts_differ() {
        let (world, again) = (World::new(), World::new());
        assert_eq!(
            world.users[7].authorization(),
            again.users[7].authorization()
        );
        assert_ne!(world.users[7].id, world.users[8].id);
        for user in &world.users {
            let mut guilds = user.guilds.clone();
            guilds.sort_unstable();
            guilds.dedup();
            assert_eq!((guilds.len(), user.token.len()), (GUILDS_OF_USER, 64));
        }
    }

    #[test]
    fn dice_stay_below_their_bound() {
        let mut dice = Dice(9);
        assert!((0..1000).all(|_| dice.below(3) < 3));
        assert!((0..100).map(|_| dice.below(3)).any(|n| n == 2));
    }
}
