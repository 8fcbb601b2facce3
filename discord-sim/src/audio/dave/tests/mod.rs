//! The group against real clients' own library: who commits, who is welcomed, what is heard
//! meanwhile.

mod hostile;
mod room;

use std::collections::BTreeMap;
use std::time::Duration;

use super::group::{Effect, Said, Stage, What};
use super::hearing::{TRANSITION, Verdict};
use crate::protocol::voice_message::Message;
use room::{OPUS, Room};

fn none_lost(verdicts: &[Verdict]) -> bool {
    verdicts
        .iter()
        .all(|verdict| *verdict == Verdict::Opened(OPUS.to_vec()))
}

#[test]
fn a_lone_bot_is_heard_in_the_clear_and_commits_when_someone_comes() {
    let mut room = Room::new();
    room.enter(1);
    let alone = room.settle();
    assert!(alone[&1].iter().all(|verdict| *verdict == Verdict::Clear));
    assert_eq!(
        (room.bots[&1].seen.as_slice(), room.group.due()),
        (&[25][..], None)
    );
    room.enter(11);
    let verdicts = room.settle();
    assert!(
        verdicts[&1].contains(&Verdict::NotSealed),
        "before it has a key"
    );
    assert_eq!(room.bots[&1].seen, [25, 27, 29, 22]);
    assert_eq!(room.roster(), [1, 11]);
    assert!(room.all_hear(1));
    // Silence may stay in the clear, nothing else may.
    let link = room.bots[&1].link.clone();
    let hear = |frame: &[u8]| link.hearing().hear(frame, room.now);
    assert_eq!(hear(&[0xf8, 0xff, 0xfe]), Verdict::Clear);
    assert_eq!(hear(&OPUS), Verdict::NotSealed);
}

#[test]
fn a_bot_that_comes_to_people_is_welcomed() {
    let mut room = Room::new();
    for user in [11, 12, 13, 1] {
        room.enter(user);
    }
    room.settle();
    assert_eq!(room.bots[&1].seen, [25, 30, 22]);
    assert_eq!(room.roster().len(), 4);
    assert!(room.all_hear(1));
}

#[test]
fn people_come_and_go_and_no_frame_is_lost() {
    let mut room = Room::new();
    for user in [1, 11] {
        room.enter(user);
    }
    room.settle();
    let changes = [
        (12, true),
        (13, true),
        (11, false),
        (14, true),
        (12, false),
        (13, false),
    ];
    for (user, comes) in changes {
        if comes {
            room.enter(user);
        } else {
            room.leave(user);
        }
        let verdicts = room.settle();
        assert!(none_lost(&verdicts[&1]), "{user}: {verdicts:?}");
        assert!(room.roster().contains(&user) == comes);
    }
    // The leftmost leaf that is free is filled first.
    assert_eq!(room.group.roster, BTreeMap::from([(0, 14), (1, 1)]));
    assert_eq!(room.group.epoch, 7);
}

#[test]
fn the_last_one_left_begins_anew() {
    let mut room = Room::new();
    for user in [1, 11] {
        room.enter(user);
    }
    room.settle();
    room.leave(11);
    let verdicts = room.settle();
    assert!(
        verdicts[&1]
            .iter()
            .all(|verdict| { matches!(verdict, Verdict::Opened(_) | Verdict::Clear) })
    );
    assert_eq!(room.bots[&1].seen, [25, 30, 22, 24, 21, 25]);
    assert_eq!((room.group.stage, room.group.epoch), (Stage::Pending, 0));
    // Whoever comes finds a new group.
    room.enter(12);
    room.settle();
    assert_eq!(room.bots[&1].seen[6..], [27, 29, 22]);
    assert!(room.all_hear(1));
}

#[test]
fn bots_among_themselves_have_a_group_that_nobody_hears() {
    let mut room = Room::new();
    for user in [1, 2, 3] {
        room.enter(user);
    }
    room.settle();
    let mut roster = room.roster();
    roster.sort_unstable();
    assert_eq!(roster, [1, 2, 3]);
    for user in [1, 2, 3] {
        let verdict = room.bots.get_mut(&user).unwrap().speak(room.now);
        assert_eq!(verdict, Verdict::NotOpened);
    }
    // But they hear each other.
    let sealed = room
        .bots
        .get_mut(&1)
        .unwrap()
        .dave
        .encrypt_opus(&OPUS)
        .unwrap()
        .into_owned();
    for user in [2, 3] {
        let dave = &mut room.bots.get_mut(&user).unwrap().dave;
        let opened = dave.decrypt(1, davey::MediaType::AUDIO, &sealed);
        assert_eq!(opened.unwrap(), OPUS);
    }
    // One of them commits when another comes or goes.
    room.leave(2);
    room.enter(4);
    room.settle();
    let mut roster = room.roster();
    roster.sort_unstable();
    assert_eq!(roster, [1, 3, 4]);
    room.enter(11);
    room.settle();
    assert!([1, 3, 4].into_iter().all(|user| room.all_hear(user)));
}

#[test]
fn the_first_valid_commit_of_an_epoch_wins() {
    let mut room = Room::new();
    for user in [1, 2, 11] {
        room.enter(user);
    }
    room.settle();
    room.enter(12);
    let effects = room.step(vec![]);
    room.deliver(effects);
    // Both have committed, each its own; only one is announced.
    assert_eq!(room.reports.len(), 2);
    let (second, first) = (
        room.reports.pop_front().unwrap(),
        room.reports.pop_front().unwrap(),
    );
    let winner = first.user;
    let effects = room.step(vec![first, second]);
    let announced = effects
        .iter()
        .filter(|effect| matches!(effect.what, What::Tell(Message::Binary(29, _))));
    assert_eq!(announced.count(), 2);
    let epoch = room.group.epoch;
    room.deliver(effects);
    let verdicts = room.settle();
    assert_eq!((winner, room.group.epoch), (2, epoch));
    assert!([1, 2].into_iter().all(|user| none_lost(&verdicts[&user])));
    assert!(room.closed.is_empty());
}

#[test]
fn a_proposal_is_revoked_when_its_reason_is_gone() {
    let mut room = Room::new();
    for user in [1, 11] {
        room.enter(user);
    }
    room.settle();
    let epoch = room.group.epoch;
    room.enter(12);
    let appended = room.step(vec![]);
    room.leave(12);
    let revoked = room.step(vec![]);
    let body = |effects: &[Effect]| match &effects[0].what {
        What::Tell(Message::Binary(27, body)) => body[0],
        other => panic!("{other:?}"),
    };
    assert_eq!((body(&appended), body(&revoked)), (0, 1));
    room.deliver(appended);
    let commit = room.reports.pop_front().unwrap();
    room.deliver(revoked);
    assert!(room.reports.is_empty(), "nothing is left to commit");
    // A commit to what was revoked is not taken.
    assert!(room.step(vec![commit]).is_empty());
    assert_eq!((room.group.epoch, room.group.due()), (epoch, None));
    assert!(room.all_hear(1));

    // Of two, one is revoked: only the commit to the other is taken.
    room.enter(13);
    let first = room.step(vec![]);
    room.deliver(first);
    room.enter(14);
    room.leave(13);
    let verdicts = room.settle();
    assert_eq!(room.roster(), [11, 1, 14]);
    assert!(none_lost(&verdicts[&1]));
}

#[test]
fn a_listener_commits_when_no_client_does() {
    let mut room = Room::new();
    room.enter(1);
    room.settle();
    room.bots.get_mut(&1).unwrap().mute = true;
    room.enter(11);
    room.settle();
    assert_eq!(room.group.epoch, 0);
    room.now = room.group.due().unwrap();
    let effects = room.step(vec![]);
    room.bots.get_mut(&1).unwrap().mute = false;
    room.deliver(effects);
    room.settle();
    assert_eq!(room.roster(), [11, 1]);
    assert!(
        room.all_hear(1),
        "it was welcomed although it has a group of its own"
    );

    room.bots.get_mut(&1).unwrap().mute = true;
    room.enter(12);
    room.settle();
    assert_eq!(room.group.epoch, 1);
    // The transition does not wait for ever for who does not answer either.
    for epoch in [2, 2] {
        room.now = room.group.due().unwrap();
        room.settle();
        assert_eq!(room.group.epoch, epoch);
    }
    assert_eq!(room.group.due(), None);
    assert!(room.all_hear(1));
}

#[test]
fn old_keys_are_kept_for_ten_seconds_after_the_transition() {
    let mut room = Room::new();
    for user in [1, 11] {
        room.enter(user);
    }
    room.settle();
    let mut seal = || {
        let dave = &mut room.bots.get_mut(&1).unwrap().dave;
        dave.encrypt_opus(&OPUS).unwrap().into_owned()
    };
    let (late, too_late) = (seal(), seal());
    room.enter(12);
    room.settle();
    let link = &room.bots[&1].link;
    let just = room.now + TRANSITION.checked_sub(Duration::from_millis(1)).unwrap();
    assert_eq!(
        link.hearing().hear(&late, just),
        Verdict::Opened(OPUS.to_vec())
    );
    let end = room.now + TRANSITION;
    assert_eq!(link.hearing().hear(&too_late, end), Verdict::NotOpened);
    room.now = end;
    assert!(room.all_hear(1));
}

#[test]
fn who_cannot_follow_is_removed_and_added_again() {
    let mut room = Room::new();
    for user in [11, 1, 2] {
        room.enter(user);
    }
    // A bad welcome, then a bad commit.
    room.bots.get_mut(&1).unwrap().faulty = true;
    room.settle();
    assert!(room.all_hear(1) && room.all_hear(2));
    room.bots.get_mut(&1).unwrap().faulty = true;
    room.enter(12);
    let verdicts = room.settle();
    assert!(none_lost(&verdicts[&2]), "the others are not disturbed");
    let mut roster = room.roster();
    roster.sort_unstable();
    assert_eq!(roster, [1, 2, 11, 12]);
    assert!(room.all_hear(1) && room.all_hear(2));
}

#[test]
fn a_client_that_starts_anew_is_added_again() {
    let mut room = Room::new();
    for user in [11, 1] {
        room.enter(user);
    }
    room.settle();
    let old = room.bots[&1].session;
    room.leave(1);
    room.enter(1);
    room.report(1, old, Said::Ready(1));
    room.report(1, old, Said::KeyPackage(vec![]));
    room.settle();
    assert!(
        room.closed.is_empty(),
        "what its old session said is nobody's fault"
    );
    assert_eq!(room.roster(), [11, 1]);
    assert!(room.all_hear(1));
}

#[test]
fn everyone_goes_over_into_the_clear_and_back() {
    let mut room = Room::new();
    for user in [1, 11] {
        room.enter(user);
    }
    room.settle();
    room.others = 1;
    let verdicts = room.settle();
    let heard = |verdict: &Verdict| matches!(verdict, Verdict::Clear | Verdict::Opened(_));
    assert!(verdicts[&1].iter().all(heard), "{verdicts:?}");
    assert_eq!(room.bots[&1].seen[3..], [21, 22]);
    assert_eq!(
        room.bots.get_mut(&1).unwrap().speak(room.now),
        Verdict::Clear
    );
    // One who comes meanwhile is told so from the start.
    room.enter(2);
    room.settle();
    assert_eq!(room.bots[&2].seen, Vec::<u8>::new());

    room.others = 0;
    let verdicts = room.settle();
    for user in [1, 2] {
        assert!(verdicts[&user].iter().all(heard), "{verdicts:?}");
        assert!(room.all_hear(user));
    }
    assert_eq!(room.bots[&1].seen[5], 24);
    // For a while frames in the clear may still be on their way.
    let link = room.bots[&1].link.clone();
    assert_eq!(link.hearing().hear(&OPUS, room.now), Verdict::Clear);
    room.now += TRANSITION;
    room.settle();
    assert_eq!(link.hearing().hear(&OPUS, room.now), Verdict::NotSealed);
}

#[test]
fn a_new_group_can_be_asked_for() {
    let mut room = Room::new();
    for user in [1, 2, 11] {
        room.enter(user);
    }
    room.settle();
    room.restart = true;
    let verdicts = room.settle();
    assert!(
        verdicts[&1].contains(&Verdict::NotSealed),
        "clients forget their keys at once"
    );
    let restarts = room.bots[&1].seen.iter().filter(|op| **op == 24);
    assert_eq!(restarts.collect::<Vec<_>>(), [&24]);
    assert_eq!((room.group.epoch, room.roster().len()), (2, 3));
    assert!(room.all_hear(1) && room.all_hear(2));
    // Nothing to begin again with where everyone is in the clear.
    room.others = 1;
    room.settle();
    room.restart = true;
    assert!(room.step(vec![]).is_empty());
}
