//! Who sits where at a host.

use crate::model::AgentId;

pub struct Seats {
    by: Vec<Taken>,
    /// Nobody comes any more.
    pub closed: bool,
}

#[derive(Clone, PartialEq)]
enum Taken {
    Free,
    By(AgentId),
    /// Not to be taken again by another.
    Worn(AgentId),
}

impl Seats {
    pub fn new(count: usize) -> Self {
        Self { by: vec![Taken::Free; count], closed: false }
    }

    pub fn taken(&self) -> usize {
        self.by.iter().filter(|seat| matches!(seat, Taken::By(_))).count()
    }

    pub fn has(&self, agent: &AgentId) -> bool {
        self.by.contains(&Taken::By(agent.clone()))
    }

    /// The first that is free.
    pub fn free(&self) -> Option<usize> {
        self.by.iter().position(|seat| *seat == Taken::Free)
    }

    /// `seat`, which an earlier run of the agent's had, while it is nobody else's.
    pub fn again(&self, seat: usize, agent: &AgentId) -> Option<usize> {
        match self.by.get(seat)? {
            Taken::Free => Some(seat),
            Taken::Worn(by) => (by == agent).then_some(seat),
            Taken::By(_) => None,
        }
    }

    pub fn take(&mut self, seat: usize, agent: &AgentId) -> Option<()> {
        if self.closed {
            return None;
        }
        *self.by.get_mut(seat)? = Taken::By(agent.clone());
        Some(())
    }

    /// `well`: its run ended by itself, so that nothing of it is under way.
    pub fn leave(&mut self, seat: usize, well: bool) {
        if let Some(place) = self.by.get_mut(seat)
            && let Taken::By(agent) = place
        {
            *place = if well { Taken::Free } else { Taken::Worn(agent.clone()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_taken_again_by_its_own_agent_while_nobody_else_has_it() {
        let [one, other]: [AgentId; 2] = ["ag-01".into(), "ag-02".into()];
        let mut seats = Seats::new(2);
        for agent in [&one, &other] {
            let seat = seats.free().unwrap();
            seats.take(seat, agent).unwrap();
        }
        assert_eq!((seats.free(), seats.taken(), seats.again(0, &one)), (None, 2, None));
        seats.leave(0, false);
        assert_eq!((seats.free(), seats.again(0, &other)), (None, None), "worn by another");
        assert_eq!(seats.again(0, &one), Some(0));
        seats.take(0, &one).unwrap();
        seats.leave(0, true);
        seats.leave(0, false);
        assert_eq!((seats.free(), seats.again(0, &other)), (Some(0), Some(0)), "left well");
        assert!(seats.has(&other) && !seats.has(&one));
        seats.closed = true;
        assert_eq!(seats.take(0, &one), None);
    }
}
