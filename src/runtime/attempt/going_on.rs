//! A turn that was refused for want of money goes on.

use super::{super::link::LinkWriter, Keeping};
use crate::{
    core::{Input, Reply},
    model::Actor,
};
use std::io;

impl Keeping {
    /// Types what makes the agent go on, where it is to be told so. That it was told is written
    /// down first: what is lost in between somebody can type, what is typed twice is paid twice.
    pub(super) async fn go_on(&mut self, writer: &mut LinkWriter) -> io::Result<()> {
        if !self.plan.interactive {
            return Ok(());
        }
        let catalog = self.world.catalog();
        let how = catalog.get(&self.plan.adapter).and_then(|adapter| adapter.goes_on_by());
        let Some((text, keys)) = how else { return Ok(()) };
        let asked = self.world.feed(Input::GoOn { attempt: self.id.clone() }).await;
        if !matches!(asked, Ok(Some(Reply::Done))) {
            return Ok(());
        }
        self.type_text(text.to_owned(), keys.to_vec(), writer).await?;
        let (by, agent) = (Actor::Core, self.plan.attempt.agent.clone());
        let bytes = (text.len() + keys.len()) as u64;
        self.world.tell(Input::Typed { by, agent, bytes }).await;
        Ok(())
    }
}
