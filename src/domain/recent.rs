//! What was asked of somebody else a moment ago, and is believed for a while: by our own clock, so
//! that tests move it, and asked for once however many want it at the same time. Whoever keeps
//! answers of Discord's keeps them here.

use std::future::ready;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::Entry;
use moka::future::Cache;
use moka::ops::compute::Op;

use crate::clock::Clock;
use crate::error::Error;

/// Counters that groups share: two in one cost an answer that could have been kept, no more.
const STRIPES: u64 = 1024;

/// Answers by group and key. A group is forgotten as a whole.
pub struct Recent<G, K, V> {
    /// The counter of the group is part of the key: what was asked for before it moved on is not
    /// found afterwards, even if it arrives later.
    kept: Cache<(G, K, u64), Kept<V>>,
    counters: Box<[AtomicU64]>,
    hasher: RandomState,
    clock: Clock,
}

#[derive(Clone)]
struct Kept<V> {
    at: Duration,
    value: V,
}

impl<G, K, V> Recent<G, K, V>
where
    G: Hash + Eq + Copy + Send + Sync + 'static,
    K: Hash + Eq + Copy + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Nothing yet. What is kept weighs at most `weight_max`, as `weigh` has it, and is dropped
    /// after `lifetime` in any case.
    pub fn new(weight_max: u64, weigh: fn(&V) -> usize, lifetime: Duration, clock: Clock) -> Self {
        let weigher = move |_: &(G, K, u64), kept: &Kept<V>| {
            u32::try_from(weigh(&kept.value)).unwrap_or(u32::MAX)
        };
        Self {
            kept: Cache::builder()
                .max_capacity(weight_max)
                .weigher(weigher)
                .time_to_live(lifetime)
                .build(),
            counters: (0..STRIPES).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
            clock,
        }
    }

    /// What is known for less than `age_max`, else what `load` brings. All who ask at the same time
    /// wait for one of them.
    ///
    /// # Errors
    /// Those of `load`, told to all who have waited for it; they are not kept.
    pub async fn get(
        &self,
        group: G,
        key: K,
        age_max: Duration,
        load: impl Future<Output = Result<V, Error>> + Send,
    ) -> Result<V, Error> {
        let key = (group, key, self.count(group));
        if let Some(kept) = self.kept.get(&key).await {
            if self.is_fresh(&kept, age_max) {
                return Ok(kept.value);
            }
            let drop_old = |entry: Option<Entry<(G, K, u64), Kept<V>>>| {
                // Another may have brought a new one in the meantime.
                let is_old = entry.is_some_and(|entry| !self.is_fresh(entry.value(), age_max));
                ready(if is_old { Op::Remove } else { Op::Nop })
            };
            self.kept.entry(key).and_compute_with(drop_old).await;
        }
        let load = async {
            let at = self.clock.monotonic();
            load.await.map(|value| Kept { at, value })
        };
        let loaded = self.kept.try_get_with(key, load).await;
        loaded.map(|kept| kept.value).map_err(|error| error.again())
    }

    /// What is known for less than `age_max`.
    pub async fn find(&self, group: G, key: K, age_max: Duration) -> Option<V> {
        let kept = self.kept.get(&(group, key, self.count(group))).await?;
        self.is_fresh(&kept, age_max).then_some(kept.value)
    }

    /// What `load` brings now, whatever is known; it is kept for others.
    ///
    /// # Errors
    /// Those of `load`.
    pub async fn renew(
        &self,
        group: G,
        key: K,
        load: impl Future<Output = Result<V, Error>> + Send,
    ) -> Result<V, Error> {
        let key = (group, key, self.count(group));
        let at = self.clock.monotonic();
        let value = load.await?;
        let kept = Kept {
            at,
            value: value.clone(),
        };
        self.kept.insert(key, kept).await;
        Ok(value)
    }

    /// From now on nothing is known of a group, nor what is being asked for.
    pub fn forget(&self, group: G) {
        if let Some(counter) = self.counter(group) {
            counter.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// The same of all groups.
    pub fn forget_all(&self) {
        for counter in &self.counters {
            counter.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn is_fresh(&self, kept: &Kept<V>, age_max: Duration) -> bool {
        self.clock.monotonic().saturating_sub(kept.at) < age_max
    }

    fn count(&self, group: G) -> u64 {
        self.counter(group)
            .map_or(0, |counter| counter.load(Ordering::Acquire))
    }

    fn counter(&self, group: G) -> Option<&AtomicU64> {
        let stripe = self.hasher.hash_one(group) % STRIPES;
        self.counters.get(usize::try_from(stripe).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;

    use tokio::sync::Notify;

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn recent() -> (Arc<Recent<u8, (), u32>>, Clock) {
        let clock = Clock::manual(0);
        let recent = Recent::new(100, |_| 1, MINUTE, clock.clone());
        (Arc::new(recent), clock)
    }

    #[tokio::test]
    async fn what_is_known_is_asked_for_again_when_it_is_too_old() {
        let (recent, clock) = recent();
        let get = async |value, age| recent.get(1, (), age, async move { Ok(value) }).await;
        assert_eq!(get(1, MINUTE).await.unwrap(), 1);
        clock.advance(MINUTE.saturating_sub(Duration::from_nanos(1)));
        assert_eq!(get(2, MINUTE).await.unwrap(), 1);
        assert_eq!(get(2, MINUTE / 2).await.unwrap(), 2, "younger is wanted");
        clock.advance(MINUTE);
        assert_eq!(get(3, MINUTE).await.unwrap(), 3);
        let renewed = recent.renew(1, (), async { Ok(4) }).await;
        assert_eq!((renewed.unwrap(), get(5, MINUTE).await.unwrap()), (4, 4));
    }

    #[tokio::test]
    async fn those_who_wait_for_the_same_share_the_answer_or_the_error() {
        let (recent, _) = recent();
        for is_good in [false, true] {
            let (asked, answer) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
            let waiting: Vec<_> = (0..50)
                .map(|_| {
                    let recent = Arc::clone(&recent);
                    let (asked, answer) = (Arc::clone(&asked), Arc::clone(&answer));
                    tokio::spawn(async move {
                        let load = async {
                            asked.fetch_add(1, Ordering::SeqCst);
                            answer.notified().await;
                            let error = Error::Upstream("no", Some("because".into()));
                            if is_good { Ok(7) } else { Err(error) }
                        };
                        recent.get(1, (), MINUTE, load).await
                    })
                })
                .collect();
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            answer.notify_waiters();
            answer.notify_one();
            for one in waiting {
                let told = one.await.unwrap();
                assert_eq!(told.is_ok(), is_good);
                assert!(is_good || told.unwrap_err().to_string() == "no");
            }
            assert_eq!(asked.load(Ordering::SeqCst), 1);
        }
    }

    #[tokio::test]
    async fn what_was_asked_for_before_the_news_is_not_kept() {
        let (recent, _) = recent();
        let late = recent.get(1, (), MINUTE, async {
            recent.forget(1);
            Ok(1)
        });
        assert_eq!(late.await.unwrap(), 1, "it was asked before");
        let get = async |value| recent.get(1, (), MINUTE, async move { Ok(value) }).await;
        assert_eq!(get(2).await.unwrap(), 2);
        let renewed = recent.renew(1, (), async {
            recent.forget_all();
            Ok(3)
        });
        assert_eq!(renewed.await.unwrap(), 3);
        assert_eq!(get(4).await.unwrap(), 4);
    }
}
