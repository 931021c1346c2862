//! Slots and queue, with a clock that stands still between the steps.

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

/// Acquires a slot in its own task.
fn ask(slots: &Arc<Slots>) -> JoinHandle<Result<Slot, Error>> {
    let slots = slots.clone();
    tokio::spawn(async move { slots.acquire(1).await })
}

/// Lets every task run until it waits.
async fn settle() {
    for _ in 0..8 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_slot_goes_to_the_first_waiter() {
    let slots = slots(1, 2);
    let held = slots.acquire(1).await.unwrap();
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
async fn a_full_queue_rejects_at_once() {
    let slots = slots(1, 1);
    let _held = slots.acquire(1).await.unwrap();
    let _waits = ask(&slots);
    settle().await;
    let error = slots.acquire(1).await.unwrap_err();
    assert_eq!((error.status.as_u16(), error.code), (429, "overloaded"));
    assert_eq!(error.headers, [(RETRY_AFTER, 1_u64.into())]);
    assert!(error.message.contains("queue is full"), "{}", error.message);
}

#[tokio::test(start_paused = true)]
async fn without_a_queue_no_request_waits() {
    let slots = slots(1, 0);
    let _held = slots.acquire(1).await.unwrap();
    assert!(slots.acquire(1).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_times_out_is_rejected_and_leaves_the_queue() {
    let slots = slots(1, 1);
    let _held = slots.acquire(1).await.unwrap();
    let started = tokio::time::Instant::now();
    let error = slots.acquire(1).await.unwrap_err();
    assert!(error.message.contains("stayed in use"), "{}", error.message);
    assert_eq!(started.elapsed().as_secs(), 1);
    assert_eq!(slots.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_waiter_leaves_the_queue_and_takes_no_slot() {
    let slots = slots(1, 1);
    let held = slots.acquire(1).await.unwrap();
    let cancelled = ask(&slots);
    settle().await;
    cancelled.abort();
    settle().await;
    assert_eq!(slots.waiting(), 0);
    let next = ask(&slots);
    settle().await;
    drop(held);
    assert!(next.await.unwrap().is_ok());
    assert_eq!(slots.in_use(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_late_request_does_not_jump_the_queue() {
    let slots = slots(1, 1);
    let held = slots.acquire(1).await.unwrap();
    let waits = ask(&slots);
    settle().await;
    drop(held);
    // The waiter has not run yet, but it has the slot already.
    assert!(slots.free.clone().try_acquire_owned().is_err());
    assert!(waits.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn one_caller_cannot_take_all_slots() {
    let slots = slots(200, 100);
    let take = async |caller| {
        let mut held = Vec::new();
        while let Ok(slot) = slots.acquire(caller).await {
            held.push(slot);
        }
        held
    };
    let one = take(1).await;
    assert_eq!((one.len(), slots.in_use()), (150, 150), "half of slots and queue");
    let two = take(2).await;
    assert_eq!((two.len(), slots.in_use()), (50, 200), "the others; the next one waits in vain");
    drop((one, two));
    assert_eq!((slots.in_use(), slots.waiting(), slots.requests.lock().unwrap().used), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_single_caller_uses_all_of_a_few_slots() {
    let slots = slots(4, 4);
    let held =
        [slots.acquire(1).await, slots.acquire(1).await, slots.acquire(1).await, slots.acquire(1).await];
    assert!(held.iter().all(Result::is_ok));
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Ask,
    Release(usize),
    Cancel(usize),
    Wait(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Ask),
        3 => (0..8_usize).prop_map(Step::Release),
        1 => (0..8_usize).prop_map(Step::Cancel),
        1 => (1..600_u64).prop_map(Step::Wait),
    ]
}

/// Outcomes, by the number of the request.
#[derive(Default)]
struct Seen {
    held: Vec<(usize, Slot)>,
    rejected: Vec<usize>,
}

async fn run(count: usize, queue: usize, steps: Vec<Step>) {
    let (slots, seen) = (slots(count, queue), Arc::new(Mutex::new(Seen::default())));
    let mut tasks = Vec::new();
    // A model: the requests that hold a slot, wait (and until when), and were rejected.
    let (mut held, mut waiting, mut rejected) = (Vec::new(), VecDeque::<(usize, u64)>::new(), Vec::new());
    let mut now = 0;
    for step in steps {
        match step {
            Step::Ask => {
                let (number, slots, seen) = (tasks.len(), slots.clone(), seen.clone());
                tasks.push(tokio::spawn(async move {
                    let outcome = slots.acquire(1).await;
                    let mut seen = seen.lock().unwrap();
                    match outcome {
                        Ok(slot) => seen.held.push((number, slot)),
                        Err(_) => seen.rejected.push(number),
                    }
                }));
                match (held.len() < count, waiting.len() < queue) {
                    (true, _) => held.push(number),
                    (false, true) => waiting.push_back((number, now + 1000)),
                    (false, false) => rejected.push(number),
                }
            }
            Step::Release(pick) if !held.is_empty() => {
                let number = held.remove(pick % held.len());
                let mut seen = seen.lock().unwrap();
                let at = seen.held.iter().position(|(n, _)| *n == number).unwrap();
                drop(seen.held.remove(at));
                held.extend(waiting.pop_front().map(|(number, _)| number));
            }
            Step::Cancel(pick) if !waiting.is_empty() => {
                let (number, _) = waiting.remove(pick % waiting.len()).unwrap();
                tasks[number].abort();
            }
            Step::Wait(millis) => {
                advance(Duration::from_millis(millis)).await;
                now += millis;
                while waiting.front().is_some_and(|(_, until)| *until <= now) {
                    rejected.extend(waiting.pop_front().map(|(number, _)| number));
                }
            }
            Step::Release(_) | Step::Cancel(_) => {}
        }
        settle().await;
        let seen = seen.lock().unwrap();
        let numbers: Vec<usize> = seen.held.iter().map(|(number, _)| *number).collect();
        assert_eq!((numbers, &seen.rejected), (held.clone(), &rejected));
        assert_eq!((slots.in_use(), slots.waiting()), (held.len(), waiting.len()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn slots_match_a_model_whatever_happens(
        count in 1..4_usize, queue in 0..4_usize, steps in prop::collection::vec(any_step(), 1..30),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(run(count, queue, steps));
    }
}
