//! End-to-end encryption with the real songbird: who comes first, who comes and goes, versions
//! down and up, a new group, two bots.

use std::path::PathBuf;
use std::time::Duration;

use discord_sim::{Application, Dave, Guild, Heard, Settings, Sim, User, World};

use crate::support::bot::Bot;
use crate::support::{PATIENCE, assert_lasts, eventually, tone, trusting};

const HALL: u64 = 31;
const STAGE: u64 = 32;
const ADA: u64 = 11;
const BEN: u64 = 12;
const EVE: u64 = 13;

/// An empty voice channel, three people and two bots.
async fn hall(authority: PathBuf) -> Sim {
    let mut guild = Guild::new(HALL, "Hall", ADA).voice(STAGE, "Stage");
    let mut world = World::empty();
    for (id, name) in [(ADA, "ada"), (BEN, "ben"), (EVE, "eve")] {
        guild = guild.member(id);
        world = world.user(User::new(id, name));
    }
    for (id, name) in [(21, "One"), (22, "Two")] {
        guild = guild.member(id);
        world = world.application(Application::new(id, name));
    }
    let settings = Settings {
        world: world.guild(guild),
        authority_path: Some(authority),
        ..Settings::default()
    };
    Sim::start(settings).await.unwrap()
}

/// Nothing was lost of a tone of 440 Hz that is now over.
async fn is_whole(sim: &Sim, length: Duration) -> Heard {
    let sound = sim.wait_utterance(HALL, 0, PATIENCE).await.unwrap();
    let audio = sound.audio();
    let frequency = audio.frequency_hz().unwrap();
    assert!((frequency - 440.0).abs() < 1.0, "{frequency} Hz");
    assert_lasts(&sound, length);
    assert_eq!(audio.decode_errors, 0);
    let heard = sim.heard(HALL);
    let faults = (
        heard.sequence_breaks,
        heard.timestamp_breaks,
        heard.decrypt_failures,
        heard.unencrypted_frames,
        heard.undecryptable_frames,
    );
    assert_eq!(faults, (0, 0, 0, 0, 0));
    assert_eq!(heard.utterances.len(), 1);
    heard
}

async fn is_encrypted(sim: &Sim, length: Duration) {
    let heard = is_whole(sim, length).await;
    assert_eq!(heard.encrypted_frames, heard.packets - heard.silence_frames);
}

#[test]
fn a_bot_that_comes_first_commits() {
    trusting("dave::a_bot_that_comes_first_commits", |authority| async {
        let sim = hall(authority).await;
        let bot = Bot::start(&sim).await;
        bot.join(HALL, STAGE).await;
        assert!(sim.wait_bot_in_voice(HALL, Some(STAGE), PATIENCE).await);
        sim.join_voice(ADA, HALL, STAGE).unwrap();
        assert!(sim.wait_bot_encrypted(HALL, PATIENCE).await);
        let length = Duration::from_secs(2);
        bot.play(HALL, tone::wav(440.0, length)).await;
        is_encrypted(&sim, length).await;
        bot.stop().await;
        sim.shutdown().await;
    });
}

#[test]
fn a_bot_that_comes_second_is_welcomed() {
    trusting(
        "dave::a_bot_that_comes_second_is_welcomed",
        |authority| async {
            let sim = hall(authority).await;
            let bot = Bot::start(&sim).await;
            for user in [ADA, BEN] {
                sim.join_voice(user, HALL, STAGE).unwrap();
            }
            bot.join(HALL, STAGE).await;
            assert!(sim.wait_bot_encrypted(HALL, PATIENCE).await);
            let length = Duration::from_secs(2);
            bot.play(HALL, tone::wav(440.0, length)).await;
            is_encrypted(&sim, length).await;
        },
    );
}

#[test]
fn no_frame_is_lost_while_people_come_and_go() {
    trusting(
        "dave::no_frame_is_lost_while_people_come_and_go",
        |authority| async {
            let sim = hall(authority).await;
            let bot = Bot::start(&sim).await;
            sim.join_voice(ADA, HALL, STAGE).unwrap();
            bot.join(HALL, STAGE).await;
            assert!(sim.wait_bot_encrypted(HALL, PATIENCE).await);
            let length = Duration::from_secs(5);
            bot.play(HALL, tone::wav(440.0, length)).await;
            let moves = [(BEN, true), (ADA, false), (EVE, true), (BEN, false)];
            for (n, (user, comes)) in (1..).zip(moves) {
                assert!(sim.wait_packets(HALL, 40 * n, PATIENCE).await);
                if comes {
                    sim.join_voice(user, HALL, STAGE).unwrap();
                } else {
                    sim.leave_voice(user, HALL).unwrap();
                }
            }
            is_encrypted(&sim, length).await;
        },
    );
}

#[test]
fn who_plays_alone_is_heard_in_the_clear() {
    trusting(
        "dave::who_plays_alone_is_heard_in_the_clear",
        |authority| async {
            let sim = hall(authority).await;
            let bot = Bot::start(&sim).await;
            bot.join(HALL, STAGE).await;
            let length = Duration::from_secs(1);
            bot.play(HALL, tone::wav(440.0, length)).await;
            let heard = is_whole(&sim, length).await;
            assert_eq!(heard.encrypted_frames, 0);

            // Who comes in the middle hears nothing until there is a key.
            sim.clear_heard(HALL);
            bot.play(HALL, tone::wav(440.0, Duration::from_secs(2)))
                .await;
            assert!(sim.wait_packets(HALL, 25, PATIENCE).await);
            sim.join_voice(ADA, HALL, STAGE).unwrap();
            assert!(sim.wait_bot_encrypted(HALL, PATIENCE).await);
            let opened = || sim.heard(HALL).encrypted_frames >= 25;
            eventually("frames that she can open", opened).await;
            let heard = sim.heard(HALL);
            let lost = heard.unencrypted_frames;
            assert!((1..50).contains(&lost), "{lost} frames in the clear");
            assert_eq!(heard.undecryptable_frames, 0);
        },
    );
}

#[test]
fn a_group_begins_anew_in_the_middle() {
    trusting(
        "dave::a_group_begins_anew_in_the_middle",
        |authority| async {
            let sim = hall(authority).await;
            let bot = Bot::start(&sim).await;
            sim.join_voice(ADA, HALL, STAGE).unwrap();
            bot.join(HALL, STAGE).await;
            assert!(sim.wait_bot_encrypted(HALL, PATIENCE).await);
            let before = sim.dave_group(HALL).unwrap().transitions;
            sim.restart_dave(HALL).unwrap();
            let again = sim.wait_dave_group(HALL, PATIENCE, |group| {
                group.is_settled && group.transitions > before
            });
            assert!(again.await);
            let length = Duration::from_secs(1);
            bot.play(HALL, tone::wav(440.0, length)).await;
            is_encrypted(&sim, length).await;
            sim.leave_voice(21, HALL).unwrap();
            assert!(sim.restart_dave(HALL).is_err());
        },
    );
}

#[test]
fn two_bots_and_a_listener_are_in_one_group() {
    trusting(
        "dave::two_bots_and_a_listener_are_in_one_group",
        |authority| async {
            let one = hall(authority).await;
            let two = one.for_bot(22);
            let (first, second) = (Bot::start(&one).await, Bot::start(&two).await);
            first.join(HALL, STAGE).await;
            second.join(HALL, STAGE).await;
            // Among themselves they have a group that nobody listens in.
            assert!(one.wait_bot_encrypted(HALL, PATIENCE).await);
            assert!(two.wait_bot_encrypted(HALL, PATIENCE).await);
            first
                .play(HALL, tone::wav(440.0, Duration::from_millis(500)))
                .await;
            let unheard = || {
                let heard = one.heard(HALL);
                heard.undecryptable_frames >= 20 && heard.silence_frames >= 5
            };
            eventually("frames that nobody can open, to the last", unheard).await;
            let heard = one.heard(HALL);
            assert_eq!(heard.encrypted_frames, heard.undecryptable_frames);
            assert_eq!(heard.packets, heard.silence_frames);

            one.join_voice(ADA, HALL, STAGE).unwrap();
            let together = one.wait_dave_group(HALL, PATIENCE, |group| {
                group.is_settled && group.members.len() == 3
            });
            assert!(together.await);
            let length = Duration::from_secs(2);
            for (sim, bot) in [(&one, &first), (&two, &second)] {
                sim.clear_heard(HALL);
                bot.play(HALL, tone::wav(440.0, length)).await;
            }
            for sim in [&one, &two] {
                is_encrypted(sim, length).await;
            }
        },
    );
}

#[test]
fn encryption_can_be_switched_off() {
    trusting("dave::encryption_can_be_switched_off", |authority| async {
        let settings = Settings {
            authority_path: Some(authority),
            dave: Dave::Off,
            ..Settings::default()
        };
        let sim = Sim::start(settings).await.unwrap();
        let bot = Bot::start(&sim).await;
        let lab = sim.guilds()[0].clone();
        bot.join(lab.id, lab.voice_channel.unwrap()).await;
        let length = Duration::from_secs(1);
        bot.play(lab.id, tone::wav(440.0, length)).await;
        let sound = sim.wait_utterance(lab.id, 0, PATIENCE).await.unwrap();
        assert_lasts(&sound, length);
        assert_eq!(sim.heard(lab.id).encrypted_frames, 0);
    });
}
