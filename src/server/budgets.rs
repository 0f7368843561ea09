//! `/v1/budgets`, `/v1/ledger` and `/v1/prices`.

use super::{
    identity::Served,
    name::Name,
    problem::{Answer, Body, Path, Plain, Query},
};
use crate::{
    model::{AccountInfo, BudgetChange, CostRow, NotABudget, PriceRow, Refusal, RefusalCode},
    protocol::rest::BudgetBody,
};
use axum::{
    Json,
    extract::State,
    http::{
        HeaderMap, HeaderValue,
        header::{ETAG, IF_MATCH},
    },
    response::{IntoResponse, Response},
};
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct By {
    /// `agent` where nothing is said.
    #[cfg_attr(test, schemars(extend("enum" = ["agent", "attempt", "item", "swarm", "model", "parent", "day"])))]
    by: Option<String>,
}

pub async fn list(_: Plain, State(served): State<Served>) -> Answer<Json<Vec<AccountInfo>>> {
    Ok(Json(served.handle.accounts().await?))
}

pub async fn show(
    _: Plain,
    State(served): State<Served>,
    Path(id): Path<String>,
) -> Answer<Response> {
    Ok(tagged(served.handle.account(&id).await?))
}

/// An account with the tag of its limits: what it has spent is no part of that, since nobody
/// sets it.
fn tagged(account: AccountInfo) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{}\"", account.limits()));
    let mut response = Json(account).into_response();
    if let Ok(tag) = tag {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// The tag that `If-Match` asks for; `*` takes any.
fn seen(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(tag) = headers.get(IF_MATCH) else { return Ok(None) };
    let tag = tag.to_str().unwrap_or_default().trim();
    let bare = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    match bare {
        _ if tag == "*" => Ok(None),
        Some(bare) if !bare.contains('"') => Ok(Some(bare.to_owned())),
        Some(_) | None => {
            let why = "If-Match is one ETag as it was given, in its quotes, or *";
            Err(Refusal::new(RefusalCode::Invalid, why))
        }
    }
}

pub async fn change(
    _: Plain,
    State(served): State<Served>,
    Path(id): Path<String>,
    name: Name,
    headers: HeaderMap,
    Body(body): Body<BudgetBody>,
) -> Answer<Response> {
    let handle = name.carries(&served.handle, &("budget", &id, &body))?;
    let invalid = |why: String| Refusal::new(RefusalCode::Invalid, why);
    let change = match (body.limit.as_deref(), body.top_up.as_deref()) {
        (Some(text), None) => {
            text.parse().map_err(|error: NotABudget| invalid(format!("limit: {error}")))?
        }
        (None, Some(text)) => {
            let more = text.parse();
            let more = more.map_err(|error: NotABudget| invalid(format!("top_up: {error}")))?;
            BudgetChange::TopUp(more)
        }
        (Some(_), Some(_)) | (None, None) => {
            let why = "say `limit` ($50, 2M-tokens, or `none`) or `top_up`";
            return Err(invalid(why.to_owned()).into());
        }
    };
    Ok(tagged(handle.set_budget(&id, change, seen(&headers)?).await?))
}

pub async fn costs(
    State(served): State<Served>,
    Query(query): Query<By>,
) -> Answer<Json<Vec<CostRow>>> {
    Ok(Json(served.handle.costs(query.by.as_deref().unwrap_or("agent")).await?))
}

pub async fn prices(_: Plain, State(served): State<Served>) -> Answer<Json<Vec<PriceRow>>> {
    Ok(Json(served.handle.prices().await?))
}
