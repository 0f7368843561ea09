//! What agents wait for that a budget holds: the words, and what lets them go on.

/// The reason of what a budget holds.
pub const BUDGET: &str = "budget";
/// Of a call under a budget that nobody can price; the model's name follows.
const NO_PRICE: &str = "no price for ";
/// Of one under a budget of which nobody can say what it takes, whatever its model costs.
pub const UNKNOWN_COST: &str = "unknown cost";

/// The reason of what a person paused.
pub const USER: &str = "user";

/// The reason of what waits for the price of a model.
pub fn no_price(model: &str) -> String {
    format!("{NO_PRICE}{model}")
}

/// The model whose price a reason asks for.
pub fn unpriced(reason: &str) -> Option<&str> {
    reason.strip_prefix(NO_PRICE)
}

/// Whether a paused agent with this reason waits for money, or for the price of something.
pub fn is_unpaid(reason: &str) -> bool {
    reason == BUDGET || reason == UNKNOWN_COST || unpriced(reason).is_some()
}

/// The command that says what a model costs.
pub fn set_price(model: &str) -> String {
    // Where it would not be one word of a shell.
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@+".contains(c);
    let model = if model.chars().all(plain) && !model.is_empty() {
        model.to_owned()
    } else {
        format!("'{}'", model.replace('\'', r"'\''"))
    };
    format!("dash prices set {model} input=DOLLARS output=DOLLARS")
}

/// What lets go on what is paused for `reason` below `account`.
pub fn way_on(reason: &str, account: &str) -> String {
    match unpriced(reason) {
        Some(model) => set_price(model),
        None if reason == USER => format!("dash swarm resume {account}"),
        None if reason == UNKNOWN_COST => format!("dash budget show {account}"),
        None => format!("dash budget top-up {account} SUM"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_way_on() {
        let priced = no_price("gpt-9");
        assert_eq!((priced.as_str(), unpriced(&priced)), ("no price for gpt-9", Some("gpt-9")));
        for (reason, way) in [
            (priced.as_str(), "dash prices set gpt-9 input=DOLLARS output=DOLLARS"),
            ("no price for a b", "dash prices set 'a b' input=DOLLARS output=DOLLARS"),
            (UNKNOWN_COST, "dash budget show sw-1"),
            (BUDGET, "dash budget top-up sw-1 SUM"),
        ] {
            assert!(is_unpaid(reason), "{reason}");
            assert_eq!(way_on(reason, "sw-1"), way);
        }
        assert!(!is_unpaid("user") && !is_unpaid("budgets"));
    }
}
