//! The whole router in memory, against fakes of the server and the records.

mod access;
mod broadcast;
mod coaching;
mod described;
mod desk;
mod everywhere;
mod fake;
mod life;
mod log;
mod operations;
mod pages;
mod requests;
