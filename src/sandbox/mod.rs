//! Where an agent's process tree is fenced in. `exec` is the shim (`dash __exec`) that a
//! keeper forks for each attempt; the sandbox itself will stand in [`steps`], between
//! the working directory and the exec.

mod ancestry;
pub mod exec;
mod fork;
mod init;
mod launch;
mod plan;
mod steps;
mod title;

pub use ancestry::is_agent;
pub use exec::{Started, start};
pub use fork::{Fork, fork};
pub use plan::{Plan, Report};
pub use steps::close_others;
pub use title::set as set_title;
