//! So that a flood of connections does not become a flood of events: a few a second are told
//! as they come, what comes beyond them is summed up by kind and told later.

use super::Connection;
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Told of one attempt in a [`SPAN`].
const FEW: u32 = 4;
pub const SPAN: Duration = Duration::from_secs(1);
/// Kinds that are kept apart while they wait; the rest becomes one.
const KINDS: usize = 32;

/// Waiting connections, oldest kind first.
#[derive(Debug, Default)]
pub struct Tally {
    span: Option<Instant>,
    told: u32,
    held: VecDeque<Connection>,
}

impl Tally {
    /// Gives back what is to be told at once; else it is held.
    pub fn take(&mut self, now: Instant, connection: Connection) -> Option<Connection> {
        if self.span.is_none_or(|start| now >= start + SPAN) {
            (self.span, self.told) = (Some(now), 0);
        }
        if self.told < FEW && self.held.is_empty() {
            self.told += 1;
            return Some(connection);
        }
        let alike = |held: &&mut Connection| {
            (&held.host, held.port, held.allowed, &held.reason)
                == (&connection.host, connection.port, connection.allowed, &connection.reason)
        };
        if let Some(held) = self.held.iter_mut().find(alike) {
            add(held, &connection);
        } else if self.held.len() < KINDS {
            self.held.push_back(connection);
        } else if let Some(last) = self.held.back_mut() {
            let reason = Some("too many to be told one by one".to_owned());
            let allowed = last.allowed || connection.allowed;
            add(last, &connection);
            *last = Connection {
                host: "several hosts".to_owned(),
                port: 0,
                allowed,
                reason,
                ..last.clone()
            };
        }
        None
    }

    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The next few of those that wait, for a new span.
    pub fn next(&mut self, now: Instant) -> Vec<Connection> {
        let few: Vec<_> = self.held.drain(..self.held.len().min(FEW as usize)).collect();
        (self.span, self.told) = (Some(now), few.len() as u32);
        few
    }

    /// All of them.
    pub fn rest(&mut self) -> VecDeque<Connection> {
        std::mem::take(&mut self.held)
    }
}

fn add(sum: &mut Connection, one: &Connection) {
    sum.count += one.count;
    sum.sent += one.sent;
    sum.received += one.received;
    sum.duration_ms += one.duration_ms;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(host: &str) -> Connection {
        Connection { host: host.to_owned(), port: 443, count: 1, sent: 2, ..Connection::default() }
    }

    #[test]
    fn a_flood_is_told_as_few() {
        let (mut tally, start) = (Tally::default(), Instant::now());
        let at_once = (0..1000).filter_map(|_| tally.take(start, refused("a"))).count();
        assert_eq!(at_once, FEW as usize);
        let held = tally.next(start + SPAN);
        assert_eq!(held.len(), 1);
        assert_eq!((held[0].count, held[0].sent), (996, 1992));
        assert!(tally.is_empty());
        // The span that began with it has room for three more.
        let more = (0..9).filter_map(|_| tally.take(start + SPAN, refused("a"))).count();
        assert_eq!(more, FEW as usize - 1);
        let later = start + SPAN * 2;
        assert_eq!(tally.take(later, refused("a")), None, "it would overtake those that wait");
    }

    #[test]
    fn a_scan_of_hosts_is_bounded_too() {
        let (mut tally, start) = (Tally::default(), Instant::now());
        let told = (0..5000).filter_map(|n| tally.take(start, refused(&n.to_string()))).count();
        let rest = tally.rest();
        assert_eq!((told, rest.len()), (FEW as usize, KINDS));
        assert_eq!(rest.iter().map(|held| held.count).sum::<u64>() + told as u64, 5000);
        assert_eq!(rest.back().unwrap().host, "several hosts");
    }
}
