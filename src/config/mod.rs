//! Configuration: files, their merge and their checks. Unknown keys are refused with the
//! file, the line and the nearest known key.

mod delegation;
mod duration;
mod file;
mod lend;
mod load;
mod packed;
pub mod paths;
mod pinned;
mod policy;
pub mod prices;
#[cfg(test)]
mod published;
mod small;

pub use delegation::{BreakerConfig, Delegation, Span};
pub use duration::{LONGEST_MS, duration};
pub use file::{
    AgentsConfig, ApprovalsConfig, Config, CoreConfig, Dialect, HolderChoice, LimitsConfig, Login,
    ModelPrice, Notify, NotifyConfig, Provider, SandboxConfig, Simulated, Ui,
};
pub use lend::Lend;
pub use load::{ConfigError, from_toml, nearest};
pub use packed::unpacked;
pub use paths::{Dirs, Instance, PathError};
pub use pinned::{executable, names_of, not_held};
pub use policy::{PolicyFiles, built_in, check_policy, shadowed_by};
pub use prices::PriceFiles;
#[cfg(test)]
pub(crate) use published::is_published;
pub use small::{read_plain, read_small};
