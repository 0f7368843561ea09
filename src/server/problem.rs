//! Refusals as RFC 9457 problem documents.

use crate::{
    model::{Refusal, RefusalCode},
    protocol::{MAX_BODY, rest::Problem},
};
use axum::{
    Json,
    extract::{
        FromRequest, FromRequestParts, Request,
        rejection::{PathRejection, QueryRejection},
    },
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
    // A body that parses and does not fit is as invalid as one that does not parse.
    let status = (status != StatusCode::UNPROCESSABLE_ENTITY).then_some(status);
    Refused(Refusal::new(RefusalCode::Invalid, message), status, None)
}

/// A JSON body whose errors are problem documents.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                let why = format!("the body is larger than {} MiB, the limit", MAX_BODY >> 20);
                Err(invalid(why, error.status()))
            }
            Err(error) => Err(invalid(error.body_text(), error.status())),
        }
    }
}

/// Query parameters whose errors are problem documents.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let query: Result<axum::extract::Query<T>, QueryRejection> =
            axum::extract::Query::from_request_parts(parts, state).await;
        query.map(|query| Self(query.0)).map_err(|error| invalid(error.body_text(), error.status()))
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
