//! The limiter at work: many agents before a provider that counts who comes when.

use crate::config::{Config, Dialect, Provider};
use crate::gateway::{
    Call, CallReport, Caller, Gateway, Guests, Ledger, ReserveFuture, Serving, Traffic,
};
use crate::model::Reservation;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const REFUSED: &str = "{\"error\":  {\"type\":\"rate_limit_error\"}}";

#[derive(Default)]
struct Books {
    traffic: Mutex<Vec<Traffic>>,
    reserved: Mutex<u32>,
}

impl Ledger for Books {
    fn reserve<'a>(&'a self, _: &'a Call) -> ReserveFuture<'a> {
        *self.reserved.lock().unwrap() += 1;
        Box::pin(async { Ok(Reservation { number: 1, amount: None, tokens: None }) })
    }
    fn settle(&self, _: &Caller, _: Option<Reservation>, _: CallReport) {}
    fn traffic(&self, _: &Caller, traffic: Traffic) {
        self.traffic.lock().unwrap().push(traffic);
    }
}

/// Answers each request with the next of its answers, the last one for ever.
struct Provides {
    url: String,
    came: Arc<Mutex<Vec<Instant>>>,
}

fn provider(answers: Vec<String>) -> Provides {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let came = Arc::<Mutex<Vec<Instant>>>::default();
    let seen = came.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (seen, answers) = (seen.clone(), answers.clone());
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut from = BufReader::new(stream.try_clone().unwrap());
                let (mut line, mut length) = (String::new(), 0);
                while from.read_line(&mut line).is_ok_and(|read| read > 2) {
                    let lower = line.to_ascii_lowercase();
                    if let Some(n) = lower.strip_prefix("content-length:") {
                        length = n.trim().parse().unwrap();
                    }
                    line.clear();
                }
                from.read_exact(&mut vec![0; length]).unwrap();
                let mut seen = seen.lock().unwrap();
                seen.push(Instant::now());
                let answer = &answers[(seen.len() - 1).min(answers.len() - 1)];
                drop(stream.write_all(answer.as_bytes()));
            });
        }
    });
    Provides { url, came }
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

fn well() -> String {
    answer("200 OK", "content-type: application/json\r\n", "{\"usage\":{\"input_tokens\":1}}")
}

struct House {
    runtime: tokio::runtime::Runtime,
    gateway: Gateway,
    guests: Guests,
    books: Arc<Books>,
    port: u16,
    _serving: Serving,
}

fn caller(name: &str) -> Caller {
    Caller {
        swarm: "sw-1".into(),
        agent: name.into(),
        attempt: format!("{name}-1").as_str().into(),
        token: name.to_owned(),
        calls: None,
    }
}

fn house(dialect: Dialect, url: &str) -> House {
    let provider = Provider {
        dialect,
        base_url: url.to_owned(),
        key_env: None,
        key_file: None,
        key_command: None,
        login: None,
        notional: None,
        prices: Default::default(),
    };
    let config = Config { providers: [("up".to_owned(), provider)].into(), ..Config::default() };
    let books = Arc::<Books>::default();
    let gateway = Gateway::new(&config, &[], books.clone()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (listener, guests) = (TcpListener::bind("127.0.0.1:0").unwrap(), Guests::default());
    let port = listener.local_addr().unwrap().port();
    let serving =
        runtime.block_on(async { gateway.serve_with(listener, caller("ag-00"), guests.clone()) });
    House { runtime, gateway, guests, books, port, _serving: serving }
}

impl House {
    fn ask(port: u16, who: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let length = body.len();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {who}\
             \r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        text
    }

    fn call(&self, who: &str) -> String {
        Self::ask(self.port, who, "/v1/messages", "{\"model\":\"claude-opus-4-5\"}")
    }
}

#[test]
fn one_refusal_keeps_fifty_agents_from_coming_at_once() {
    let refused = answer("429 Too Many Requests", "retry-after-ms: 700\r\nx-own: 1\r\n", REFUSED);
    let provider = provider(vec![refused, well()]);
    let house = house(Dialect::Anthropic, &provider.url);
    let first = house.call("ag-00");
    assert!(first.starts_with("HTTP/1.1 429 ") && first.ends_with(REFUSED), "{first}");
    assert!(first.contains("retry-after-ms: 700") && first.contains("x-own: 1"), "{first}");
    let names: Vec<String> = (1..=50).map(|n| format!("ag-{n:02}")).collect();
    let _guests: Vec<_> =
        names.iter().map(|name| house.gateway.admit(&house.guests, caller(name))).collect();
    let calls: Vec<_> = names
        .iter()
        .map(|name| {
            let (port, name) = (house.port, name.clone());
            std::thread::spawn(move || {
                House::ask(port, &name, "/v1/messages", "{\"model\":\"claude-opus-4-5\"}")
            })
        })
        .collect();
    for call in calls {
        let text = call.join().unwrap();
        assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    }
    let came = provider.came.lock().unwrap();
    assert_eq!(came.len(), 51);
    assert!(came[1] - came[0] >= Duration::from_millis(690), "{:?}", came[1] - came[0]);
    // They lie apart: on the way here some may catch up with each other.
    assert!(came[50] - came[1] >= Duration::from_millis(50 * 10), "{:?}", came[50] - came[1]);
    let traffic = house.books.traffic.lock().unwrap();
    let limited = traffic.iter().filter(|told| **told == Traffic::Limited).count();
    assert!((1..=50).contains(&limited), "{limited}");
}

#[test]
fn who_would_wait_too_long_is_told_how_long_and_nobody_is_asked() {
    let refused = answer("429 Too Many Requests", "retry-after: 900\r\n", REFUSED);
    let provider = provider(vec![refused]);
    let house = house(Dialect::Anthropic, &provider.url);
    house.call("ag-00");
    let second = house.call("ag-00");
    assert!(second.starts_with("HTTP/1.1 429 ") && second.contains("rate_limit_error"), "{second}");
    let seconds = second.lines().find_map(|line| line.strip_prefix("retry-after: "));
    let seconds: u64 = seconds.unwrap().parse().unwrap();
    assert!((899..=946).contains(&seconds), "{second}");
    assert_eq!(provider.came.lock().unwrap().len(), 1);
    assert_eq!(*house.books.reserved.lock().unwrap(), 1, "and nothing is set aside");
    drop(house.runtime);
}

#[test]
fn the_usage_that_only_the_gateway_wanted_is_hidden() {
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5}}\n\n";
    let delta = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":null}\n\n";
    let stream = format!("{delta}{usage}data: [DONE]\n\n");
    let all = answer("200 OK", "content-type: text/event-stream\r\n", &stream);
    let provider = provider(vec![all]);
    let house = house(Dialect::Openai, &format!("{}/v1", provider.url));
    let ask = |body: &str| House::ask(house.port, "ag-00", "/v1/chat/completions", body);
    let hidden = ask("{\"model\":\"gpt-5\",\"stream\":true}");
    assert!(hidden.contains(delta) && hidden.contains("[DONE]"), "{hidden}");
    assert!(!hidden.contains("prompt_tokens"), "{hidden}");
    let wanted =
        ask("{\"model\":\"gpt-5\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}");
    assert!(wanted.ends_with(&stream), "{wanted}");
}
