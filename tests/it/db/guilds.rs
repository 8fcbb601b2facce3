//! What guilds and members have chosen, as it is kept.

use std::sync::Arc;
use std::time::Duration;

use yuri::audio::Level;
use yuri::db::user_sounds;
use yuri::domain::settings::{GuildSettings, Language, Mode, Settings, Volume};
use yuri::ids::{GuildId, RoleId, UserId};

use super::on_each_backend;

#[tokio::test]
async fn a_guilds_choices_are_kept_and_can_be_taken_back() {
    on_each_backend(|db| async move {
        let guild = GuildId::try_from(7_u64).unwrap();
        let role = |id: u64| RoleId::try_from(id).unwrap();
        let chosen = GuildSettings {
            mode: Mode::Overlap,
            volume: Volume::new(150).unwrap(),
            leave_after: Some(Duration::from_secs(90)),
            dj_roles: vec![role(1), role(2)],
            blocked_roles: vec![role(3)],
            language: Some(Language::German),
            prefix: Some("y!".to_owned()),
            has_entrances: false,
            has_fast_trigger: false,
            joins_early: true,
            loudness: Some(Level::from_db(-20.5)),
        };
        for settings in [chosen, GuildSettings::default()] {
            let wanted = settings.clone();
            let written = Settings::new(db.clone())
                .update(guild, move |settings| *settings = wanted)
                .await
                .unwrap();
            assert_eq!(*written, settings);
            let read = Settings::new(db.clone()).get(guild).await.unwrap();
            assert_eq!(read, Arc::new(settings.clone()));
            let loudness = Settings::new(db.clone()).list_loudness().await.unwrap();
            assert_eq!(loudness, Vec::from_iter(settings.loudness));
        }
        let forever = |settings: &mut GuildSettings| settings.leave_after = None;
        Settings::new(db.clone())
            .update(guild, forever)
            .await
            .unwrap();
        let read = Settings::new(db.clone()).get(guild).await.unwrap();
        assert_eq!(read.leave_after, None);
    })
    .await;
}

#[tokio::test]
async fn a_members_sounds_are_kept_by_occasion() {
    on_each_backend(|db| async move {
        let user = UserId::try_from(9_u64).unwrap();
        let other = UserId::try_from(10_u64).unwrap();
        db.write(move |conn| {
            user_sounds::replace(conn, user, 0, 1, None)?;
            user_sounds::replace(conn, user, 1, 2, Some("nice"))?;
            user_sounds::replace(conn, user, 1, 2, Some("tür"))
        })
        .await
        .unwrap();
        let find = async |user, occasion| {
            let found = db.run(move |conn| user_sounds::find(conn, user, occasion));
            found.await.unwrap()
        };
        assert_eq!(find(user, 0).await, Some((1, None)));
        assert_eq!(find(user, 1).await, Some((2, Some("tür".to_owned()))));
        assert_eq!(find(other, 0).await, None);
    })
    .await;
}
