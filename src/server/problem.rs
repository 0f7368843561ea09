//! Refusals as RFC 9457 problem documents.

use crate::{
    model::{Refusal, RefusalCode},
    protocol::rest::Problem,
};
use axum::{
    Json,
    extract::{
        FromRequest, FromRequestParts, Request,
        rejection::{JsonRejection, QueryRejection},
    },
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE, header::RETRY_AFTER, request::Parts},
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;

/// A refusal on its way to a client.
pub struct Refused(pub Refusal);

pub type Answer<T> = Result<T, Refused>;

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let problem = Problem::from(self.0);
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
        let busy = problem.code == RefusalCode::JournalFull;
        let mut response = (status, Json(problem)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        if busy {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

fn invalid(message: String) -> Refused {
    Refused(Refusal::new(RefusalCode::Invalid, message))
}

/// A JSON body whose errors are problem documents.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(JsonRejection::JsonDataError(error)) => Err(invalid(error.body_text())),
            Err(error) => Err(invalid(error.body_text())),
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
        query.map(|query| Self(query.0)).map_err(|error| invalid(error.body_text()))
    }
}

/// What no route answers.
pub async fn no_route(request: Request) -> Refused {
    let what = format!("no {} {}", request.method(), request.uri().path());
    Refused(Refusal::new(RefusalCode::NotFound, what))
}
