//! What one side of an account, dollars or tokens, will come to, and how much more would do.

use super::Left;
use crate::model::Purse;

/// What one coin of an account will come to.
pub(super) struct Outlook {
    purse: Purse,
    /// The end, and the bounds that it lies between.
    pub(super) end: Option<[i64; 3]>,
    /// What of a limit no call can take: a call leaves only where there is as much as it could
    /// cost, and mostly it costs less.
    beside: i64,
    /// What may still be spent, where that will not do.
    pub(super) short: Option<i64>,
    pub(super) unfinished: u32,
}

/// How much more would do.
pub(super) struct More {
    /// As likely as not.
    pub(super) likely: i64,
    /// In nine of ten cases; none where nobody knows.
    pub(super) safe: Option<i64>,
}

impl Outlook {
    pub(super) fn of(purse: Purse, left: &Left) -> Self {
        let plus = |value: f64| purse.spent.saturating_add(value.clamp(0.0, 9e18).round() as i64);
        let end = left.rest.map(|rest| rest.map(plus));
        let beside = (purse.call - left.call as i64).max(0);
        let room = purse
            .limit
            .map(|limit| limit.saturating_sub(purse.spent).saturating_sub(beside).max(0));
        let short = room.filter(|room| end.is_none_or(|[end, ..]| end - purse.spent > *room));
        let unfinished = short.filter(|_| end.is_some()).map_or(0, |room| {
            let mut paid = room as f64;
            let fit = |cost: &&f64| {
                paid -= **cost;
                paid >= 0.0
            };
            let finish = left.each.iter().take_while(fit).count();
            u32::try_from(left.each.len() - finish).unwrap_or(u32::MAX)
        });
        Self { purse, end, beside, short, unfinished }
    }

    /// With a limit, and less left than any call needed to be let through.
    pub(super) fn pays_for_nothing(&self) -> bool {
        self.purse.left().is_some_and(|left| left < self.purse.call.max(1))
    }

    /// How much more would do, where less is there. The last bit of a limit pays for no call:
    /// whoever would use it needs as much as a call does.
    pub(super) fn more(&self, left: &Left, stuck: bool) -> Option<More> {
        let limit = self.purse.limit?;
        let call = self.purse.call;
        let stands = stuck && self.pays_for_nothing();
        // Whatever will come of it, its next call has to fit.
        let next = if stands { call.saturating_sub(self.purse.left().unwrap_or(0)) } else { 0 };
        let beyond = |end: i64| end.saturating_sub(limit).max(next).max(1);
        match self.end {
            Some([end, _, high]) if self.short.is_some() || stands => Some(More {
                likely: beyond(end.saturating_add(self.beside)),
                safe: Some(beyond(high.saturating_add(call))),
            }),
            // Nothing is through yet: as much for each as was spent on those that are begun.
            None if stands => {
                let each = self.purse.spent / i64::from(left.begun.max(1));
                let open = i64::from(left.items.saturating_sub(left.ended));
                let all = each.max(call).saturating_mul(open).saturating_add(call);
                Some(More { likely: beyond(self.purse.spent.saturating_add(all)), safe: None })
            }
            Some(_) | None => None,
        }
    }
}
