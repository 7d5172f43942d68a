//! The whole router in memory, against fakes of the server and the records.

mod access;
mod broadcast;
mod described;
mod fake;
mod operations;
mod pages;
mod requests;
