//! What is taken out of a swarm's queue, and put back.

use super::{
    requests::still_open,
    state::Swarm,
    step::{Decision, Draft, Reply},
};
use crate::model::{Dropped, Event, Item, ItemState, Refusal, RefusalCode};

/// Takes items out that nobody has begun with.
///
/// # Errors
/// When one of them is begun or over, or there are not so many.
pub(super) fn drop(swarm: &Swarm, which: &Dropped) -> Result<Decision, Refusal> {
    still_open(swarm)?;
    let mut waits: Vec<u32> =
        swarm.items.iter().filter(|it| waits(it)).map(|it| it.index).collect();
    let items = match which {
        Dropped::Last(0) => return Err(invalid("0 items: say how many")),
        Dropped::Last(count) => {
            let Some(from) = waits.len().checked_sub(*count as usize) else {
                let why = format!("only {} of {}'s items wait in its queue", waits.len(), swarm.id);
                return Err(Refusal::new(RefusalCode::Conflict, why)
                    .hinted("what is at work is ended by `dash agent stop`"));
            };
            waits.split_off(from)
        }
        Dropped::Items(items) => named(swarm, items, |item| match waits.contains(&item.index) {
            true => Ok(()),
            false => {
                let why = format!("item {} of {} is {}", item.index, swarm.id, word(item));
                Err(Refusal::new(RefusalCode::Conflict, why)
                    .hinted("only what nobody has begun with is dropped"))
            }
        })?,
    };
    Ok(done(swarm, items.clone(), Event::ItemsDropped { items }))
}

/// Puts dropped items back; none named: all of them.
///
/// # Errors
/// When one of them was not dropped, or none was.
pub(super) fn restore(swarm: &Swarm, items: &[u32]) -> Result<Decision, Refusal> {
    still_open(swarm)?;
    let dropped = |item: &Item| item.state == ItemState::Dropped;
    let items = if items.is_empty() {
        swarm.items.iter().filter(|item| dropped(item)).map(|item| item.index).collect()
    } else {
        named(swarm, items, |item| match dropped(item) {
            true => Ok(()),
            false => {
                let why = format!("item {} of {} was not dropped", item.index, swarm.id);
                Err(Refusal::new(RefusalCode::Conflict, why))
            }
        })?
    };
    if items.is_empty() {
        let why = format!("no item of {} was dropped", swarm.id);
        return Err(Refusal::new(RefusalCode::Conflict, why));
    }
    Ok(done(swarm, items.clone(), Event::ItemsRestored { items }))
}

/// An agent's own item, as a child has one, is no part of the queue.
fn waits(item: &Item) -> bool {
    item.state == ItemState::Queued && item.agent.is_none()
}

fn named(
    swarm: &Swarm,
    items: &[u32],
    fits: impl Fn(&Item) -> Result<(), Refusal>,
) -> Result<Vec<u32>, Refusal> {
    if items.is_empty() {
        return Err(invalid("which items? Name their numbers"));
    }
    for index in items {
        let at = (*index as usize).checked_sub(1);
        let Some(item) = at.and_then(|at| swarm.items.get(at)) else {
            let why = format!("{} has no item {index}", swarm.id);
            return Err(Refusal::new(RefusalCode::NotFound, why)
                .hinted(format!("dash item list --swarm {}", swarm.id)));
        };
        fits(item)?;
    }
    let mut items = items.to_vec();
    items.sort_unstable();
    items.dedup();
    Ok(items)
}

fn done(swarm: &Swarm, items: Vec<u32>, event: Event) -> Decision {
    Decision {
        events: vec![Draft::swarm(&swarm.id, event)],
        reply: Some(Reply::Items(items)),
        ..Decision::default()
    }
}

fn invalid(why: &str) -> Refusal {
    Refusal::new(RefusalCode::Invalid, why)
}

fn word(item: &Item) -> &'static str {
    match item.state {
        ItemState::Queued => "its agent's own",
        ItemState::Working => "at work",
        ItemState::Done => "done",
        ItemState::Failed => "failed",
        ItemState::Stopped => "stopped",
        ItemState::Dropped => "dropped already",
    }
}
