"""Regenerates prices.json from the PyPI package `genai-prices` (MIT).

    pip install genai-prices && python3 assets/prices.py YYYY-MM-DD > assets/prices.json

The date says on which day the prices hold; tiers that start later are left out. Kept are
text rates only, as pico-dollars per token (a dollar per million tokens is 1,000,000), and the
longest prompt in tokens (`context`) where the source says it.
Regular expressions of the source that only allow a dated suffix are covered by the reader,
which looks a name up again without its date; others are reported and left out.
"""

import datetime
import json
import re
import sys
from importlib.metadata import version

import genai_prices.data as data

KEEP = ["anthropic", "openai", "google", "deepseek", "groq", "minimax", "mistral",
        "moonshotai", "x-ai", "zai"]
# What the source leaves out, as Google's pages of these models say it (2026-11).
CONTEXT = {"^gemini-2.5-pro": 1_048_576, "^gemini-3-pro-preview": 1_048_576,
           "^gemini-3.1-pro-preview": 1_048_576}
RATES = ["input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "cache_write_1h_mtok"]


def rules(match):
    kind = type(match).__name__
    if kind == "ClauseOr":
        return [rule for part in match.or_ for rule in rules(part)]
    if kind == "ClauseEquals":
        return ["=" + match.equals]
    if kind == "ClauseStartsWith":
        return ["^" + match.starts_with]
    if kind == "ClauseContains":
        return ["~" + match.contains]
    if kind == "ClauseEndsWith":
        return ["$" + match.ends_with]
    if kind == "ClauseAnd":
        # Its other halves only keep speech models out, which have rules of their own.
        return [rule for part in match.and_ for rule in rules(part) if rule[0] == "^"]
    if kind == "ClauseRegex" and re.search(r"\\d\{\d\}", match.regex):
        return []
    print("left out:", match, file=sys.stderr)
    return []


def price_of(model, day):
    if not isinstance(model.prices, list):
        return model.prices
    valid = None
    for entry in model.prices:
        start = getattr(entry.constraint, "start_date", None)
        if entry.constraint is None or (start is not None and start <= day):
            valid = entry.prices
    return valid


def pico(value):
    return None if value is None else int(value * 1_000_000)


def row(price, start=None):
    cells = []
    for name in RATES:
        value = getattr(price, name)
        if hasattr(value, "base"):
            above = [t for t in value.tiers if start is not None and t.start <= start]
            value = above[-1].price if above else value.base
        cells.append(pico(value))
    while cells and cells[-1] is None:
        cells.pop()
    return cells


def convert(model, day):
    names, price = rules(model.match), price_of(model, day)
    if not names or price is None or price.input_mtok is None or price.output_mtok is None:
        return None
    entry = {"match": names, "rates": row(price)}
    starts = sorted({t.start for name in RATES for t in getattr(getattr(price, name), "tiers", [])})
    if starts:
        entry["tiers"] = [[start, row(price, start)] for start in starts]
    context = model.context_window or CONTEXT.get(names[0])
    if context is not None:
        entry["context"] = context
    return entry


def main():
    day = datetime.date.fromisoformat(sys.argv[1])
    providers = {p.id: p for p in data.providers}
    out = ["{", f'"date": "{day}",',
           f'"source": "PyPI genai-prices {version("genai-prices")} (see prices.NOTICE)",',
           '"licence": "MIT",',
           '"columns": ["input", "output", "cache_read", "cache_write", "cache_write_1h"],',
           '"unit": "pico-dollars per token",', '"providers": {']
    blocks = []
    for name in KEEP:
        entries = [e for e in (convert(m, day) for m in providers[name].models) if e]
        lines = ",\n".join(json.dumps(e, separators=(",", ":")) for e in entries)
        blocks.append(f'"{name}": [\n{lines}\n]')
    out.append(",\n".join(blocks))
    out.append("}\n}")
    print("\n".join(out))


main()
