//! `dash`: the full-screen session.

use super::{
    context::Context,
    failure::{Done, Failure},
};
use crate::client::Target;

pub async fn open(context: &mut Context<'_>, target: Target) -> Done {
    if !context.term.stdin || !context.term.stdout {
        return Err(Failure::usage("the full-screen session needs a terminal, and this is none")
            .hinted("`dash --help` lists the commands that need none"));
    }
    let _ = target;
    Err(Failure::error("this build has no screen yet"))
}
