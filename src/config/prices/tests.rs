use super::*;
use jiff::civil::date;

const DAY: &str = "2026-12-01";

fn files() -> (tempfile::TempDir, PriceFiles) {
    let directory = tempfile::tempdir().unwrap();
    let files = PriceFiles::at(directory.path());
    (directory, files)
}

fn set(files: &PriceFiles, model: &str, changes: &[(&str, f64)]) -> Result<OwnPrice, ConfigError> {
    let changes: Vec<(String, f64)> =
        changes.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect();
    files.set(model, &changes, DAY)
}

fn own(files: &PriceFiles) -> String {
    fs::read_to_string(files.own().unwrap()).unwrap()
}

const SMALL: &str = r#"{"date":"2030-01-02","source":"a test","licence":"none","providers":{
"here":[{"match":["=one","^two"],"rates":[1000000,2000000],"tiers":[[100,[3000000,4000000]]]}]}}"#;

#[test]
fn what_is_built_in_has_date_source_and_licence() {
    let data = PriceFiles::default().load().unwrap();
    assert_eq!(data.from, BUILT_IN);
    assert!(data.table.date.starts_with("20") && data.table.source.contains("genai-prices"));
    assert_eq!(data.table.licence, "MIT");
    let rows = data.rows(&Config::default());
    let opus = rows.iter().find(|row| row.models.contains(&"^claude-opus-4-5".to_owned())).unwrap();
    assert_eq!((opus.input, opus.output, opus.cache_read), (5.0, 25.0, 0.5));
    assert_eq!((opus.cache_write_5m, opus.cache_write_1h), (6.25, 10.0));
    let sonnet = rows.iter().find(|row| row.models.contains(&"^claude-sonnet-4-5".to_owned()));
    assert_eq!(sonnet.map(|row| (row.long[0].from, row.long[0].input)), Some((200_000, 6.0)));
}

#[test]
fn old_prices_are_warned_of_after_sixty_days() {
    let mut data = PriceFiles::default().load().unwrap();
    data.table.date = "2026-01-01".to_owned();
    assert_eq!(data.age_days(date(2025, 12, 1)), 0, "of tomorrow");
    assert_eq!(data.warnings(date(2026, 3, 2)), [""; 0], "sixty days");
    let said = data.warnings(date(2026, 3, 3)).remove(0);
    assert!(said.contains("61 days old (from 2026-01-01)"), "{said}");
    assert_eq!(data.age_days(date(2027, 1, 1)), 365);
}

#[test]
fn old_prices_of_ones_own_are_warned_of_too() {
    let (_directory, files) = files();
    for (model, day) in [("new", "2026-03-01"), ("old", "2026-01-01"), ("older", "2025-12-01")] {
        files.set(model, &[("input".to_owned(), 1.0), ("output".to_owned(), 1.0)], day).unwrap();
    }
    let mut data = files.load().unwrap();
    data.table.date = "2026-03-01".to_owned();
    assert_eq!(data.warnings(date(2026, 1, 30)), [""; 0], "sixty days");
    let said = data.warnings(date(2026, 3, 3));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("\"older\" is 92 days old") && said[0].contains("1 more"), "{said:?}");
}

#[test]
fn the_newer_table_is_in_force_and_a_change_is_seen() {
    let (_directory, files) = files();
    let before = files.mark();
    assert_eq!(before, [None, None]);
    files.replace_table(SMALL).unwrap();
    assert_ne!(files.mark(), before);
    let data = files.load().unwrap();
    assert_eq!((data.table.date.as_str(), data.table.vendors.len()), ("2030-01-02", 1));
    files.replace_table(&SMALL.replace("2030", "2020")).unwrap();
    assert_eq!(files.load().unwrap().from, BUILT_IN, "an older one is not");
}

#[test]
fn a_table_that_is_wrong_is_refused_with_its_place() {
    let at = |from: &str, to: &str| {
        let error = PriceTable::parse(Path::new("p.json"), &SMALL.replace(from, to)).unwrap_err();
        error.to_string()
    };
    for (from, to, says) in [
        ("2030-01-02", "soon", "p.json:1:2: date: \"soon\" is no date"),
        ("1000000,2000000", "1000000", "p.json:2:9: providers.here[0].rates: output is missing"),
        ("\"=one\"", "\"one\"", "p.json:2:9: providers.here[0].match: \"one\" is no rule"),
        ("[\"=one\",\"^two\"]", "[]", "providers.here[0].match: no rule"),
        ("1000000", "-1", "p.json:2:"),
        ("\"rates\"", "\"rate\"", "unknown field `rate`"),
        ("[[100", "[[200,[1,1]],[100", "providers.here[0].tiers: they do not begin"),
        ("\"here\":", "", "p.json:2:"),
        ("\"source\"", "\"sauce\"", "unknown field `sauce`"),
    ] {
        let said = at(from, to);
        assert!(said.starts_with("p.json:") && said.contains(says), "{said}");
    }
    assert!(at("\"providers\":{", "\"unit\":\"cents\",\"providers\":{").contains("unit: only"));
}

#[test]
fn own_prices_are_set_where_they_stand_and_comments_stay() {
    let (_directory, files) = files();
    set(&files, "m.1", &[("input", 3.0), ("output", 15.0)]).unwrap();
    assert_eq!(own(&files), "[models.\"m.1\"]\ndate = \"2026-12-01\"\ninput = 3\noutput = 15\n");
    let text = "# mine\n[models.\"m.1\"] # a model\ninput = 3 # as they say\noutput = 15\n\
                # the end of it\n\n[models.other]\ninput = 1\noutput = 1\n";
    fs::write(files.own().unwrap(), text).unwrap();
    let price = set(&files, "m.1", &[("input", 2.5), ("cache_read", 0.25), ("long.from", 9.0)]);
    let missing = price.unwrap_err().to_string();
    assert!(missing.contains("missing field"), "a long price has its rates: {missing}");
    assert_eq!(own(&files), text, "and nothing was written");
    let changes = [("input", 2.5), ("cache_read", 0.25), ("long.from", 9.0), ("long.input", 5.0)];
    set(&files, "m.1", &[&changes[..], &[("long.output", 6.0)]].concat()).unwrap();
    assert_eq!(
        own(&files),
        "# mine\n[models.\"m.1\"] # a model\ninput = 2.5 # as they say\noutput = 15\n\
         date = \"2026-12-01\"\ncache_read = 0.25\nlong.from = 9\nlong.input = 5\n\
         long.output = 6\n# the end of it\n\n[models.other]\ninput = 1\noutput = 1\n"
    );
    let price = set(&files, "m.1", &[("long.cache_read", 1.0), ("long.input", 7.0)]).unwrap();
    assert_eq!(price.tiers()[0].1.cache_read, 1_000_000, "{}", own(&files));
    assert_eq!((price.tiers()[0].0, price.tiers()[0].1.input), (9, 7_000_000));
}

#[test]
fn other_forms_of_a_table_are_changed_or_refused() {
    let (_directory, files) = files();
    for text in [
        "models = { a = { input = 1, output = 2 } }\n",
        "[models]\na = { input = 1, output = 2 }",
        "[models]\na.input = 1\na.output = 2\n",
        "[models.a]\ninput = 1\noutput = 2\n[models.a.long]\nfrom = 1\ninput = 1\noutput = 1",
        "models.a.input = 1\nmodels.a.output = 2",
    ] {
        fs::write(files.own().unwrap(), text).unwrap();
        match set(&files, "a", &[("output", 9.0), ("cache_read", 0.5), ("input", 1.5)]) {
            Ok(price) => {
                let cells = (price.input, price.output, price.cache_read);
                assert_eq!(cells, (1.5, 9.0, Some(0.5)), "{text}");
            }
            Err(_) => assert_eq!(own(&files), text, "refused whole"),
        }
    }
    fs::write(files.own().unwrap(), "[models.a]\ninput = \"x\"\noutput = 2\n").unwrap();
    let error = set(&files, "a", &[("input", 1.0)]).unwrap_err().to_string();
    assert!(error.contains("prices.toml:2:9: models.a.input: invalid type"), "{error}");
    let error = set(&files, "a", &[("inptu", 1.0)]).unwrap_err().to_string();
    assert!(error.contains("prices.toml:2:9"), "the file first: {error}");
    fs::write(files.own().unwrap(), "[models.a]\ninput = 1\noutput = -2\n").unwrap();
    let error = files.load().unwrap_err().to_string();
    assert!(error.contains("prices.toml:3:1: models.\"a\".output: -2 is no price"), "{error}");
    fs::remove_file(files.own().unwrap()).unwrap();
    let error = set(&files, "a", &[("inptu", 1.0)]).unwrap_err().to_string();
    assert!(error.contains("did you mean `input`"), "{error}");
    assert!(set(&files, "a", &[("input", -1.0), ("output", 1.0)]).is_err());
    assert!(set(&files, "a", &[("input", 1.0)]).unwrap_err().to_string().contains("output"));
}

#[test]
fn what_a_newer_table_changes_is_told() {
    let old = PriceTable::parse(Path::new("a"), SMALL).unwrap();
    assert_eq!(changes(&old, &old), []);
    let text = SMALL
        .replace("[1000000,2000000]", "[1500000,2000000]")
        .replace("\"here\":[", "\"there\":[{\"match\":[\"=three\"],\"rates\":[1,1]}],\"here\":[");
    let new = PriceTable::parse(Path::new("b"), &text).unwrap();
    let told = changes(&old, &new);
    assert_eq!((told.len(), told[0].how[0].as_str()), (2, "input 1 → 1.5"));
    assert_eq!((told[1].what.as_str(), told[1].provider.as_str()), ("added", "there"));
    assert_eq!(changes(&new, &old)[1].what, "removed");
}

#[test]
fn what_is_no_price_is_not_set() {
    let (_directory, files) = files();
    for (key, value, says) in [
        ("input", 1e30, "input: 1e30 is no price"),
        ("output", 1_000_001.0, "is no price"),
        ("input", f64::NAN, "is no price"),
        ("cache_read", -0.5, "is no price"),
        ("context", 0.0, "context: "),
        ("context", 1.5, "context: "),
    ] {
        let changes = [("input", 1.0), ("output", 1.0), (key, value)];
        let error = set(&files, "a", &changes).unwrap_err().to_string();
        assert!(error.contains(says), "{key}={value}: {error}");
        assert!(!files.own().unwrap().exists());
    }
    fs::write(files.own().unwrap(), "[models.a]\ninput = 1\noutput = 1\ncontext = 0\n").unwrap();
    let error = files.load().unwrap_err().to_string();
    assert!(error.contains("prices.toml:4:1: models.\"a\".context: "), "{error}");
    fs::write(files.own().unwrap(), "[models.a]\ninput = 1e300\noutput = 1\n").unwrap();
    let error = files.load().unwrap_err().to_string();
    assert!(error.contains("prices.toml:2:1: models.\"a\".input: "), "{error}");
}

#[test]
fn writes_that_nobody_priced_are_listed_as_they_are_billed() {
    let (_directory, files) = files();
    let long = [("long.from", 9.0), ("long.input", 8.0), ("long.output", 1.0)];
    set(&files, "a", &[&[("input", 4.0), ("output", 1.0)][..], &long].concat()).unwrap();
    let rows = files.load().unwrap().rows(&Config::default());
    let row = rows.iter().find(|row| row.models == ["=a"]).unwrap();
    assert_eq!((row.cache_read, row.cache_write_5m, row.cache_write_1h), (4.0, 5.0, 8.0));
    assert_eq!((row.long[0].cache_write_5m, row.long[0].cache_write_1h), (10.0, 16.0));
    // Of a long prompt no less than that, and no less than was said of a short one.
    set(&files, "a", &[("cache_write", 5.0), ("cache_write_1h", 20.0)]).unwrap();
    let rows = files.load().unwrap().rows(&Config::default());
    let row = rows.iter().find(|row| row.models == ["=a"]).unwrap();
    assert_eq!((row.long[0].cache_write_5m, row.long[0].cache_write_1h), (10.0, 20.0));
}
