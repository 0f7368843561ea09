//! Durations as people write them: `90s`, `10m`, `1h30m`, `500ms`.

/// Longest that is taken for meant, in milliseconds: ten years.
pub const LONGEST_MS: u64 = 3650 * 86_400_000;

/// Milliseconds.
///
/// # Errors
/// What is wrong with `text`, and how it is written.
pub fn duration(text: &str) -> Result<u64, String> {
    let bad = |why: &str| Err(format!("{why}; write it like 90s, 10m or 1h30m"));
    let mut rest = text.trim();
    if rest.is_empty() {
        return bad("no duration is given");
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let unit_end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let factor: u64 = match unit.trim() {
            "ms" => 1,
            "s" | "sec" => 1000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "" => return bad("the unit is missing"),
            _ => return bad("that is no duration"),
        };
        let Ok(number) = number.parse::<u64>() else { return bad("that is no duration") };
        let Some(sum) = number.checked_mul(factor).and_then(|part| total.checked_add(part)) else {
            return bad("that is longer than 10 years");
        };
        total = sum;
        rest = next.trim_start();
    }
    match total {
        0 => bad("it must be longer than nothing"),
        1..=LONGEST_MS => Ok(total),
        _ => bad("that is longer than 10 years"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, ms) in [
            ("90s", 90_000),
            ("10m", 600_000),
            ("1h30m", 5_400_000),
            ("500ms", 500),
            ("2h 5s", 7_205_000),
            ("3650d", LONGEST_MS),
        ] {
            assert_eq!(duration(text), Ok(ms), "{text}");
        }
        for text in
            ["3650d 1ms", "", "10", "m", "-5s", "5 parsecs", "0s", "1.5h", "99999999999999999999s"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
