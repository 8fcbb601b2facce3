//! Guilds' own commands, as they are kept.

use std::collections::HashSet;
use std::sync::Arc;

use yuri::clock::Clock;
use yuri::db::{Db, guild_commands};
use yuri::domain::commands::{Change, Command, Commands, Expected, Response, Text, Unregistered};
use yuri::domain::events::Events;
use yuri::domain::library::Library;
use yuri::error::Error;
use yuri::ids::GuildId;

use super::on_each_backend;

fn guild(id: u64) -> GuildId {
    GuildId::try_from(id).unwrap()
}

fn commands(db: &Db) -> Commands {
    let library = Library::open("/nowhere".into());
    let built_in = HashSet::from(["play".to_owned()]);
    let events = Arc::new(Events::unheard(&Clock::system()));
    Commands::new(
        db.clone(),
        library,
        built_in,
        Arc::new(Unregistered),
        events,
    )
}

fn text(content: &str) -> Response {
    Response::Text(Text {
        content: content.to_owned(),
    })
}

fn rename(name: &str) -> Change {
    Change {
        name: Some(name.to_owned()),
        response: None,
    }
}

#[tokio::test]
async fn commands_outlive_those_who_keep_them() {
    on_each_backend(|db| async move {
        let first = commands(&db);
        let rules = first
            .create(guild(7), "rules", text("be nice"))
            .await
            .unwrap();
        let zebra = first
            .create(guild(7), "zebra", text("🦓 {user}"))
            .await
            .unwrap();
        let other = first
            .create(guild(8), "rules", text("be loud"))
            .await
            .unwrap();
        assert_eq!((rules.version, zebra.version), (1, 1));

        let second = commands(&db);
        let read = second.list(guild(7)).await.unwrap();
        assert_eq!(read, Arc::new(vec![rules.clone(), zebra.clone()]));
        let change = Change {
            name: Some("a-rule".to_owned()),
            response: Some(text("be very nice")),
        };
        let changed = second
            .change(guild(7), rules.id, change, Expected::Any)
            .await
            .unwrap();
        let expected = Command {
            name: "a-rule".to_owned(),
            response: text("be very nice"),
            version: 2,
            ..rules
        };
        assert_eq!(changed, expected);
        second
            .delete(guild(7), zebra.id, Expected::Versions(vec![1]))
            .await
            .unwrap();

        let third = commands(&db);
        assert_eq!(*third.list(guild(7)).await.unwrap(), [changed]);
        assert_eq!(third.list(guild(8)).await.unwrap().first(), Some(&other));
        // A command of another guild is out of reach, and no number is used again.
        for id in [zebra.id, other.id] {
            let gone = third.delete(guild(7), id, Expected::Any).await.unwrap_err();
            assert!(matches!(gone, Error::NotFound(_)), "{gone}");
        }
        let next = third
            .create(guild(7), "zebra", text("again"))
            .await
            .unwrap();
        assert!(next.id > other.id);
    })
    .await;
}

#[tokio::test]
async fn of_two_changes_at_once_one_is_made() {
    on_each_backend(|db| async move {
        let commands = commands(&db);
        let rules = commands.create(guild(7), "rules", text("x")).await.unwrap();
        let both = ["a", "b"].map(|name| {
            let expected = Expected::Versions(vec![1]);
            commands.change(guild(7), rules.id, rename(name), expected)
        });
        let [a, b] = both;
        let (a, b) = tokio::join!(a, b);
        assert!(a.is_ok() != b.is_ok());
        let refused = a.and(b).unwrap_err();
        assert!(matches!(refused, Error::Precondition(_)), "{refused}");
        assert_eq!(commands.get(guild(7), rules.id).await.unwrap().version, 2);
    })
    .await;
}

#[tokio::test]
async fn what_another_version_has_written_is_passed_over() {
    on_each_backend(|db| async move {
        db.write(move |conn| guild_commands::insert(conn, guild(7), "old", r#"{"type":"song"}"#))
            .await
            .unwrap();
        let commands = commands(&db);
        commands.create(guild(7), "rules", text("x")).await.unwrap();
        assert_eq!(commands.list(guild(7)).await.unwrap().len(), 1);
        assert_eq!(commands.find(guild(7), "old").await.unwrap(), None);
        let taken = commands
            .create(guild(7), "old", text("x"))
            .await
            .unwrap_err();
        assert!(matches!(taken, Error::Conflict(_)), "{taken}");
    })
    .await;
}

#[tokio::test]
async fn a_name_is_found_in_any_case_and_never_one_of_the_bots_own() {
    on_each_backend(|db| async move {
        let rules = r#"{"type":"text","content":"x"}"#;
        db.write(move |conn| {
            guild_commands::insert(conn, guild(7), "tür", rules)?;
            // From before the bot had a command of this name.
            guild_commands::insert(conn, guild(7), "play", rules)
        })
        .await
        .unwrap();
        let commands = commands(&db);
        for name in ["tür", "TÜR", "tu\u{308}r"] {
            let found = commands.find(guild(7), name).await.unwrap();
            assert_eq!(found.map(|it| it.name).as_deref(), Some("tür"), "{name}");
        }
        for name in ["play", "t", "tür auf", ""] {
            assert_eq!(commands.find(guild(7), name).await.unwrap(), None, "{name}");
        }
    })
    .await;
}
