//! The whole router in memory, against fakes of the server and the records.

mod access;
mod coaching;
mod described;
mod desk;
mod fake;
mod life;
mod operations;
mod pages;
mod requests;
