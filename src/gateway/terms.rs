//! What a call may cost at most, and how long its answer may be for what was set aside.

use super::dear::dear;
use super::prices::{Price, Writes};
use super::wire::{Asked, Wire};
use crate::config::Dialect;
use crate::model::{Bound, Micros, Reservation};

/// The shortest answer that is worth asking for, in tokens; the request's own where it asks
/// for less, and never less than what it wants to think, and one. What it costs of the dearest
/// model is what of a small budget cannot be spent.
const LEAST: u64 = 256;
/// Few answers are longer than this, whatever their limit.
const USUAL: u64 = 8_192;

/// A call whose tokens can be told beforehand.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Else why there is none, which only matters where dollars are limited.
    price: Result<Price, String>,
    writes: Writes,
    /// What the request asks for beside tokens that it shows, at most.
    extra: Micros,
    /// Tokens of the prompt, at most.
    input: u64,
    /// Tokens of all answers together: see [`Bound`].
    least: u64,
    usual: u64,
    most: u64,
    /// Answers asked for at once.
    answers: u64,
}

impl Terms {
    /// `input`: the most tokens that the prompt has; `feature`: the price of what is no token.
    ///
    /// # Errors
    /// Why nobody can say how many tokens it may take.
    pub fn of(
        price: Option<&Price>,
        feature: impl Fn(&str) -> Option<Micros>,
        (model, provider): (&str, &str),
        (wire, asked, body): (Wire, &Asked<'_>, &[u8]),
        input: u64,
    ) -> Result<Self, String> {
        let price = price.cloned().ok_or_else(|| {
            format!(
                "no price of {model:?} is known: `dash prices set {model} input=… output=…` (dollars \
                 per million tokens), or [providers.{provider}.prices.\"{model}\"] in config.toml"
            )
        });
        let mut extra = Micros::ZERO;
        for dear in dear(wire, body) {
            let Some(most) = feature(&dear) else {
                return Err(format!(
                    "nobody can say what `{dear}` of this request costs beside the tokens that it \
                     shows: {dear:?} = DOLLARS below [features] in prices.toml, beside config.toml, \
                     says what it adds to a request at most"
                ));
            };
            extra = Micros(extra.0.saturating_add(most.0));
        }
        let has = |text: &[u8]| memchr::memmem::find(body, text).is_some();
        let writes = match wire.dialect() {
            Dialect::Anthropic if !has(b"\"cache_control\"") => Writes::None,
            Dialect::Anthropic if has(b"\"1h\"") => Writes::Hour,
            Dialect::Anthropic | Dialect::Openai | Dialect::Gemini => Writes::Short,
        };
        let (most, answers) = (asked.max_output(wire), asked.answers(wire));
        let thinking = asked.thinking().map_or(0, |tokens| tokens.saturating_add(1));
        let least = LEAST.max(thinking).saturating_mul(answers).min(most);
        let usual = USUAL.saturating_mul(answers).min(most).max(least);
        Ok(Self { price, writes, extra, input, least, usual, most, answers })
    }

    /// What is not seen in the usage, at most.
    pub fn extra(&self) -> Micros {
        self.extra
    }

    /// # Errors
    /// Where no price is known.
    pub fn bound(&self) -> Result<Bound, String> {
        let price = self.price.as_ref().map_err(Clone::clone)?;
        let with = |output| {
            let tokens = price.bound(self.input, output, self.writes);
            Micros(tokens.0.saturating_add(self.extra.0))
        };
        Ok(self.outputs().map(with))
    }

    /// Cached or not, a token of the prompt is a token.
    ///
    /// # Errors
    /// Where the provider itself brings tokens in, which no one knows beforehand.
    pub fn tokens(&self) -> Result<Bound<u64>, String> {
        if self.extra > Micros::ZERO {
            return Err("nobody can say how many tokens its tools bring in".to_owned());
        }
        Ok(self.outputs().map(|output| self.input.saturating_add(output)))
    }

    fn outputs(&self) -> Bound<u64> {
        Bound { least: self.least, usual: self.usual, most: self.most }
    }

    /// What the request's limit for an answer is to be, for an answer within what was set
    /// aside; none where its own will do.
    pub fn clamped(&self, given: &Reservation) -> Option<u64> {
        let price = self.price.as_ref().ok();
        let paid = given.amount.zip(price).map(|(amount, price)| {
            let amount = Micros(amount.0.saturating_sub(self.extra.0));
            price.output_within(amount, self.input, self.writes)
        });
        let counted = given.tokens.map(|tokens| tokens.saturating_sub(self.input));
        let output = paid.into_iter().chain(counted).min()?;
        (output < self.most).then(|| output.max(self.least) / self.answers.max(1))
    }
}
