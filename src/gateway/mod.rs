//! The metering proxy: every model call of every agent goes through it. It knows nothing
//! of the core; it reserves and settles through [`Ledger`], which `runtime` implements.

mod ledger;

pub use ledger::{Call, CallReport, Caller, Ledger, OverBudget, Reservation, Traffic};
