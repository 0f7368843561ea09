//! Refusals as RFC 9457 problem documents.

use super::place;
use crate::{
    model::{Refusal, RefusalCode},
    protocol::{MAX_BODY, rest::Problem},
};
use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request, rejection::PathRejection},
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE, header::RETRY_AFTER, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, de::DeserializeOwned};

/// A refusal on its way to a client. Its code gives the status, unless HTTP has a better
/// word for it; the audit has one, too, where the path alone does not tell what was asked.
pub struct Refused(pub Refusal, pub Option<StatusCode>, pub Option<&'static str>);

/// A refusal as it stands in the extensions of its response, for the audit.
#[derive(Clone)]
pub struct Said {
    pub refusal: Refusal,
    pub action: Option<&'static str>,
}

pub type Answer<T> = Result<T, Refused>;

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal, None, None)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let refusal = self.0.clone();
        let mut problem = Problem::from(self.0);
        let by_code = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
        let status = self.1.unwrap_or(by_code);
        problem.status = status.as_u16();
        let busy = problem.code == RefusalCode::JournalFull;
        let mut response = (status, Json(problem)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        // For the audit.
        response.extensions_mut().insert(Said { refusal, action: self.2 });
        if busy {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

fn invalid(message: String, status: StatusCode) -> Refused {
    Refused(Refusal::new(RefusalCode::Invalid, message), Some(status), None)
}

/// A JSON body whose errors are problem documents that say where.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") && !kind.ends_with("+json") {
            let why = "the body has to be declared: content-type: application/json";
            return Err(invalid(why.to_owned(), StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let body = Bytes::from_request(request, state).await.map_err(|error| {
            let why = match error.status() {
                StatusCode::PAYLOAD_TOO_LARGE => {
                    format!("the body is larger than {} MiB, the limit", MAX_BODY >> 20)
                }
                _ => error.body_text(),
            };
            invalid(why, error.status())
        })?;
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            let place = place::path(&body, error.line(), error.column());
            let gap = if place.is_empty() { "" } else { ": " };
            invalid(format!("the body: {place}{gap}{error}"), StatusCode::BAD_REQUEST)
        })
    }
}

/// Query parameters whose errors are problem documents that name the parameter.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let query = parts.uri.query().unwrap_or_default();
        serde_urlencoded::from_str(query).map(Self).map_err(|error| {
            // The one that is wrong by itself, too.
            let same = |part: &&str| {
                let alone = serde_urlencoded::from_str::<T>(part).err();
                alone.is_some_and(|alone| alone.to_string() == error.to_string())
            };
            let part = query.split('&').find(same).unwrap_or_default();
            let name = part.split('=').next().unwrap_or_default();
            let gap = if name.is_empty() { "" } else { ": " };
            invalid(format!("the query: {name}{gap}{error}"), StatusCode::BAD_REQUEST)
        })
    }
}

/// A part of the path whose errors are problem documents.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let path: Result<axum::extract::Path<T>, PathRejection> =
            axum::extract::Path::from_request_parts(parts, state).await;
        path.map(|path| Self(path.0)).map_err(|error| invalid(error.body_text(), error.status()))
    }
}

/// For what takes no query parameters: one that is not understood is refused, not ignored.
pub struct Plain;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl<S: Send + Sync> FromRequestParts<S> for Plain {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        Query::<Nothing>::from_request_parts(parts, state).await.map(|_| Self)
    }
}

/// What no route answers.
pub async fn no_route(request: Request) -> Refused {
    let what = format!("no {} {}", request.method(), request.uri().path());
    Refusal::new(RefusalCode::NotFound, what).into()
}

/// What a route does not do.
pub async fn no_method(request: Request) -> Refused {
    let what = format!("{} is not for {}", request.method(), request.uri().path());
    let refusal = Refusal::new(RefusalCode::Invalid, what);
    Refused(refusal, Some(StatusCode::METHOD_NOT_ALLOWED), None)
}
