//! What an account will come to, as far as that can be told. All of it is estimated.

use super::Micros;
use serde::{Deserialize, Serialize};

/// Of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Forecast {
    /// Always: it is here to be read where the figures are.
    pub estimated: bool,
    /// What its calls have come to lately, in a minute; none where there were too few.
    pub rate_micros_per_minute: Option<Micros>,
    /// When all items are through; none while none is.
    pub end_micros: Option<Micros>,
    /// Between these in four of five cases.
    pub low_micros: Option<Micros>,
    pub high_micros: Option<Micros>,
    /// At the present rate.
    pub ends_in_ms: Option<u64>,
    /// At the present rate the limit is reached before the end, after so long; 0: nothing goes on.
    pub exhausted_in_ms: Option<u64>,
    pub items: u32,
    /// That are through, well or not: what the estimate stands on.
    pub items_ended: u32,
    /// For which the limit will not do; where all who could go on wait for money, all that are left.
    pub items_unfinished: u32,
    /// What would let all of them finish; empty where all do.
    pub choices: Vec<Choice>,
}

/// One way out; each would do alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "choice", rename_all = "snake_case")]
pub enum Choice {
    /// Raise the limit by so much, and it does as likely as not.
    TopUp {
        micros: Micros,
        command: String,
        /// By so much, and it does in nine of ten cases. None: nothing is through yet, and nobody
        /// knows how much more than `micros` it takes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        safe_micros: Option<Micros>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        safe_command: Option<String>,
    },
    /// The same of a limit in tokens.
    TopUpTokens {
        tokens: u64,
        command: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        safe_tokens: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        safe_command: Option<String>,
    },
    /// Go on with a model at which the rest costs at most so much of what it would now.
    CheaperModel {
        at_most_percent: u32,
        /// One that this core has used, and that cost as little for a token.
        #[serde(skip_serializing_if = "Option::is_none")]
        model: Option<String>,
    },
    /// Say what a model costs of which nobody knows it.
    SetPrice { model: String, command: String },
    /// Do so many items fewer.
    Shrink { items: u32, command: String },
}

impl Forecast {
    /// In a line: when the money is gone, else what the end will be.
    pub fn line(&self) -> Option<String> {
        let gone = self.exhausted_words();
        let unfinished = (self.items_unfinished > 0)
            .then(|| format!("{} of {} items will not finish", self.items_unfinished, self.items));
        let end = self.end_micros.zip(self.low_micros).zip(self.high_micros);
        let end = end.map(|((end, low), high)| format!("about {end} in the end ({low} to {high})"));
        let parts: Vec<String> = [gone, unfinished, end].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| format!("estimated: {}", parts.join("; ")))
    }

    /// What becomes of the limit.
    pub fn exhausted_words(&self) -> Option<String> {
        self.exhausted_in_ms.map(|ms| match ms {
            0 => "too little is left for a call".to_owned(),
            ms => format!("exhausted in {}", about(ms)),
        })
    }
}

/// `40 s`, `3 min`, `2 h`: no more than an estimate can mean.
fn about(ms: u64) -> String {
    match ms {
        0..90_000 => format!("{} s", ms.div_ceil(1000)),
        90_000..5_400_000 => format!("{} min", (ms + 30_000) / 60_000),
        _ => format!("{} h", (ms + 1_800_000) / 3_600_000),
    }
}

impl Choice {
    /// What it means, in words.
    pub fn words(&self) -> String {
        match self {
            Self::TopUp { command, safe_command, .. }
            | Self::TopUpTokens { command, safe_command, .. } => match safe_command {
                None => format!("`{command}` or more"),
                Some(safe) if safe == command => format!("`{command}`"),
                Some(safe) => {
                    let sum = safe.rsplit(' ').next().unwrap_or_default();
                    format!("`{command}` as it looks, {sum} to be safe")
                }
            },
            Self::CheaperModel { at_most_percent, model } => {
                let such =
                    model.as_ref().map_or(String::new(), |model| format!(", such as {model}"));
                format!("a model for at most {at_most_percent} % of the price{such}")
            }
            Self::SetPrice { command, .. } => format!("`{command}`"),
            Self::Shrink { items, command } => format!("{items} items fewer (`{command}`)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_in_a_line() {
        assert_eq!(Forecast::default().line(), None);
        let forecast = Forecast {
            exhausted_in_ms: Some(181_000),
            items: 20,
            items_unfinished: 8,
            end_micros: Some(Micros(3_000_000)),
            low_micros: Some(Micros(2_000_000)),
            high_micros: Some(Micros(5_000_000)),
            ..Forecast::default()
        };
        assert_eq!(
            forecast.line().unwrap(),
            "estimated: exhausted in 3 min; 8 of 20 items will not finish; about $3.00 in the end \
             ($2.00 to $5.00)"
        );
        let now = Forecast { exhausted_in_ms: Some(0), ..forecast };
        assert!(
            now.line().unwrap().starts_with("estimated: too little is left for a call; 8 of 20")
        );
        assert_eq!(about(12_345), "13 s");
        assert_eq!(about(7_000_000), "2 h");
    }
}
