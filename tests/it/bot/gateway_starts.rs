//! How often the bot asks Discord for a session: never so often that its token is voided.

use std::time::Duration;

use discord_sim::{GatewayLimits, Interruption, LoginRefusal};
use yuri::db::session_starts;
use yuri::domain::guilds::Outage;

use super::installation::{Installation, Started};
use super::stage::START_MS;

const DAY: Duration = Duration::from_hours(24);

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_loop_keeps_its_distance() {
    let house = Installation::new().await;
    for starts in 1..=3 {
        let started = house.start().await;
        if starts > 1 {
            house.advance(Duration::from_millis(4_999));
            started
                .stays(|started| house.identifies() == starts - 1 && !started.is_connected())
                .await;
            house.advance(Duration::from_millis(1));
        }
        started.until(Started::is_connected).await;
        assert_eq!(house.identifies(), starts);
        started.stop().await;
    }
    house.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_has_two_hundred_sessions() {
    let house = Installation::new().await;
    let started = house.start().await;
    started.until(Started::is_connected).await;
    let bot = started.app.config.discord.bot_id().unwrap();
    // What a crash loop of some minutes has left behind.
    let insert = move |conn: &mut yuri::db::AnyConnection| {
        (1..=198).try_for_each(|start| session_starts::insert(conn, bot, START_MS - start * 60_000))
    };
    started.app.db.write(insert).await.unwrap();
    started.stop().await;

    house.advance(Duration::from_secs(5));
    let started = house.start().await;
    started.until(Started::is_connected).await;
    assert_eq!(house.identifies(), 2);
    started.stop().await;

    house.advance(Duration::from_mins(1));
    let started = house.start().await;
    started
        .until(|started| started.outage() == Outage::StartsUsedUp)
        .await;
    house.advance(Duration::from_hours(20));
    started.stays(|_| house.identifies() == 2).await;
    house.advance(Duration::from_hours(2));
    started.until(Started::is_connected).await;
    assert_eq!(house.identifies(), 3);
    started.stop().await;
    house.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_discord_leaves_is_respected() {
    let house = Installation::with(GatewayLimits {
        session_starts: 1,
        ..GatewayLimits::default()
    })
    .await;
    let token = house.sim.application().bot_token;
    let started = house.start().await;
    started.until(Started::is_connected).await;
    started.stop().await;

    house.advance(Duration::from_secs(5));
    let started = house.start().await;
    started
        .until(|started| started.outage() == Outage::StartsUsedUp)
        .await;
    house.advance(DAY - Duration::from_mins(1));
    started.stays(|_| house.identifies() == 1).await;
    // The wait is a little longer than Discord says, so that not all bots come at once.
    house.advance(Duration::from_mins(20));
    started.until(Started::is_connected).await;
    assert_eq!(house.identifies(), 2);
    assert_eq!(house.sim.application().bot_token, token);
    started.stop().await;
    house.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_discord_ends_at_once_are_asked_for_ever_less_often() {
    let house = Installation::new().await;
    let invalid = LoginRefusal::InvalidSession { resumable: false };
    house.sim.refuse_logins(1_000, invalid);
    let started = house.start().await;
    let waits = |count| {
        let house = &house;
        async move {
            house.advance_until(|| house.identifies() >= count).await;
            house.clock.monotonic()
        }
    };
    waits(6).await;
    // By now one comes each two minutes or more: 5, 10, 20, 40, 80 seconds.
    let before = house.clock.monotonic();
    let after = waits(7).await;
    assert!(
        after - before > Duration::from_mins(1),
        "{:?}",
        after - before
    );
    assert!(!started.is_connected());

    house.sim.clear_refusals();
    house.advance_until(|| started.is_connected()).await;
    started.stop().await;
    house.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_over_costs_one_more() {
    let house = Installation::new().await;
    let started = house.start().await;
    started.until(Started::is_connected).await;
    assert!(house.sim.wait_command("play", super::stage::PATIENCE).await);
    let registered = || {
        let requests = house.sim.requests().into_iter();
        let puts = requests.filter(|request| request.method == "PUT");
        puts.filter(|request| request.path.ends_with("/commands"))
            .count()
    };
    // The command is there before the request for it is written down.
    started.until(|_| registered() == 1).await;
    let guilds = started.app.guilds.gateway().guilds().map(|all| all.len());

    let over = Interruption::InvalidSession { resumable: false };
    for identifies in 2..=3 {
        assert_eq!(house.sim.interrupt_gateway(None, over), 1);
        started.until(|started| !started.is_connected()).await;
        house.advance_until(|| started.is_connected()).await;
        assert_eq!(house.identifies(), identifies);
    }
    assert_eq!((registered(), house.resumes()), (1, 0));
    let now = started.app.guilds.gateway().guilds().map(|all| all.len());
    assert_eq!(now, guilds);
    // What comes now comes once.
    let guild = house.sim.guilds()[0].id;
    house.sim.rename_guild(guild, "Renamed").unwrap();
    let id = yuri::ids::GuildId::try_from(guild).unwrap();
    started
        .until(|started| {
            let guild = started.app.guilds.gateway().guild(id);
            guild.is_some_and(|guild| guild.name == "Renamed")
        })
        .await;
    started.stop().await;
    house.sim.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_rows_a_process_counts_by_itself() {
    let house = Installation::new().await;
    let started = house.start().await;
    started.until(Started::is_connected).await;
    let drop_table = |conn: &mut yuri::db::AnyConnection| {
        use diesel::connection::SimpleConnection as _;
        conn.batch_execute("DROP TABLE session_starts")
    };
    started.app.db.write(drop_table).await.unwrap();
    let over = Interruption::InvalidSession { resumable: false };
    house.sim.interrupt_gateway(None, over);
    started.until(|started| !started.is_connected()).await;
    house.advance_until(|| started.is_connected()).await;
    assert_eq!(house.identifies(), 2);
    assert!(house.clock.monotonic() >= Duration::from_secs(5));
    started.stop().await;
    house.sim.shutdown().await;
}
