//! Where an agent's process tree is fenced in. [`exec`] is the shim (`dash __exec`) that a
//! keeper forks for each attempt; [`inside`] goes through bubblewrap on the way, whose mounts
//! are [`bubblewrap`]'s; [`rules`] (Landlock) and [`seccomp`] are the last of the [`steps`]
//! that need rights, between the working directory and the exec. On macOS [`seatbelt`] writes
//! what the system is to hold.

mod abilities;
mod ancestry;
mod brokered;
mod bubblewrap;
pub mod cgroup;
pub mod cores;
mod devices;
pub mod exec;
mod fork;
mod init;
mod inside;
mod launch;
pub mod numbers;
mod plan;
mod protect;
mod rights;
mod rules;
mod seatbelt;
mod seccomp;
pub mod sockets;
mod steps;
mod system;
mod title;
mod within;

pub use abilities::Abilities;
pub use ancestry::{descends_from, holds_peers, peer_is_agent};
pub use brokered::{Call, Network};
pub use devices::own as own_devices;
pub use exec::{Started, start};
pub use fork::{Fork, fork};
pub use inside::Entered;
pub use plan::{Plan, Report};
pub use protect::{Found, is_obeyed, obeyed_names};
pub use steps::close_others;
pub use system::processes_on_machine;
pub use title::set as set_title;
pub use within::command;
