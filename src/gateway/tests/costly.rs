//! Calls made or answered so that what they cost is not seen.

use super::*;
use crate::gateway::known::Length;
use crate::gateway::prices::Prices;
use crate::gateway::terms::Terms;
use crate::gateway::wire::{Asked, Wire};

/// What a budget says to such a request, where `features` are priced at a dollar each.
fn bound(wire: Wire, model: &str, body: &str, features: &[&str]) -> Result<Micros, String> {
    let prices = Prices::new(&PriceFiles::default().load().unwrap());
    let asked: Asked<'_> = serde_json::from_str(body).map_err(|e| e.to_string())?;
    let feature = |name: &str| features.contains(&name).then_some(Micros(1_000_000));
    let of = (wire, &asked, body.as_bytes());
    let length = (Length::AtMost(1000), false);
    let terms = Terms::of(prices.find(None, model), feature, (model, "p"), of, length);
    terms.bound().map(|bound| bound.most)
}

#[track_caller]
fn refused(wire: Wire, body: &str, name: &str) {
    let model = if wire == Wire::Generate { "gemini-2.5-pro" } else { "gpt-5" };
    let why = bound(wire, model, body, &[]).expect_err(body);
    assert!(why.contains(&format!("`{name}`")), "{body}: {why}");
    assert!(bound(wire, model, body, &[name]).unwrap() > Micros(1_000_000), "{body}");
}

#[track_caller]
fn taken(wire: Wire, body: &str) {
    let model = if wire == Wire::Generate { "gemini-2.5-pro" } else { "gpt-5" };
    assert!(bound(wire, model, body, &[]).is_ok(), "{body}");
}

#[test]
fn a_tool_without_its_list_is_one_all_the_same() {
    refused(Wire::Generate, r#"{"tools":{"googleSearch":{}}}"#, "tool googleSearch");
    refused(Wire::Responses, r#"{"tools":{"type":"web_search"}}"#, "tool web_search");
    // Beside what is no tool at all.
    let other = ["tool of an unknown form"];
    let body = r#"{"tools":[{"googleSearch":{}},7]}"#;
    assert!(bound(Wire::Generate, "gemini-2.5-pro", body, &other).is_err());
    let body = r#"{"tools":[{"type":"web_search"},7]}"#;
    assert!(bound(Wire::Responses, "gpt-5", body, &other).is_err());
    refused(Wire::Responses, r#"{"tools":[{"type":["web_search"]}]}"#, "tool of an unknown form");
    refused(Wire::Generate, r#"{"tools":"googleSearch"}"#, "tool of an unknown form");
    taken(Wire::Generate, r#"{"tools":{"functionDeclarations":[]}}"#);
    taken(Wire::Responses, r#"{"tools":{"type":"function","name":"x"}}"#);
    taken(Wire::Responses, r#"{"tools":null}"#);
    taken(Wire::Messages, r#"{"tools":[{"type":null,"name":"x"}]}"#);
}

#[test]
fn a_dear_tier_is_one_however_it_is_written() {
    for body in [
        r#"{"service_tier":"priority"}"#,
        r#"{"serviceTier":"priority"}"#,
        r#"{"serviceTier":"PRIORITY"}"#,
        r#"{"service_tier":"SERVICE_TIER_PRIORITY"}"#,
        r#"{"serviceTier":"\u0070riority"}"#,
        r#"{"service_tier":"flex","serviceTier":"priority"}"#,
        r#"{"serviceTier":"flex","service_tier":"priority"}"#,
    ] {
        refused(Wire::Generate, body, "service_tier: priority");
    }
    refused(Wire::Chat, r#"{"service_tier":"Fast"}"#, "service_tier: fast");
    // Its number, and one that nobody knows.
    refused(Wire::Generate, r#"{"serviceTier":3}"#, "service_tier: 3");
    refused(Wire::Responses, r#"{"service_tier":"ultra"}"#, "service_tier: ultra");
    for tier in ["null", "\"auto\"", "\"FLEX\"", "\"SERVICE_TIER_STANDARD\"", "\"standard_only\""] {
        taken(Wire::Generate, &format!("{{\"serviceTier\":{tier}}}"));
        taken(Wire::Chat, &format!("{{\"service_tier\":{tier}}}"));
    }
}

#[test]
fn fields_are_judged_in_both_spellings() {
    for (outer, inner) in [
        ("generationConfig", "responseModalities"),
        ("generationConfig", "response_modalities"),
        ("generation_config", "responseModalities"),
        ("generation_config", "response_modalities"),
    ] {
        // By name, in any case, by number, and without a list.
        for kinds in ["[\"AUDIO\"]", "[\"text\",\"image\"]", "[3]", "\"AUDIO\""] {
            let body = format!("{{\"{outer}\":{{\"{inner}\":{kinds}}}}}");
            refused(Wire::Generate, &body, "responseModalities");
        }
        taken(Wire::Generate, &format!("{{\"{outer}\":{{\"{inner}\":[\"TEXT\"]}}}}"));
        taken(Wire::Generate, &format!("{{\"{outer}\":{{\"{inner}\":null}}}}"));
    }
    let both = r#"{"generationConfig":{"responseModalities":["TEXT"],
        "response_modalities":["AUDIO"]}}"#;
    refused(Wire::Generate, both, "responseModalities");
    for (name, uri) in [("fileData", "fileUri"), ("file_data", "file_uri")] {
        refused(Wire::Generate, &format!("{{\"{name}\":{{\"{uri}\":\"u\"}}}}"), uri);
    }
    for name in ["cachedContent", "cached_content"] {
        refused(Wire::Generate, &format!("{{\"{name}\":\"c/1\"}}"), name);
    }
    // Of a limit that is given twice nobody can say which one counts.
    for body in [
        r#"{"generationConfig":{},"generation_config":{"maxOutputTokens":9}}"#,
        r#"{"generationConfig":{"maxOutputTokens":9,"max_output_tokens":99}}"#,
        r#"{"generationConfig":{"candidateCount":1,"candidate_count":8}}"#,
    ] {
        assert!(bound(Wire::Generate, "gemini-2.5-pro", body, &[]).is_err(), "{body}");
    }
    for (outer, inner) in [
        ("generationConfig", "maxOutputTokens"),
        ("generationConfig", "max_output_tokens"),
        ("generation_config", "maxOutputTokens"),
        ("generation_config", "max_output_tokens"),
    ] {
        let body = |limit| format!("{{\"{outer}\":{{\"{inner}\":{limit}}}}}");
        let edited = clamp::clamped(Wire::Generate, &body(500), 9);
        assert_eq!(edited, Some(body(9)), "and none beside it");
    }
}

#[test]
fn what_is_sent_is_judged_by_its_kind_in_any_case() {
    let part = |name: &str, kind: &str, is: &str| {
        format!("{{\"contents\":[{{\"parts\":[{{\"{name}\": {{\"data\":\"eA\"{kind}{is}}}}}]}}]}}")
    };
    for (name, kind) in [("inlineData", ",\"mimeType\":"), ("inline_data", ",\"mime_type\":")] {
        let sent = |is: &str| part(name, kind, is);
        refused(Wire::Generate, &sent("\"Audio/MP3\""), "audio/mp3");
        refused(Wire::Generate, &sent("\"VIDEO/mp4\""), "video/mp4");
        refused(Wire::Generate, &sent("\"\\u0061udio/mp3\""), "audio/mp3");
        refused(Wire::Generate, &sent("\"application/ogg\""), "application/ogg");
        refused(Wire::Generate, &sent("7"), "inlineData of no known type");
        refused(Wire::Generate, &sent("\"\""), "inlineData of no known type");
        refused(Wire::Generate, &part(name, "", ""), "inlineData of no known type");
        for (is, images, documents) in
            [("IMAGE/PNG", 1, 0), ("Text/plain", 0, 0), ("Application/PDF", 0, 1)]
        {
            let body = sent(&format!("\"{is}\""));
            taken(Wire::Generate, &body);
            let media = media::Media::of(Wire::Generate, "m", body.as_bytes());
            assert_eq!((media.images.len(), media.documents), (images, documents), "{body}");
        }
    }
    // What only speaks of it is none.
    taken(Wire::Generate, r#"{"contents":[{"parts":[{"text":"\"inlineData\": {}"}]}]}"#);
}

#[test]
fn models_that_cost_more_than_tokens_are_known_by_name() {
    let by_name = |wire, model, name: &str| {
        let why = bound(wire, model, "{}", &[]).expect_err(model);
        assert!(why.contains(&format!("`{name}`")) && why.contains("[features]"), "{why}");
        assert!(why.contains(model), "{why}");
        assert!(bound(wire, model, "{}", &[name]).unwrap() > Micros(1_000_000), "{model}");
    };
    for model in ["gemini-2.5-flash-image", "gemini-3-pro-image", "gemini-3.1-flash-image-preview"]
    {
        by_name(Wire::Generate, model, "image output");
        by_name(Wire::Chat, model, "image output");
    }
    for model in ["gpt-4o-search-preview", "gpt-4o-mini-search-preview", "gpt-5-search-api"] {
        by_name(Wire::Chat, model, "web search");
    }
    // Its one search has one price.
    let options = r#"{"web_search_options":{}}"#;
    let twice = bound(Wire::Chat, "gpt-4o-search-preview", options, &["web search"]).unwrap();
    assert!(twice < Micros(2_000_000));
    for model in ["gemini-2.5-flash", "gpt-5", "claude-opus-4-5"] {
        assert!(bound(Wire::Chat, model, "{}", &[]).is_ok(), "{model}");
    }
}

#[test]
fn an_answer_that_used_nothing_at_all_says_nothing() {
    const AMOUNT: Micros = Micros(2_000_000);
    for answer in [
        concat!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 97\r\n\r\n",
            "{\"content\":[{\"type\":\"text\",\"text\":\"a long answer\"}],",
            "\"usage\":{\"input_tokens\":0,\"output_tokens\":0}}",
        ),
        concat!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n",
            "data: {\"message\":{\"usage\":{\"input_tokens\":0,\"output_tokens\":0}}}\n\n",
            "data: {\"delta\":{\"text\":\"a long answer\"}}\n\n",
            "data: {\"delta\":{\"stop_reason\":\"x\"},\"usage\":{\"output_tokens\":0}}\n\n",
        ),
    ] {
        let upstream = Upstream::new(answer, "");
        let stage = Stage::with(Dialect::Anthropic, &upstream.url, false, Some(AMOUNT));
        let came = stage.ask("/v1/messages", r#"{"model":"claude-opus-4-5","max_tokens":9}"#);
        assert!(came.contains("a long answer"), "{came}");
        let bill = stage.bill();
        assert_eq!((bill.cost, bill.estimated), (AMOUNT, true), "{answer}");
    }
}

#[test]
fn a_field_given_twice_is_no_way_past_the_first() {
    let body = r#"{"tools":[{"googleSearch":{}}],"contents":[],"tools":[]}"#;
    refused(Wire::Generate, body, "tools given twice");
}

/// Letters that are escaped for no need are letters all the same.
#[test]
fn what_is_escaped_is_seen() {
    let ask = |field: &str| {
        let stage = Stage::with(Dialect::Gemini, "http://127.0.0.1:9", false, Some(Micros(1_000)));
        let part = format!(r#"{{"fileData":{{"{field}":"gs://x/y"}}}}"#);
        let body = format!(r#"{{"contents":[{{"parts":[{part}]}}]}}"#);
        stage.ask("/v1beta/models/gemini-2.5-pro:generateContent", &body);
        stage.wished.lock().unwrap().take().unwrap_or_default()
    };
    for field in ["fileUri", r"fileUr\u0069", r"file\u005furi"] {
        let why = ask(field);
        assert!(why.contains("`file"), "{field}: {why}");
    }
}

#[test]
fn containers_fallbacks_and_plugins_are_named() {
    let shell = |place: &str| format!(r#"{{"tools":[{{"type":"shell","environment":{place}}}]}}"#);
    for (place, name) in [
        (r#"{"type":"container_auto"}"#, "tool shell in container_auto"),
        (
            r#"{"type":"container_reference","container_id":"c"}"#,
            "tool shell in container_reference",
        ),
        (r#"{"type":7}"#, "tool of an unknown form"),
        (r#""container_auto""#, "tool of an unknown form"),
    ] {
        refused(Wire::Responses, &shell(place), name);
    }
    taken(Wire::Responses, &shell(r#"{"type":"local"}"#));
    taken(Wire::Responses, &shell("null"));
    taken(Wire::Responses, r#"{"tools":[{"type":"shell"}]}"#);
    refused(Wire::Chat, r#"{"models":["dear/model","other"]}"#, "models");
    refused(Wire::Chat, r#"{"plugins":[{"id":"web"}]}"#, "plugins");
    taken(Wire::Chat, r#"{"models":[],"plugins":null}"#);
}

#[test]
fn more_answers_than_are_counted_are_no_request() {
    for (dialect, path, field) in [
        (Dialect::Openai, "/v1/chat/completions", r#""n":1001"#),
        (
            Dialect::Gemini,
            "/v1beta/models/gemini-2.5-pro:generateContent",
            r#""generationConfig":{"candidateCount":5000}"#,
        ),
    ] {
        let stage = Stage::with(dialect, "http://127.0.0.1:9", false, None);
        let answer = stage.ask(path, &format!(r#"{{"model":"gpt-5",{field}}}"#));
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains("1000 answers"), "{answer}");
        stage.no_bill();
    }
}

#[test]
fn a_cache_that_lives_for_an_unknown_time_is_the_dearest() {
    let input = |ttl: &str| {
        let body = format!(r#"{{"max_tokens":0,"cache_control":{{"type":"ephemeral"{ttl}}}}}"#);
        bound(Wire::Messages, "claude-opus-4-5", &body, &[]).unwrap().0
    };
    assert_eq!(input(""), 6_250);
    assert_eq!(input(r#","ttl":"5m""#), 6_250);
    assert_eq!(input(r#","ttl":"1h""#), 10_000);
    assert_eq!(input(r#","ttl":"24h""#), 10_000);
}
