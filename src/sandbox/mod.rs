//! Where an agent's process tree is fenced in. `exec` is the shim (`dash __exec`) that a
//! keeper launches for each attempt; the sandbox itself will stand in [`steps`], between
//! the working directory and the exec.

mod ancestry;
pub mod exec;
mod init;
mod launch;
mod plan;
mod steps;

pub use ancestry::is_agent;
pub use plan::{Plan, Report};
