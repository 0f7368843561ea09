//! What a call may cost at most, and how long its answer may be for what was set aside.

use super::dear::{dear, values};
use super::known::Length;
use super::prices::{Price, Writes};
use super::wire::{Asked, Wire};
use crate::config::Dialect;
use crate::model::{Bound, Budget, Micros, Reservation};

/// The shortest answer that is worth asking for, in tokens; the request's own where it asks
/// for less, and never less than what it wants to think, and one. What it costs of the dearest
/// model is what of a small budget cannot be spent.
const LEAST: u64 = 256;
/// Few answers are longer than this, whatever their limit.
const USUAL: u64 = 8_192;

/// What is known of a call beforehand.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Else why there is none, which only matters where dollars are limited.
    price: Result<Price, String>,
    writes: Writes,
    /// What the request asks for beside tokens that it shows, at most; else why nobody can say,
    /// which only matters under a limit.
    extra: Result<Micros, String>,
    /// Tokens of the prompt, at most; as far as they can be told where it is `open`.
    input: u64,
    /// Why nobody can say how long the prompt is, where nobody can.
    open: Option<String>,
    /// Tokens of all answers together: see [`Bound`].
    least: u64,
    usual: u64,
    most: u64,
    /// Answers asked for at once.
    answers: u64,
}

/// Why a prompt with a document has no bound.
fn endless(model: &str) -> String {
    format!(
        "nobody can say how many tokens the document in this request has, and the longest prompt \
         of {model:?} is not known: `dash prices set {model} input=… output=… context=TOKENS`"
    )
}

/// Why nobody can say what `dear` adds to a request.
fn unpriced(dear: &str, model: &str) -> String {
    format!(
        "nobody can say what `{dear}` of this request to {model:?} costs beside the tokens that it \
         shows: {dear:?} = DOLLARS below [features] in prices.toml, beside config.toml, says what \
         it adds to a request at most"
    )
}

impl Terms {
    /// `length` of the prompt; `wide`: a longer window is asked for than the model has by itself;
    /// `feature`: the price of what is no token.
    pub fn of(
        price: Option<&Price>,
        feature: impl Fn(&str) -> Option<Micros>,
        (model, provider): (&str, &str),
        (wire, asked, body): (Wire, &Asked<'_>, &[u8]),
        (length, wide): (Length, bool),
    ) -> Self {
        let window = price.and_then(|price| price.context(wide));
        let (input, open) = match (length, window) {
            (Length::AtMost(tokens), _) => (tokens, None),
            (Length::Open(_), Some(window)) => (window, None),
            (Length::Open(tokens), None) => (tokens, Some(endless(model))),
        };
        let price = price.cloned().ok_or_else(|| {
            format!(
                "no price of {model:?} is known: `dash prices set {model} input=… output=…` (dollars \
                 per million tokens), or [providers.{provider}.prices.\"{model}\"] in config.toml"
            )
        });
        let extra = dear(wire, model, body).into_iter().try_fold(Micros::ZERO, |sum, dear| {
            let most = feature(&dear).ok_or_else(|| unpriced(&dear, model))?;
            Ok(Micros(sum.0.saturating_add(most.0)))
        });
        let has = |text: &[u8]| memchr::memmem::find(body, text).is_some();
        let writes = match wire.dialect() {
            Dialect::Anthropic if !has(b"\"cache_control\"") => Writes::None,
            Dialect::Anthropic if has(b"\"1h\"") => Writes::Hour,
            // Of a time that nobody knows here the longest that somebody does.
            Dialect::Anthropic if values(body, "ttl").any(|(_, text)| text != b"5m") => {
                Writes::Hour
            }
            Dialect::Anthropic | Dialect::Openai => Writes::Short,
            // It caches by itself, and for nothing; caches that are made are refused by name.
            Dialect::Gemini => Writes::None,
        };
        let (most, answers) = (asked.max_output(wire), asked.answers(wire));
        let thinking = asked.thinking().map_or(0, |tokens| tokens.saturating_add(1));
        let least = LEAST.max(thinking).saturating_mul(answers).min(most);
        let usual = USUAL.saturating_mul(answers).min(most).max(least);
        Self { price, writes, extra, input, open, least, usual, most, answers }
    }

    /// What is not seen in the usage, at most.
    pub fn extra(&self) -> Micros {
        self.extra.as_ref().copied().unwrap_or_default()
    }

    /// Its cache is to live for an hour, or who knows how long.
    pub fn hour(&self) -> bool {
        self.writes == Writes::Hour
    }

    /// # Errors
    /// Where no price is known, or nobody can say how long the prompt is.
    pub fn bound(&self) -> Result<Bound, String> {
        self.extra.as_ref().map_err(Clone::clone)?;
        let price = self.price.as_ref().map_err(Clone::clone)?;
        self.open.clone().map_or(Ok(()), Err)?;
        Ok(self.outputs().map(|output| self.cost(price, output)))
    }

    fn cost(&self, price: &Price, output: u64) -> Micros {
        let tokens = price.bound(self.input, output, self.writes);
        Micros(tokens.0.saturating_add(self.extra().0))
    }

    /// What the two bounds are at least, whether or not there is one.
    pub fn known(&self) -> Budget {
        let dollars = self.price.as_ref().ok().map(|price| self.cost(price, self.most));
        Budget { dollars, tokens: Some(self.input.saturating_add(self.most)) }
    }

    /// Cached or not, a token of the prompt is a token.
    ///
    /// # Errors
    /// Where the provider itself brings tokens in, which no one knows beforehand.
    pub fn tokens(&self) -> Result<Bound<u64>, String> {
        self.open.clone().map_or(Ok(()), Err)?;
        if self.extra.as_ref().map_err(Clone::clone)? > &Micros::ZERO {
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
            let amount = Micros(amount.0.saturating_sub(self.extra().0));
            price.output_within(amount, self.input, self.writes)
        });
        let counted = given.tokens.map(|tokens| tokens.saturating_sub(self.input));
        let output = paid.into_iter().chain(counted).min()?;
        (output < self.most).then(|| output.max(self.least) / self.answers.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ModelPrice, PriceFiles};
    use crate::gateway::prices::{Overrides, Prices};
    use std::collections::BTreeMap;

    const BODY: &[u8] = br#"{"model":"m","max_tokens":1000}"#;

    fn terms(price: Option<&Price>, body: &[u8], length: Length) -> Terms {
        let asked: Asked<'_> = serde_json::from_slice(body).unwrap();
        let of = (Wire::Messages, &asked, body);
        Terms::of(price, |_| None, ("m", "p"), of, (length, false))
    }

    #[test]
    fn a_document_is_set_aside_as_long_as_its_model_takes_one() {
        let prices = Prices::new(&PriceFiles::default().load().unwrap());
        let opus = prices.find(Some("anthropic"), "claude-opus-4-5");
        let of = terms(opus, BODY, Length::Open(100_000));
        // 200,000 as it is told, and a twentieth; $5 and $25 per million.
        let most = of.bound().unwrap().most;
        assert_eq!(most, Micros(210_000 * 5 + 25_000));
        assert_eq!(of.tokens().unwrap().most, 211_000);
        let known = terms(opus, BODY, Length::AtMost(100_000));
        assert_eq!(known.bound().unwrap().most, Micros(525_000));
        // One of which nobody knows how much it takes is refused under a limit, with the way to
        // say it.
        let price = ModelPrice { input: 5.0, output: 25.0, ..ModelPrice::default() };
        let own = Overrides::new(&BTreeMap::from([("m".to_owned(), price)]));
        let open = terms(own.find("m"), BODY, Length::Open(100_000));
        let why = open.bound().unwrap_err();
        assert!(why.contains("document") && why.contains("dash prices set m "), "{why}");
        assert!(why.contains("context="), "{why}");
        assert_eq!(open.tokens().unwrap_err(), why);
        let known = Budget { dollars: Some(Micros(525_000)), tokens: Some(101_000) };
        assert_eq!(open.known(), known, "what can be told without a limit");
    }

    #[test]
    fn what_cannot_be_bounded_is_known_in_part() {
        let prices = Prices::new(&PriceFiles::default().load().unwrap());
        let opus = prices.find(Some("anthropic"), "claude-opus-4-5");
        let body = br#"{"model":"m","max_tokens":1000,"mcp_servers":[]}"#;
        let of = terms(opus, body, Length::AtMost(100));
        assert!(of.bound().is_err() && of.tokens().is_err());
        assert_eq!(of.known().dollars, Some(Micros(25_500)));
        assert_eq!(terms(None, BODY, Length::AtMost(100)).known(), Budget::of_tokens(1_100));
    }
}
