//! The HTTP side: the REST API, the documents' own routes, health and metrics, and the rules of
//! tokens and origins that the doors share.
//!
//! Place in the flow: a request is authenticated ([`auth`]), its rights are judged by what the
//! records say, and then it is either answered from the records ([`handle::Records`]) or handed to
//! the server ([`handle::Handle`]). What must never be here: the engine, SQL, sockets. Nothing
//! here decides anything about a running session.
//!
//! Read first: [`router::build`], [`handle::Handle`], [`auth::Verifier`]. The tests drive the whole
//! router in memory (`src/routes/tests`).
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::print_stdout))]

pub mod access;
pub mod apikey;
pub mod app;
pub mod auth;
mod claims;
pub mod cors;
pub mod describe;
pub mod extract;
pub mod guard;
pub mod handle;
pub mod identity;
pub mod keyring;
pub mod office;
pub mod problem;
pub mod revoked;
pub mod router;
pub mod routes;
pub mod secret;
pub mod ticket;
