//! `dash prices list|set|update`: they read and write files and ask no core; one that runs
//! takes changes with its next call.

use super::{
    args::Json,
    context::Context,
    failure::{Code, Done, Failure},
    format::{DIM, Table, cell, count, fg},
};
use crate::{
    client::in_agent,
    config::{
        Config, Dirs, PriceFiles,
        prices::{self, PriceChange, REQUEST, changes},
    },
    model::{LongRow, PriceRow},
};
use anstyle::{AnsiColor, Style};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum PricesCommand {
    /// What models cost, in dollars per million tokens; own prices first
    List(List),
    /// Say what a model costs, in `prices.toml` of the configuration directory
    #[command(after_help = "Keys: input and output, in dollars per million tokens; cache_read, \
                      billed like input where nobody says; cache_write, billed at 1.25 times \
                      input where nobody says, and cache_write_1h at twice; context, the longest prompt in tokens, which is set aside for \
                      one with a document; long.from, in tokens, and long.input, long.output … of \
                      longer prompts. Of what is no model, such as a provider's own tool, \
                      `request` alone: dollars that it adds to a request at most, by the name \
                      that a refusal gives it.")]
    Set(Set),
    /// Take newer prices from a file
    Update(Update),
}

#[derive(Debug, Args)]
pub struct List {
    /// Only those for this model, or whose names contain this
    model: Option<String>,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
pub struct Set {
    /// The model's exact name, at any provider; or a feature's: "tool web_search_20250305"
    #[arg(value_parser = named)]
    model: String,
    /// input=3 output=15 …; request=0.25 of a feature
    #[arg(required = true, value_name = "KEY=DOLLARS", value_parser = figure)]
    figures: Vec<(String, f64)>,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
pub struct Update {
    /// In the form of `assets/prices.json`
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    json: Json,
}

fn named(text: &str) -> Result<String, String> {
    let bad = text.trim().is_empty() || text.trim() != text || text.contains(char::is_control);
    if bad {
        Err("a model has a name, without blanks around it".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

fn figure(text: &str) -> Result<(String, f64), String> {
    let (key, value) = text.split_once('=').ok_or("write it like input=3")?;
    let number = value.strip_prefix('$').unwrap_or(value);
    match number.parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok((key.to_owned(), value)),
        Ok(_) | Err(_) => Err(format!("{value:?} is no price")),
    }
}

impl PricesCommand {
    pub fn run(self, context: &mut Context<'_>) -> Done {
        match self {
            Self::List(command) => command.run(context),
            Self::Set(command) => command.run(context),
            Self::Update(command) => command.run(context),
        }
    }
}

/// Agents reach another home than the core's: what they changed there would count for nobody.
fn outside() -> Result<(), Failure> {
    match in_agent() {
        true => Err(Failure::new(Code::Denied, "no agent changes prices")),
        false => Ok(()),
    }
}

impl List {
    fn run(self, context: &mut Context<'_>) -> Done {
        let dirs = Dirs::from_env()?;
        let data = PriceFiles::of(&dirs).load()?;
        let mut rows = data.rows(&Config::load(&dirs)?);
        if let Some(model) = &self.model {
            rows.retain(|row| row.models.iter().any(|rule| prices::is_about(rule, model)));
            if rows.is_empty() {
                let hint = format!("dash prices set {model} input=… output=… says one");
                return Err(Failure::error(format!("no price of {model:?} is known")).hinted(hint));
            }
        }
        for old in data.warnings(prices::today()) {
            context.note(format!("warning: {old}"));
        }
        if self.json.json {
            context.json(&rows)?;
            return Ok(Code::Ok);
        }
        table(context, &rows)?;
        let licence = match data.table.licence.as_str() {
            "" => String::new(),
            licence => format!(", licence {licence}"),
        };
        context.note(format!(
            "dollars per million tokens, of {}; {}{licence} ({})",
            data.table.date, data.table.source, data.from
        ));
        Ok(Code::Ok)
    }
}

fn table(context: &mut Context<'_>, rows: &[PriceRow]) -> std::io::Result<()> {
    let mut table = Table::new(&[
        "PROVIDER",
        "MODEL",
        ">INPUT",
        ">OUTPUT",
        ">CACHE READ",
        ">WRITE 5M",
        ">WRITE 1H",
        "BEYOND",
        "DATE",
        "",
    ]);
    for row in rows {
        // Those of the table have its source, told below.
        let (remark, style) = match row.overridden.as_slice() {
            [] if row.licence.is_empty() => (row.source.clone(), fg(AnsiColor::Yellow)),
            [] => (String::new(), Style::new()),
            models => (format!("own price: {}", models.join(", ")), DIM),
        };
        let sums = [row.input, row.output, row.cache_read, row.cache_write_5m, row.cache_write_1h];
        let [input, output, read, short, hour] = match row.request {
            Some(_) => sums.map(|_| cell("-")),
            None => sums.map(cell),
        };
        let long = row.long.iter().map(long).collect::<Vec<_>>().join("; ");
        let long = row.request.map_or(long, |dollars| format!("${dollars} a request at most"));
        table.row([
            cell(if row.provider.is_empty() { "any" } else { &row.provider }),
            cell(names(&row.models)),
            input,
            output,
            read,
            short,
            hour,
            cell(long),
            cell(&row.date),
            (remark, style),
        ]);
    }
    let text = table.render(context.term.color, context.term.width);
    context.out.write_all(text.as_bytes())
}

fn long(row: &LongRow) -> String {
    format!("over {}: {} in, {} out", count(row.from), row.input, row.output)
}

/// `claude-opus-4-5*`, and how many names more.
fn names(rules: &[String]) -> String {
    let shown = rules.first().and_then(|rule| rule.split_at_checked(1));
    let first = match shown {
        Some(("^", text)) => format!("{text}*"),
        Some(("$", text)) => format!("*{text}"),
        Some(("~", text)) => format!("*{text}*"),
        Some((_, text)) => text.to_owned(),
        None => String::new(),
    };
    match rules.len() {
        0 | 1 => first,
        n => format!("{first} +{}", n - 1),
    }
}

impl Set {
    /// Of what is no model there is nothing but what it adds to a request.
    fn request(&self) -> Result<Option<f64>, Failure> {
        match self.figures.as_slice() {
            [(key, dollars)] if key == REQUEST => Ok(Some(*dollars)),
            figures if figures.iter().any(|(key, _)| key == REQUEST) => {
                let why = "`request` is the price of a feature: it has no other with it";
                Err(Failure::usage(why).hinted("a model has input=… output=…"))
            }
            _ => Ok(None),
        }
    }

    /// A model of which nothing was said so far has both: neither is guessed.
    fn is_whole(&self, files: &PriceFiles) -> Result<(), Failure> {
        let has = |name: &str| self.figures.iter().any(|(key, _)| key == name);
        let missing: Vec<&str> =
            ["input", "output"].into_iter().filter(|name| !has(name)).collect();
        if missing.is_empty() || files.load()?.own.contains_key(&self.model) {
            return Ok(());
        }
        let given: Vec<String> =
            self.figures.iter().map(|(key, dollars)| format!("{key}={dollars}")).collect();
        let why = format!(
            "{:?} has no price of yours yet: give {}, too",
            self.model,
            missing.join(" and ")
        );
        let more: Vec<String> = missing.iter().map(|name| format!("{name}=…")).collect();
        let whole =
            format!("dash prices set {} {} {}", self.model, given.join(" "), more.join(" "));
        Err(Failure::usage(why).hinted(whole))
    }

    fn run(self, context: &mut Context<'_>) -> Done {
        outside()?;
        let files = PriceFiles::of(&Dirs::from_env()?);
        let today = prices::today().to_string();
        let request = match self.request()? {
            Some(dollars) => {
                files.set_feature(&self.model, dollars)?;
                Some(format!("${dollars} a request at most"))
            }
            None => None,
        };
        let told = match request {
            Some(told) => told,
            None => {
                self.is_whole(&files)?;
                let price = files.set(&self.model, &self.figures, &today)?;
                format!("${} in, ${} out per million tokens", price.input, price.output)
            }
        };
        if self.json.json {
            let rows = files.load()?.rows(&Config::default());
            let exact = format!("={}", self.model);
            // The first one: own prices come before all others.
            context.json(&rows.iter().find(|row| row.models == [exact.as_str()]))?;
            return Ok(Code::Ok);
        }
        let path = files.own().unwrap_or_default();
        context.line(format!("{}: {told} ({})", self.model, path.display()))?;
        context.note("a core that runs takes it with its next call");
        Ok(Code::Ok)
    }
}

impl Update {
    fn run(self, context: &mut Context<'_>) -> Done {
        outside()?;
        let files = PriceFiles::of(&Dirs::from_env()?);
        let now = files.load()?;
        let (table, text) = files.offered(&self.from, &now, prices::today())?;
        let changes = changes(&now.table, &table);
        if !self.dry_run {
            files.replace_table(&text)?;
        }
        if self.json.json {
            context.json(&changes)?;
            return Ok(Code::Ok);
        }
        for change in &changes {
            let (mark, color) = mark(change);
            let mark = context.paint(fg(color), mark);
            let how = change.how.join(", ");
            let line = format!("{mark} {} {}  {how}", change.provider, names(&change.models));
            context.line(line.trim_end())?;
        }
        let of = |what: &str| changes.iter().filter(|change| change.what == what).count();
        context.line(format!(
            "{} → {}: {} changed, {} added, {} removed",
            now.table.date,
            table.date,
            of("changed"),
            of("added"),
            of("removed")
        ))?;
        context.note(match self.dry_run {
            true => "nothing was written",
            false => "a core that runs takes them with its next call",
        });
        Ok(Code::Ok)
    }
}

fn mark(change: &PriceChange) -> (&'static str, AnsiColor) {
    match change.what.as_str() {
        "added" => ("+", AnsiColor::Green),
        "removed" => ("-", AnsiColor::Red),
        _ => ("~", AnsiColor::Yellow),
    }
}

/// Says once that prices are old, where money is held by them.
pub fn warn_if_old(context: &mut Context<'_>) {
    if in_agent() {
        return;
    }
    // A file that is wrong is told by whoever needs it: the core does not start with it.
    let data = Dirs::from_env().ok().and_then(|dirs| PriceFiles::of(&dirs).load().ok());
    for old in data.into_iter().flat_map(|data| data.warnings(prices::today())) {
        context.note(format!("warning: {old}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_a_key_and_a_price() {
        assert_eq!(figure("input=3"), Ok(("input".to_owned(), 3.0)));
        assert_eq!(figure("long.output=$0.25"), Ok(("long.output".to_owned(), 0.25)));
        for wrong in ["input", "input=", "input=-1", "input=NaN", "input=inf"] {
            assert!(figure(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_model_has_a_name() {
        assert_eq!(named("gpt-5"), Ok("gpt-5".to_owned()));
        for wrong in ["", " ", "\n", " gpt-5"] {
            assert!(named(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn rules_look_like_names() {
        let of =
            |rules: &[&str]| names(&rules.iter().map(|&rule| rule.to_owned()).collect::<Vec<_>>());
        assert_eq!((of(&["=a"]), of(&["^a", "=b"])), ("a".to_owned(), "a* +1".to_owned()));
        assert_eq!((of(&["$a"]), of(&["~a"])), ("*a".to_owned(), "*a*".to_owned()));
    }
}
