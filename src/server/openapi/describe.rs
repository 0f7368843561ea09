//! Makes the document: operations and the schemas of what they take and give.

use super::{operations::operations, tidy};
use crate::{
    protocol::rest::Problem,
    server::{branch, routes::ROUTES},
};
use axum::http::Method;
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use std::{collections::BTreeSet, fs, path::Path};

/// What every answer may be, whatever is asked.
const ALWAYS: [u16; 5] = [400, 401, 403, 500, 503];
/// Statuses of refusals, with what they say.
const REFUSALS: [(u16, &str); 12] = [
    (400, "The request makes no sense as it stands (`invalid`, `not_enforced`)."),
    (401, "An agent's own socket asks for its token."),
    (403, "The caller has not the right (`forbidden`)."),
    (404, "Nothing goes by that id or name (`not_found`)."),
    (409, "Not in this state (`conflict`), or the name fits several (`ambiguous`)."),
    (410, "It was there, and is no longer kept (`gone`)."),
    (412, "It was changed since (`changed`): `If-Match` says what the caller had seen."),
    (413, "The body is larger than 4 MiB."),
    (415, "The body is not declared as application/json."),
    (426, "Served as a WebSocket only."),
    (500, "Something of Dash's own went wrong (`internal`)."),
    (
        503,
        "The journal is full (`journal_full`, `Retry-After` says when to ask again); or, without \
         a body and with the header `dash-core: leaving`, this core leaves and nothing was done: \
         ask the next one.",
    ),
];

const ABOUT: &str = "The headless core of Dash, over HTTP/1.1 on its Unix socket (`dash --socket \
     PATH`; `curl --unix-socket PATH http://dash/v1/health`); `dash serve` opens a door to it on \
     loopback TCP, with its own token as bearer, which also answers 421 to a foreign Host and 502 \
     where no core is. Ids may be names. Errors are \
     application/problem+json with a stable `code`. Times are RFC 3339, money is in integer \
     micro-dollars. Parameters and fields that are not known are refused. The socket is the \
     caller's identity: that of the user may do everything, an agent's own ($DASH_SOCKET, with \
     $DASH_TOKEN as bearer) what has `x-inside`: `any`; `branch`, of itself and all below it; \
     `below`, of what it spawned.";

/// The schemas of what is taken, and of what is given: a field with a default may be missing in
/// the one and is there in the other.
pub struct Schemas {
    taken: SchemaGenerator,
    given: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self {
            taken: settings.clone().for_deserialize().into_generator(),
            given: settings.for_serialize().into_generator(),
        }
    }

    fn taken<T: JsonSchema>(&mut self) -> Value {
        self.taken.subschema_for::<T>().to_value()
    }

    fn given<T: JsonSchema>(&mut self) -> Value {
        self.given.subschema_for::<T>().to_value()
    }

    /// Query parameters, one for each field.
    fn query<T: JsonSchema>(&mut self) -> Vec<Value> {
        let mut generator = self.taken.clone();
        let mut whole = generator.root_schema_for::<T>().to_value();
        let definitions = whole["components"]["schemas"].take();
        let required: BTreeSet<String> =
            serde_json::from_value(whole["required"].take()).unwrap_or_default();
        let Value::Object(fields) = whole["properties"].take() else { return Vec::new() };
        let parameter = |(name, mut schema): (String, Value)| {
            if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
                let meant = definitions[name].clone();
                tidy::merge(&mut schema, meant);
            }
            tidy::schema(&mut schema);
            tidy::without_null(&mut schema);
            let mut parameter = json!({"name": name, "in": "query"});
            if required.contains(&name) {
                parameter["required"] = true.into();
            }
            let words = schema.as_object_mut().and_then(|schema| schema.remove("description"));
            if let Some(words) = words {
                parameter["description"] = words;
            }
            parameter["schema"] = schema;
            parameter
        };
        fields.into_iter().map(parameter).collect()
    }

    /// Of both; a type that is taken and given is described as it may be given to the core.
    fn components(self) -> Map<String, Value> {
        let (mut given, mut taken) = (self.given, self.taken);
        let mut all = given.take_definitions(true);
        all.extend(taken.take_definitions(true));
        all.values_mut().for_each(tidy::schema);
        all.sort_keys();
        all
    }
}

type Make = fn(&mut Schemas) -> Value;

/// One row of the table of operations.
pub struct Operation {
    method: &'static str,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    query: Option<fn(&mut Schemas) -> Vec<Value>>,
    needs: Option<&'static str>,
    /// Name, pattern, what it is.
    headers: Vec<[&'static str; 3]>,
    body: Option<(Make, Value)>,
    /// Status, media type, schema.
    answers: Vec<(u16, &'static str, Make)>,
    refusals: BTreeSet<u16>,
    example: Option<Value>,
}

/// A media type whose schema is that of one line or one event: 3.1 has no word for that.
const STREAMS: [&str; 2] = ["application/x-ndjson", "text/event-stream"];

impl Operation {
    pub fn new(
        method: &'static str,
        path: &'static str,
        id: &'static str,
        summary: &'static str,
    ) -> Self {
        let mut refusals = BTreeSet::from(ALWAYS);
        if path.contains('{') {
            refusals.extend([404, 409]);
        }
        Self {
            method,
            path,
            id,
            summary,
            query: None,
            needs: None,
            headers: Vec::new(),
            body: None,
            answers: Vec::new(),
            refusals,
            example: None,
        }
    }

    pub fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(Schemas::query::<T>);
        self
    }

    /// A query parameter whose absence the handler refuses itself.
    pub fn needs(mut self, name: &'static str) -> Self {
        self.needs = Some(name);
        self
    }

    pub fn header(mut self, header: [&'static str; 3]) -> Self {
        self.headers.push(header);
        self
    }

    /// With an example that has to be one.
    #[track_caller]
    pub fn takes<T: JsonSchema + DeserializeOwned>(mut self, example: Value) -> Self {
        serde_json::from_value::<T>(example.clone()).unwrap();
        self.body = Some((Schemas::taken::<T>, example));
        self.refusals.extend([413, 415]);
        self
    }

    pub fn gives<T: JsonSchema>(self) -> Self {
        self.gives_as::<T>(200, "application/json")
    }

    pub fn creates<T: JsonSchema>(self) -> Self {
        self.gives_as::<T>(201, "application/json")
    }

    pub fn gives_as<T: JsonSchema>(mut self, status: u16, media: &'static str) -> Self {
        self.answers.push((status, media, Schemas::given::<T>));
        self
    }

    /// Without a body.
    pub fn says(mut self, status: u16) -> Self {
        self.answers.push((status, "", |_| Value::Null));
        self
    }

    pub fn refuses(mut self, statuses: impl IntoIterator<Item = u16>) -> Self {
        self.refusals.extend(statuses);
        self
    }

    /// What the first answer may be like, with all that is always in one.
    #[track_caller]
    pub fn like<T: DeserializeOwned + Serialize>(mut self, example: Value) -> Self {
        let read: T = serde_json::from_value(example.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), example);
        self.example = Some(example);
        self
    }

    fn into_json(mut self, schemas: &mut Schemas) -> Value {
        let mut made = json!({"operationId": self.id, "summary": self.summary});
        let method = Method::from_bytes(self.method.to_uppercase().as_bytes()).unwrap();
        if let Some(need) = branch::need(&method, self.path) {
            made["x-inside"] = match need {
                branch::Need::Nothing => "any",
                branch::Need::Branch => "branch",
                branch::Need::Below => "below",
            }
            .into();
        }
        let mut parameters = Vec::new();
        if let Some((_, rest)) = self.path.split_once('{') {
            let name = rest.split('}').next().unwrap();
            let noun = self.path.split('/').nth(2).unwrap();
            parameters.push(json!({"$ref": format!("#/components/parameters/{noun}-{name}")}));
        }
        parameters.extend(self.query.map(|query| query(schemas)).unwrap_or_default());
        for parameter in &mut parameters {
            if self.needs.is_some_and(|name| parameter["name"] == name) {
                parameter["required"] = true.into();
            }
        }
        parameters.extend(self.headers.into_iter().map(|[name, pattern, words]| {
            json!({"name": name, "in": "header", "description": words,
                   "schema": {"type": "string", "pattern": pattern}})
        }));
        if !parameters.is_empty() {
            made["parameters"] = parameters.into();
        }
        if let Some((make, example)) = self.body {
            let content = json!({"schema": make(schemas), "example": example});
            made["requestBody"] =
                json!({"required": true, "content": {"application/json": content}});
        }
        let responses = &mut made["responses"];
        for (status, media, make) in self.answers {
            let mut schema = make(schemas);
            tidy::schema(&mut schema);
            let response = &mut responses[status.to_string()];
            response["description"] = match status {
                101 => "A WebSocket.",
                201 => "Made.",
                202 => "It will be done.",
                204 => "Done.",
                _ => "As asked.",
            }
            .into();
            if media.is_empty() {
                continue;
            }
            response["content"][media] = match STREAMS.contains(&media) {
                // Some take the whole for a string, and some each event for an object.
                true => json!({"schema": {}, "x-itemSchema": schema}),
                false => json!({"schema": schema}),
            };
            if let Some(example) = self.example.take() {
                response["content"][media]["example"] = example;
            }
        }
        for status in self.refusals {
            responses[status.to_string()] =
                json!({"$ref": format!("#/components/responses/{status}")});
        }
        made
    }
}

/// What stands in braces in paths.
fn path_parameters() -> Value {
    let parameter = |name: &str, words: &str, example: &str| {
        json!({"name": name, "in": "path", "required": true, "description": words,
               "schema": {"type": "string", "minLength": 1}, "example": example})
    };
    json!({
        "swarms-id": parameter("id", "A swarm's id or name.", "sw-1"),
        "agents-id": parameter("id", "An agent's id or name.", "ag-01"),
        "approvals-id": parameter("id", "An approval's id, or the agent whose only open one it is.", "ap-1"),
        "budgets-id": parameter("id", "`core`, or a swarm's or agent's id or name.", "sw-1"),
        "remembered-number": {"name": "number", "in": "path", "required": true, "example": 1,
            "description": "Of a remembered answer.", "schema": {"type": "integer", "minimum": 1}},
    })
}

fn refusals(schemas: &mut Schemas) -> Value {
    let problem = schemas.given::<Problem>();
    let example = json!({"type": "about:blank", "title": "not found", "status": 404,
        "detail": "no agent is called \"ag-99\"", "code": "not_found", "hint": "dash agent list"});
    serde_json::from_value::<Problem>(example.clone()).unwrap();
    let all = REFUSALS.iter().map(|(status, words)| {
        let mut content = json!({"schema": problem});
        if *status == 404 {
            content["example"] = example.clone();
        }
        let response =
            json!({"description": words, "content": {"application/problem+json": content}});
        (status.to_string(), response)
    });
    Value::Object(all.collect())
}

pub(super) fn document() -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for operation in operations() {
        let (path, method) = (operation.path, operation.method);
        let made = operation.into_json(&mut schemas);
        paths.entry(path).or_insert_with(|| json!({}))[method] = made;
    }
    let responses = refusals(&mut schemas);
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Dash", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT,
                 "license": {"name": env!("CARGO_PKG_LICENSE"), "identifier": env!("CARGO_PKG_LICENSE")}},
        "servers": [{"url": "http://dash", "description": "Over the Unix socket; the host's name says nothing."}],
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer",
                "description": "$DASH_TOKEN, on an agent's own socket."}},
            "parameters": path_parameters(),
            "responses": responses,
            "schemas": schemas.components(),
        },
    })
}

#[test]
fn the_description_is_as_the_types_are() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/openapi.json");
    let now = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    if std::env::var_os("DASH_WRITE").is_some() {
        fs::write(&file, &now).unwrap();
    }
    let was = fs::read_to_string(&file).unwrap();
    assert!(was == now, "assets/openapi.json is old: set DASH_WRITE=1 once");
    if std::env::var_os("DASH_WRITE").is_none() {
        let served: Value = serde_json::from_str(&super::document()).unwrap();
        assert!(served == document(), "what is embedded is not what is checked in");
    }
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let routes: BTreeSet<(&str, &str)> = ROUTES
        .iter()
        .flat_map(|(path, methods)| methods.iter().map(|method| (*path, *method)))
        .collect();
    let described: Vec<(&str, &str)> =
        operations().iter().map(|operation| (operation.path, operation.method)).collect();
    let once: BTreeSet<(&str, &str)> = described.iter().copied().collect();
    assert_eq!(once.len(), described.len(), "an operation is described twice");
    let missing: Vec<_> = routes.difference(&once).collect();
    let gone: Vec<_> = once.difference(&routes).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "not described: {missing:?}, not there: {gone:?}"
    );
}

#[test]
fn every_reference_leads_somewhere_and_nothing_is_described_in_vain() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(path)) = fields.get("$ref") {
                    found.insert(path.clone());
                }
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for path in &found {
        let target = document.pointer(path.strip_prefix('#').unwrap());
        assert!(target.is_some(), "{path} leads nowhere");
    }
    for kind in ["parameters", "responses", "schemas"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            assert!(found.contains(&format!("#/components/{kind}/{name}")), "{kind} {name}");
        }
    }
    let ids: Vec<&str> = operations().iter().map(|operation| operation.id).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "an operationId twice");
}
