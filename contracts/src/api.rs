//! The wire types of the HTTP API that are not statements, a file per resource.

pub mod agent;
pub mod audit;
pub mod device;
pub mod directory;
pub mod embedded;
pub mod ledger;
pub mod reveal;
pub mod review;
