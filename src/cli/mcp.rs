//! `dash mcp`: the core as a Model Context Protocol server on standard input and output.
//!
//! A tool is a command of this program, run in this process: the same checks, the same words,
//! the same rights. What a model reads is what the command prints without a terminal.

mod line;
mod resources;
mod tools;
mod wire;

use super::{
    context::Context,
    failure::{Code, Done, Failure},
};
use crate::client::{Client, Target};
use resources::Watches;
use rmcp::{
    ServerHandler, ServiceExt,
    handler::server::router::tool::ToolRouter,
    model::{
        ErrorData, Implementation, ListResourceTemplatesResult, ListResourcesResult,
        PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse,
        ReadResourceResult, ResourceContents, ServerCapabilities, ServerConfig,
        SubscribeRequestParams, SubscriptionFilter, UnsubscribeRequestParams,
    },
    service::{RequestContext, RoleServer, SubscriptionContext},
    tool_handler,
};
use tokio::sync::mpsc;

/// What a model is told before its first call.
const INSTRUCTIONS: &str = "\
Dash runs swarms of coding agents and keeps them alive, inside their scope and their budget.
Start many with `swarm_create`, one with `agent_spawn`. Then call `pulse` with `wait` and the \
cursor of the last pulse: it returns when something asks, fails or ends, so that nothing is \
polled and nothing missed. Answer what `pulse` or `inbox` shows with `answer`. \
`swarm_results` tells how it came out, failures first. Sums are dollars: \"$5\".";

/// One server, for one client.
#[derive(Clone)]
pub(super) struct Server {
    client: Client,
    target: Target,
    watches: Watches,
    tools: ToolRouter<Self>,
}

/// Serves until standard input ends.
pub async fn run(context: &mut Context<'_>) -> Done {
    let target = context.target()?;
    let client = Client::connect(&target).await?;
    let server =
        Server { client, target, watches: Watches::default(), tools: Server::tool_router() };
    let failed = |error: String| Failure::error(format!("the client and we did not meet: {error}"));
    let running = server.serve(wire::Wire::stdio()).await;
    match running {
        Ok(running) => {
            running.waiting().await.map_err(|error| failed(error.to_string()))?;
            Ok(Code::Ok)
        }
        Err(error) => Err(failed(error.to_string())),
    }
}

#[tool_handler(router = self.tools)]
impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .enable_resources_subscribe()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("dash", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(resources::list(&self.client).await?))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(resources::templates()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let place = resources::Place::parse(&request.uri)?;
        let printed = line::run(&self.target, place.line()).await;
        if printed.failed {
            return Err(ErrorData::resource_not_found(printed.text, None));
        }
        let contents = ResourceContents::text(printed.text, request.uri);
        Ok(ReadResourceResult::new(vec![contents.with_mime_type(place.mime())]).into())
    }

    fn accepted_subscription_filter(
        &self,
        wish: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(wish.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let wanted = context.accepted().resource_subscriptions.clone().unwrap_or_default();
        let places = wanted.iter().map(|uri| resources::Place::parse(uri));
        let places = places.collect::<Result<Vec<_>, _>>()?;
        let (tell, mut told) = mpsc::channel(1);
        let watching = tokio::spawn(resources::watch(self.client.clone(), places, tell));
        loop {
            let uri = tokio::select! {
                () = context.cancelled() => break,
                uri = told.recv() => uri,
            };
            let Some(uri) = uri else { break };
            if context.sink().notify_resource_updated(uri).await.is_err() {
                break;
            }
        }
        watching.abort();
        Ok(())
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let place = resources::Place::parse(&request.uri)?;
        self.watches.start(self.client.clone(), place, context.peer);
        Ok(())
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.watches.stop(&request.uri);
        Ok(())
    }
}
