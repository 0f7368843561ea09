//! What a call costs, by the prices in force (`config::prices`).
//!
//! Rates are pico-dollars per token, sums are `u128`, and a call is rounded up to whole
//! micro-dollars, once. A model that no rule matches has no price: it is never guessed.
//!
//! Of the rules that match, an exact one wins, then the longest prefix, then suffixes and parts
//! in the order of the file. The user's own prices go by exact names and come before them. A
//! name that nothing matches is looked up again without its date (`-20260131`, `-2026-01-31`).

use crate::config::{
    ModelPrice,
    prices::{OwnPrice, PriceData, PriceEntry, Rates, Tier},
};
use crate::model::{Micros, Tokens};
use std::collections::BTreeMap;

const PICO_PER_MICRO: u128 = 1_000_000;

fn dearest_input(rates: &Rates, writes: Writes) -> u64 {
    let read = rates.input.max(rates.cache_read);
    match writes {
        Writes::None => read,
        Writes::Short => read.max(rates.cache_write),
        Writes::Hour => read.max(rates.cache_write).max(rates.cache_write_1h),
    }
}

/// The window that Anthropic gives to who asks for a longer one, in tokens.
const WIDE: u64 = 1_000_000;

/// What of a prompt may be written to a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    None,
    Short,
    Hour,
}

/// The price of one model: its rates, and dearer ones for long prompts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    base: Rates,
    tiers: Vec<Tier>,
    /// The longest prompt, in tokens, as the file has it.
    context: Option<u64>,
}

impl Price {
    fn own(price: &OwnPrice) -> Self {
        Self { base: price.rates(), tiers: price.tiers(), context: price.context }
    }

    /// The same with what another says of the longest prompt, where this one says nothing.
    #[must_use]
    pub fn or_context_of(self, other: Option<&Self>) -> Self {
        let context = self.context.or(other.and_then(|other| other.context));
        Self { context, ..self }
    }

    /// At least as many tokens as any prompt has: a twentieth more than is told, since sources
    /// round (1,000,000 for 1,048,576). `wide`: the request asks for a longer window than the
    /// model has by itself.
    pub fn context(&self, wide: bool) -> Option<u64> {
        let told = self.context?;
        // Dearer rates beyond the window are those of a longer one, which can be had.
        let wide = wide || self.tiers.iter().any(|(start, _)| *start >= told);
        let told = if wide { told.max(WIDE) } else { told };
        Some(told.saturating_add(told / 20))
    }

    /// `cache_write_1h` is the part of `tokens.cache_write` with an hour to live.
    pub fn cost(&self, tokens: &Tokens, cache_write_1h: u64) -> Micros {
        let prompt = tokens.input + tokens.cache_read + tokens.cache_write;
        let rates = self
            .tiers
            .iter()
            .rev()
            .find(|(start, _)| prompt > *start)
            .map_or(&self.base, |(_, rates)| rates);
        let long = cache_write_1h.min(tokens.cache_write);
        round_up(&[
            (tokens.input, rates.input),
            (tokens.output, rates.output),
            (tokens.cache_read, rates.cache_read),
            (tokens.cache_write - long, rates.cache_write),
            (long, rates.cache_write_1h),
        ])
    }

    /// The most that a prompt of up to `input` tokens and `output` tokens of answer can cost.
    pub fn bound(&self, input: u64, output: u64, writes: Writes) -> Micros {
        let (prompt, answer) = self.dearest(input, writes);
        round_up(&[(input, prompt), (output, answer)])
    }

    /// The longest answer, in tokens, with which a call stays within `amount`.
    pub fn output_within(&self, amount: Micros, input: u64, writes: Writes) -> u64 {
        let (prompt, answer) = self.dearest(input, writes);
        let amount = u128::try_from(amount.0).unwrap_or(0) * PICO_PER_MICRO;
        let left = amount.saturating_sub(u128::from(input) * u128::from(prompt));
        let tokens = left.checked_div(u128::from(answer)).unwrap_or(u128::MAX);
        u64::try_from(tokens).unwrap_or(u64::MAX)
    }

    /// The highest rates for prompt and answer that a prompt of up to `input` tokens may meet.
    fn dearest(&self, input: u64, writes: Writes) -> (u64, u64) {
        let tiers = self.tiers.iter().filter(|(start, _)| input > *start);
        let all = || std::iter::once(&self.base).chain(tiers.clone().map(|(_, rates)| rates));
        let prompt = all().map(|rates| dearest_input(rates, writes)).max().unwrap_or(0);
        (prompt, all().map(|rates| rates.output).max().unwrap_or(0))
    }
}

fn round_up(parts: &[(u64, u64)]) -> Micros {
    let pico: u128 = parts.iter().map(|(n, rate)| u128::from(*n) * u128::from(*rate)).sum();
    Micros(i64::try_from(pico.div_ceil(PICO_PER_MICRO)).unwrap_or(i64::MAX))
}

/// All prices, ready to be looked up.
pub struct Prices {
    /// By the model's name.
    own: BTreeMap<String, Price>,
    /// What something adds to a request beside tokens that it shows, at most.
    features: BTreeMap<String, Micros>,
    vendors: BTreeMap<String, Vec<(PriceEntry, Price)>>,
}

impl Prices {
    pub fn new(data: &PriceData) -> Self {
        let own = data.own.iter().map(|(model, price)| (model.clone(), Price::own(price)));
        let vendors = data.table.vendors.iter().map(|(vendor, entries)| {
            let priced = |entry: &PriceEntry| {
                let (base, tiers) = (entry.rates, entry.tiers.clone());
                (entry.clone(), Price { base, tiers, context: entry.context })
            };
            (vendor.clone(), entries.iter().map(priced).collect())
        });
        let features = data.features.iter().map(|(name, dollars)| {
            // What is checked on reading is neither negative nor endless.
            (name.clone(), Micros((dollars * 1e6).ceil() as i64))
        });
        Self { own: own.collect(), features: features.collect(), vendors: vendors.collect() }
    }

    /// By the name that a refusal gives it.
    pub fn feature(&self, name: &str) -> Option<Micros> {
        self.features.get(name).copied()
    }

    pub fn knows_vendor(&self, vendor: &str) -> bool {
        self.vendors.contains_key(vendor)
    }

    /// The user's own price, else that of `model` at `vendor`; with no vendor, at the first
    /// that sells it.
    pub fn find(&self, vendor: Option<&str>, model: &str) -> Option<&Price> {
        names(model).find_map(|name| self.own.get(name)).or_else(|| self.listed(vendor, model))
    }

    /// The table's alone.
    pub fn listed(&self, vendor: Option<&str>, model: &str) -> Option<&Price> {
        names(model).find_map(|name| match vendor {
            Some(vendor) => self.vendors.get(vendor).and_then(|table| best(table, name)),
            None => self.vendors.values().find_map(|table| best(table, name)),
        })
    }
}

/// What a model may be found under.
fn names(model: &str) -> impl Iterator<Item = &str> {
    [Some(model), undated(model)].into_iter().flatten()
}

/// The price with the best matching rule.
fn best<'a>(table: &'a [(PriceEntry, Price)], model: &str) -> Option<&'a Price> {
    let mut found: Option<(usize, &Price)> = None;
    for (entry, price) in table {
        let here = entry.score(model);
        if here > found.map_or(0, |(best, _)| best) {
            found = Some((here, price));
        }
    }
    found.map(|(_, price)| price)
}

/// The name without a date at its end.
fn undated(model: &str) -> Option<&str> {
    let pattern = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(c, s)| match s {
                b'd' => c.is_ascii_digit(),
                _ => c == s,
            })
    };
    ["-dddddddd", "-dddd-dd-dd", "@dddddddd"].into_iter().find_map(|shape| {
        let at = model.len().checked_sub(shape.len())?;
        let (name, date) = model.split_at_checked(at)?;
        (!name.is_empty() && pattern(date, shape)).then_some(name)
    })
}

/// A provider's own prices before the table's.
#[derive(Clone, Debug, Default)]
pub struct Overrides(BTreeMap<String, Price>);

impl Overrides {
    pub fn new(prices: &BTreeMap<String, ModelPrice>) -> Self {
        let price = |price: &ModelPrice| Price::own(&OwnPrice::of_provider(price));
        Self(prices.iter().map(|(model, p)| (model.clone(), price(p))).collect())
    }

    pub fn find(&self, model: &str) -> Option<&Price> {
        self.0.get(model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PriceFiles;

    fn built_in() -> Prices {
        Prices::new(&PriceFiles::default().load().unwrap())
    }

    fn tokens(input: u64, output: u64, cache_read: u64, cache_write: u64) -> Tokens {
        Tokens { input, output, cache_read, cache_write }
    }

    #[test]
    fn knows_models_exactly_by_prefix_and_with_dates() {
        let prices = built_in();
        for (vendor, model) in [
            ("anthropic", "claude-opus-4-5"),
            ("anthropic", "claude-opus-4-5-20251101"),
            ("anthropic", "claude-sonnet-4-5-20250929"),
            ("openai", "gpt-5"),
            ("openai", "gpt-5-2025-08-07"),
            ("openai", "gpt-5.4-20990101"),
        ] {
            assert!(prices.find(Some(vendor), model).is_some(), "{model}");
            assert!(prices.find(None, model).is_some(), "{model}");
        }
        assert!(prices.find(Some("openai"), "claude-opus-4-5").is_none());
        assert!(prices.find(None, "no-such-model-x").is_none());
        assert!(prices.find(Some("nobody"), "gpt-5").is_none());
    }

    #[test]
    fn bills_each_kind_of_token_at_its_rate() {
        let prices = built_in();
        let opus = prices.find(Some("anthropic"), "claude-opus-4-5").unwrap();
        // $5 in, $25 out, $0.5 read, $6.25 written, $10 written for an hour, per million.
        let million = 1_000_000;
        assert_eq!(opus.cost(&tokens(million, 0, 0, 0), 0), Micros(5_000_000));
        assert_eq!(opus.cost(&tokens(0, million, 0, 0), 0), Micros(25_000_000));
        assert_eq!(opus.cost(&tokens(0, 0, million, 0), 0), Micros(500_000));
        assert_eq!(opus.cost(&tokens(0, 0, 0, million), 0), Micros(6_250_000));
        assert_eq!(opus.cost(&tokens(0, 0, 0, million), million), Micros(10_000_000));
        assert_eq!(opus.cost(&tokens(1, 0, 1, 0), 0), Micros(6), "5.5 is rounded up");
        assert_eq!(opus.cost(&Tokens::default(), 0), Micros(0));
        assert_eq!(opus.bound(1000, 100, Writes::Hour), Micros(12_500));
        assert_eq!(opus.bound(1000, 100, Writes::Short), Micros(8_750));
        assert_eq!(opus.bound(1000, 100, Writes::None), Micros(7_500));
        assert_eq!(opus.output_within(Micros(7_500), 1000, Writes::None), 100);
        assert_eq!(opus.output_within(Micros(4_999), 1000, Writes::None), 0);
    }

    #[test]
    fn long_prompts_are_dearer_as_a_whole() {
        let prices = built_in();
        let sonnet = prices.find(Some("anthropic"), "claude-sonnet-4-5").unwrap();
        assert_eq!(sonnet.cost(&tokens(200_000, 0, 0, 0), 0), Micros(600_000));
        assert_eq!(sonnet.cost(&tokens(1000, 0, 200_000, 0), 0), Micros(126_000));
        // A prompt that cannot be that long is not bounded as if it were.
        assert_eq!(sonnet.bound(200_000, 0, Writes::None), Micros(600_000));
        assert!(sonnet.bound(200_001, 0, Writes::None) > Micros(1_200_000));
    }

    #[test]
    fn the_longest_prompt_is_known_and_never_too_short() {
        let prices = built_in();
        let context = |vendor, model: &str, wide| {
            prices.find(Some(vendor), model).unwrap().context(wide).unwrap_or(0)
        };
        assert_eq!(context("anthropic", "claude-opus-4-5", false), 210_000);
        assert_eq!(context("anthropic", "claude-opus-4-5", true), 1_050_000, "it asks for more");
        assert_eq!(context("anthropic", "claude-sonnet-4-5", false), 1_050_000, "it can be had");
        assert!(context("google", "gemini-2.5-pro", false) >= 1_048_576);
        assert!(context("google", "gemini-3.5-flash", false) >= 1_048_576);
        assert!(context("openai", "gpt-4.1", false) >= 1_047_576);
        assert_eq!(context("openai", "ada", true), 0, "nobody says");
        let price = ModelPrice { input: 1.0, output: 1.0, ..ModelPrice::default() };
        let own = Overrides::new(&BTreeMap::from([("mine".to_owned(), price)]));
        let opus = prices.find(None, "claude-opus-4-5");
        let mine = own.find("mine").unwrap().clone().or_context_of(opus);
        assert_eq!(mine.context(false), Some(210_000));
    }

    #[test]
    fn overrides_come_in_dollars() {
        let price = ModelPrice { input: 0.1, output: 0.3, ..ModelPrice::default() };
        let own = Overrides::new(&BTreeMap::from([("local".to_owned(), price)]));
        let price = own.find("local").unwrap();
        assert_eq!(price.cost(&tokens(10, 10, 10, 0), 0), Micros(5));
        assert!(own.find("other").is_none());
    }

    #[test]
    fn own_prices_come_first_and_know_dates_too() {
        let mut data = PriceFiles::default().load().unwrap();
        let price = |input| OwnPrice {
            date: String::new(),
            input,
            output: 2.0,
            cache_read: None,
            cache_write: None,
            cache_write_1h: Some(3.0),
            context: None,
            long: None,
        };
        data.own.insert("gpt-5".to_owned(), price(1.0));
        data.own.insert("new".to_owned(), price(4.0));
        let prices = Prices::new(&data);
        let cost = |model: &str| {
            prices.find(Some("openai"), model).unwrap().cost(&tokens(1_000_000, 0, 0, 0), 0)
        };
        assert_eq!(
            (cost("gpt-5"), cost("gpt-5-2025-08-07")),
            (Micros(1_000_000), Micros(1_000_000))
        );
        assert_eq!(cost("new"), Micros(4_000_000));
        assert_eq!(cost("gpt-5-mini"), Micros(250_000), "of that name alone");
        let new = prices.find(None, "new").unwrap();
        assert_eq!(new.bound(1_000_000, 0, Writes::None), Micros(4_000_000));
    }

    /// Anthropic bills what is written to a cache at 1.25 times its input, and for an hour at twice
    /// that.
    #[test]
    fn a_write_of_which_nobody_says_the_price_is_at_the_dearest_there_is() {
        let price = ModelPrice { input: 4.0, output: 1.0, ..ModelPrice::default() };
        let own = Overrides::new(&BTreeMap::from([
            ("bare".to_owned(), price.clone()),
            ("told".to_owned(), ModelPrice { cache_write: Some(4.0), ..price }),
        ]));
        let cost = |model, long| own.find(model).unwrap().cost(&tokens(0, 0, 0, 1_000_000), long);
        assert_eq!(cost("bare", 0), Micros(5_000_000));
        assert_eq!(cost("bare", 1_000_000), Micros(8_000_000));
        assert_eq!(cost("told", 0), Micros(4_000_000));
        assert_eq!(cost("told", 1_000_000), Micros(8_000_000));
        let bound = |writes| own.find("bare").unwrap().bound(1_000_000, 0, writes);
        assert_eq!(bound(Writes::None), Micros(4_000_000));
        assert_eq!(bound(Writes::Short), Micros(5_000_000));
        assert_eq!(bound(Writes::Hour), Micros(8_000_000));
    }
}
