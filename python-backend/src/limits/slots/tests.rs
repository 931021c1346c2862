//! Slots and queue, under a clock that stands still between the steps.

use std::collections::VecDeque;
use std::sync::Mutex;

use proptest::prelude::*;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::advance;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn slots(count: usize, queue: usize) -> Arc<Slots> {
    Arc::new(Slots::new(count, queue, SECOND))
}

/// Asks for a slot in a task of its own.
fn ask(slots: &Arc<Slots>) -> JoinHandle<Result<Slot, Error>> {
    let slots = slots.clone();
    tokio::spawn(async move { slots.acquire().await })
}

/// Lets every task run until it waits.
async fn settle() {
    for _ in 0..8 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_slot_goes_to_whoever_waits_first() {
    let slots = slots(1, 2);
    let held = slots.acquire().await.unwrap();
    let first = ask(&slots);
    settle().await;
    let second = ask(&slots);
    settle().await;
    assert_eq!((slots.in_use(), slots.waiting()), (1, 2));
    drop(held);
    settle().await;
    assert!(first.is_finished() && !second.is_finished());
    drop(first.await.unwrap().unwrap());
    drop(second.await.unwrap().unwrap());
    assert_eq!((slots.in_use(), slots.waiting()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_sheds_at_once() {
    let slots = slots(1, 1);
    let _held = slots.acquire().await.unwrap();
    let _waits = ask(&slots);
    settle().await;
    let error = slots.acquire().await.unwrap_err();
    assert_eq!((error.status.as_u16(), error.code), (429, "overloaded"));
    assert_eq!(error.headers, [(RETRY_AFTER, 1_u64.into())]);
    assert!(error.message.contains("queue is full"), "{}", error.message);
}

#[tokio::test(start_paused = true)]
async fn without_a_queue_nobody_waits() {
    let slots = slots(1, 0);
    let _held = slots.acquire().await.unwrap();
    assert!(slots.acquire().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_over_sheds_and_leaves_the_queue() {
    let slots = slots(1, 1);
    let _held = slots.acquire().await.unwrap();
    let started = tokio::time::Instant::now();
    let error = slots.acquire().await.unwrap_err();
    assert!(error.message.contains("stayed in use"), "{}", error.message);
    assert_eq!(started.elapsed().as_secs(), 1);
    assert_eq!(slots.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_goes_away_leaves_the_queue_and_takes_no_slot() {
    let slots = slots(1, 1);
    let held = slots.acquire().await.unwrap();
    let gone = ask(&slots);
    settle().await;
    gone.abort();
    settle().await;
    assert_eq!(slots.waiting(), 0);
    let next = ask(&slots);
    settle().await;
    drop(held);
    assert!(next.await.unwrap().is_ok());
    assert_eq!(slots.in_use(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_comes_late_does_not_pass_the_queue() {
    let slots = slots(1, 1);
    let held = slots.acquire().await.unwrap();
    let waits = ask(&slots);
    settle().await;
    drop(held);
    // The one who waits has not run yet, and has the slot already.
    assert!(slots.free.clone().try_acquire_owned().is_err());
    assert!(waits.await.unwrap().is_ok());
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Ask,
    Release(usize),
    GoAway(usize),
    Pass(u64),
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => Just(Act::Ask),
        3 => (0..8_usize).prop_map(Act::Release),
        1 => (0..8_usize).prop_map(Act::GoAway),
        1 => (1..600_u64).prop_map(Act::Pass),
    ]
}

/// Who got what, by the number of the request.
#[derive(Default)]
struct Seen {
    held: Vec<(usize, Slot)>,
    refused: Vec<usize>,
}

async fn run(count: usize, queue: usize, acts: Vec<Act>) {
    let (slots, seen) = (slots(count, queue), Arc::new(Mutex::new(Seen::default())));
    let mut tasks = Vec::new();
    // The same by hand: who holds, who waits and until when, who was refused.
    let (mut held, mut waiting, mut refused) = (Vec::new(), VecDeque::<(usize, u64)>::new(), Vec::new());
    let mut now = 0;
    for act in acts {
        match act {
            Act::Ask => {
                let (number, slots, seen) = (tasks.len(), slots.clone(), seen.clone());
                tasks.push(tokio::spawn(async move {
                    let outcome = slots.acquire().await;
                    let mut seen = seen.lock().unwrap();
                    match outcome {
                        Ok(slot) => seen.held.push((number, slot)),
                        Err(_) => seen.refused.push(number),
                    }
                }));
                match (held.len() < count, waiting.len() < queue) {
                    (true, _) => held.push(number),
                    (false, true) => waiting.push_back((number, now + 1000)),
                    (false, false) => refused.push(number),
                }
            }
            Act::Release(pick) if !held.is_empty() => {
                let number = held.remove(pick % held.len());
                let mut seen = seen.lock().unwrap();
                let at = seen.held.iter().position(|(n, _)| *n == number).unwrap();
                drop(seen.held.remove(at));
                held.extend(waiting.pop_front().map(|(number, _)| number));
            }
            Act::GoAway(pick) if !waiting.is_empty() => {
                let (number, _) = waiting.remove(pick % waiting.len()).unwrap();
                tasks[number].abort();
            }
            Act::Pass(millis) => {
                advance(Duration::from_millis(millis)).await;
                now += millis;
                while waiting.front().is_some_and(|(_, until)| *until <= now) {
                    refused.extend(waiting.pop_front().map(|(number, _)| number));
                }
            }
            Act::Release(_) | Act::GoAway(_) => {}
        }
        settle().await;
        let seen = seen.lock().unwrap();
        let numbers: Vec<usize> = seen.held.iter().map(|(number, _)| *number).collect();
        assert_eq!((numbers, &seen.refused), (held.clone(), &refused));
        assert_eq!((slots.in_use(), slots.waiting()), (held.len(), waiting.len()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn whatever_happens_the_slots_are_as_counted_by_hand(
        count in 1..4_usize, queue in 0..4_usize, acts in prop::collection::vec(any_act(), 1..30),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(run(count, queue, acts));
    }
}
