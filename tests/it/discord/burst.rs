//! Many at once: Discord's limit of each second is never met, and who waits for something to happen
//! does not stand behind those who look.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use discord_sim::{RequestRecord, User};
use futures_util::future::join_all;
use yuri::clock::Clock;
use yuri::discord::rest::Urgency;
use yuri::ids::UserId;

use super::Client;
use crate::support::{Answer, Server, Setup};

const READERS: u64 = 500;

/// The most requests that began within one second, whichever.
fn most_in_a_second(requests: &[RequestRecord]) -> usize {
    let mut times: Vec<u64> = requests.iter().map(|request| request.at_ms).collect();
    times.sort_unstable();
    let within = |(place, start): (usize, &u64)| {
        let later = times.iter().skip(place);
        later.take_while(|time| **time < start + 1000).count()
    };
    times
        .iter()
        .enumerate()
        .map(within)
        .max()
        .unwrap_or_default()
}

/// A member with an API token who comes back when told to.
async fn read_until_served(server: &Server, user: UserId) -> u32 {
    let token = server.token(user).await;
    let mut refusals = 0;
    loop {
        let request = server.get(&format!("/api/logs/{}", server.guild()));
        // Each at home, as it would be: an address has a limit of its own.
        let number = user.get() % 1_000;
        let home = format!("10.0.{}.{}", number / 200, 1 + number % 200);
        let request = token.sign(request).header("X-Forwarded-For", home);
        let answer = Answer::of(request).await;
        if answer.status == 200 {
            return refusals;
        }
        assert_eq!(answer.status, 429, "{}", answer.body);
        refusals += 1;
        let wait = answer.json()["error"]["retry_after"].as_f64().unwrap();
        tokio::time::sleep(Duration::from_secs_f64(wait)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_dashboards_stay_within_the_limits() {
    let server = Setup::with_discord()
        .set("YURI_LIMITS__BURST", "1000")
        .set("YURI_HTTP__TRUSTED_PROXIES", "127.0.0.1")
        .start_at(Clock::system())
        .await;
    let readers: Vec<UserId> = (1..=READERS)
        .map(|number| {
            let id = 7_000_000_000_000_000 + number;
            server
                .sim()
                .add_user(User::new(id, &format!("reader{number}")));
            server.sim().add_member(id, server.guild().get()).unwrap();
            UserId::try_from(id).unwrap()
        })
        .collect();
    // The registration of commands is over.
    assert!(
        server
            .sim()
            .wait_command("play", Duration::from_secs(20))
            .await
    );
    server.sim().clear_requests();
    let began = Instant::now();
    let reading = join_all(readers.iter().map(|user| read_until_served(&server, *user)));
    let refusals = reading.await;
    let took = began.elapsed();

    let requests = server.sim().requests();
    let most = most_in_a_second(&requests);
    let refused: BTreeMap<u32, usize> = refusals.iter().fold(BTreeMap::new(), |mut all, times| {
        *all.entry(*times).or_default() += 1;
        all
    });
    eprintln!(
        "{READERS} reads in {took:?}; at most {most} a second; told to come back: {refused:?}"
    );
    assert!(requests.iter().all(|request| request.limited.is_none()));
    assert!(requests.iter().all(|request| request.status == Some(200)));
    assert_eq!(requests.len(), readers.len(), "one request each");
    assert!(most <= 50, "{most}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_does_not_stand_behind_those_who_look() {
    let server = super::server().await;
    let client = Client::new(&server, Clock::system());
    let user = |number: u64| UserId::try_from(number).unwrap();
    // More than fits into five seconds.
    let waiting_still = AtomicUsize::new(300);
    let looking = join_all((1..=300).map(async |it| {
        let answer = client.ask_with(user(it), Urgency::Background).await;
        waiting_still.fetch_sub(1, Ordering::Relaxed);
        answer
    }));
    let waiting = async {
        for number in 1_000..1_020 {
            client.ask(user(number)).await.unwrap();
        }
        waiting_still.load(Ordering::Relaxed)
    };
    let (looked, were_passed) = tokio::join!(looking, waiting);
    assert!(were_passed > 0, "all twenty stood behind those who look");
    let limited = looked.iter().filter(|it| it.is_err()).count();
    // 5 at once, 30 a second for five seconds.
    assert!((100..=150).contains(&limited), "{limited}");
    let requests = server.sim().requests();
    assert!(requests.iter().all(|request| request.limited.is_none()));
    server.stop().await;
}
