//! The table of contract 2, route by route and caller by caller: every mounted route either has its
//! rows in [`table`] or stands in its list of routes without a right. A refused call changes nothing.

mod people;
mod sessions;
mod table;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::support::child::voice_test;
use people::{ALL, Who, World};
use table::{FREE, Right, Row, rows};

/// The rank of routes that answer for paths without one.
const FALLBACK_RANK: isize = 100;

/// What an outsider is told of every guild.
const NOT_A_MEMBER: &str = "you must be a member of this guild";

#[tokio::test(flavor = "multi_thread")]
async fn every_route_stands_in_the_table() {
    let server = crate::support::Setup::offline().start().await;
    let mounted: BTreeSet<(String, String)> = yuri::http::rocket(Arc::clone(&server.app))
        .routes()
        .filter(|route| route.rank != FALLBACK_RANK)
        .map(|route| (route.method.to_string(), route.uri.path().to_owned()))
        .collect();
    let named = |(method, route): (&str, &str)| (method.to_owned(), route.to_owned());
    let with_right: BTreeSet<_> = rows().iter().map(|row| named(row.names())).collect();
    let free: BTreeSet<_> = FREE.iter().map(|(route, _)| named(*route)).collect();
    let both: Vec<_> = with_right.intersection(&free).collect();
    assert!(both.is_empty(), "a right, and none: {both:?}");
    let known: BTreeSet<_> = with_right.union(&free).cloned().collect();
    let missing: Vec<_> = mounted.difference(&known).collect();
    assert!(
        missing.is_empty(),
        "give these rows in table.rs: {missing:?}"
    );
    let gone: Vec<_> = known.difference(&mounted).collect();
    assert!(gone.is_empty(), "these are not mounted: {gone:?}");
    server.stop().await;
}

voice_test! {
    async fn everybody_may_do_what_the_table_says_where_there_are_dj_roles() {
        check(true, &rows()).await;
    }
}

voice_test! {
    async fn everybody_may_do_what_the_table_says_where_all_members_may_play() {
        let mut rows = rows();
        rows.retain(|row| row.right == Right::Dj);
        check(false, &rows).await;
    }
}

async fn check(has_dj_roles: bool, rows: &[Row]) {
    let mut world = World::start(has_dj_roles).await;
    let mut faults = Vec::new();
    for row in rows {
        let (may, may_not): (Vec<Who>, Vec<Who>) = ALL
            .into_iter()
            .partition(|who| row.right.is_held_by(*who, has_dj_roles));
        let made = world.prepare(row.before).await;
        for who in may_not {
            if let Err(fault) = refuse(&mut world, row, who, &made).await {
                faults.push(format!("{row:?} by {who:?}: {fault}"));
            }
        }
        for who in may {
            let made = world.prepare(row.before).await;
            let (status, told) = world.send(row, who, &made).await;
            if status != row.passes {
                faults.push(format!("{row:?} by {who:?}: {status} {told}"));
            }
        }
    }
    world.stop().await;
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Checks that a call is refused, in the right words, and that nothing has come of it.
async fn refuse(world: &mut World, row: &Row, who: Who, made: &str) -> Result<(), String> {
    let before = world.look().await;
    let (status, told) = world.send(row, who, made).await;
    let is_unknown = who == Who::Nobody || row.right == Right::Session;
    let expected = if is_unknown { 401 } else { 403 };
    if status != expected {
        return Err(format!("{status} {told}"));
    }
    if row.right.is_of_a_guild() && who.is_outsider() && told != NOT_A_MEMBER {
        return Err(format!("told {told}"));
    }
    let after = world.look().await;
    if before == after {
        return Ok(());
    }
    Err(format!("{before:?} became {after:?}"))
}
