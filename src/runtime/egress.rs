//! The egress proxy's way to the core: scopes from the state, names from the system's
//! resolver, connections into the journal.

use super::{actor::Message, world::World};
use crate::{
    core::{Input, scope_of},
    gateway::{Caller, Connection, Egress, EgressFuture},
    model::{Event, Scope},
};
use std::{io, net::IpAddr, sync::Weak};
use tokio::sync::mpsc::error::TrySendError;

pub struct WayOut {
    /// The world holds the gateway, which holds this.
    world: Weak<World>,
}

impl WayOut {
    pub fn new(world: Weak<World>) -> Self {
        Self { world }
    }
}

impl Egress for WayOut {
    fn scope<'a>(&'a self, caller: &'a Caller) -> EgressFuture<'a, Option<Scope>> {
        let (world, agent) = (self.world.upgrade(), caller.agent.clone());
        // A core that is leaving answers nobody: as if the agent were gone.
        Box::pin(async move { world?.read(move |state| scope_of(state, &agent)).await.ok() })
    }

    fn resolve<'a>(&'a self, name: &'a str) -> EgressFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            // As this machine understands the name, its hosts file included.
            let found = tokio::net::lookup_host((name, 0)).await?;
            let mut addresses: Vec<IpAddr> = Vec::new();
            for address in found.map(|socket| socket.ip()) {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            Ok(addresses)
        })
    }

    fn connected(&self, caller: &Caller, connection: Connection) {
        let Some(world) = self.world.upgrade() else { return };
        let Connection { host, port, allowed, reason, sent, received, duration_ms, count } =
            connection;
        let what =
            Event::NetConnected { host, port, allowed, reason, sent, received, duration_ms, count };
        let input = Input::Connected { attempt: caller.attempt.clone(), what };
        // At once where there is room, so that it stands before what comes after it.
        let message = Message::Input { input, done: None };
        let Err(TrySendError::Full(message)) = world.inbox.try_send(message) else { return };
        // Nobody is told where the core is going down.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { world.inbox.send(message).await });
        }
    }
}
