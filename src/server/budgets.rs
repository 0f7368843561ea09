//! `/v1/budgets`, `/v1/ledger` and `/v1/prices`.

use super::{
    identity::Served,
    problem::{Answer, Body, Path, Plain, Query},
};
use crate::{
    model::{AccountInfo, BudgetChange, CostRow, NotABudget, PriceRow, Refusal, RefusalCode},
    protocol::rest::BudgetBody,
};
use axum::{Json, extract::State};
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
) -> Answer<Json<AccountInfo>> {
    Ok(Json(served.handle.account(&id).await?))
}

pub async fn change(
    _: Plain,
    State(served): State<Served>,
    Path(id): Path<String>,
    Body(body): Body<BudgetBody>,
) -> Answer<Json<AccountInfo>> {
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
    Ok(Json(served.handle.set_budget(&id, change).await?))
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
