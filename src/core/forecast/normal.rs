//! The tail of the standard normal law, also far out, where its share is no number any more.

/// The logarithm of the share beyond `x`.
pub fn ln_beyond(x: f64) -> f64 {
    if x < FAR { beyond(x).max(f64::MIN_POSITIVE).ln() } else { ln_density(x) - fraction(x).ln() }
}

/// How much of it lies beyond `x`.
pub fn beyond(x: f64) -> f64 {
    if x < 0.0 {
        return 1.0 - beyond(-x);
    }
    if x >= FAR {
        return ln_density(x).exp() / fraction(x);
    }
    // x + x³/3 + x⁵/(3·5) + …
    let (mut term, mut sum) = (x, x);
    for n in 1..60 {
        term *= x * x / f64::from(2 * n + 1);
        sum += term;
        if term < 1e-16 * sum {
            break;
        }
    }
    0.5 - ln_density(x).exp() * sum
}

/// The density at `x` by the share beyond it.
pub fn hazard(x: f64) -> f64 {
    if x < FAR { ln_density(x).exp() / beyond(x) } else { fraction(x) }
}

/// From here on a continued fraction is shorter than the series, and loses nothing.
const FAR: f64 = 2.5;

fn ln_density(x: f64) -> f64 {
    -x * x / 2.0 - std::f64::consts::TAU.ln() / 2.0
}

/// x + 1/(x + 2/(x + 3/…)): the density by the share beyond it.
fn fraction(x: f64) -> f64 {
    let depth = (8.0 + 300.0 / (x * x)).min(60.0) as u32;
    (1..=depth).rev().fold(x, |below, n| x + f64::from(n) / below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_law_has_its_known_values() {
        for (x, share) in [
            (0.0, 0.5),
            (1.0, 0.158_655_253_931),
            (-1.0, 0.841_344_746_069),
            (2.499, 0.006_227_223),
            (2.501, 0.006_192_158_92),
            (6.0, 9.865_876e-10),
        ] {
            assert!((beyond(x) / share - 1.0).abs() < 1e-5, "{x}: {}", beyond(x));
            assert!((ln_beyond(x) - share.ln()).abs() < 1e-5, "{x}: {}", ln_beyond(x));
        }
        assert!((ln_beyond(40.0) + 804.608_442).abs() < 1e-3, "{}", ln_beyond(40.0));
        for x in [-3.0, 0.0, 2.0, 3.0, 30.0] {
            let slope = (ln_beyond(x - 1e-5) - ln_beyond(x + 1e-5)) / 2e-5;
            assert!((hazard(x) / slope - 1.0).abs() < 1e-4, "{x}: {} {slope}", hazard(x));
        }
    }
}
