//! The contract against the hand-written encoder and decoder, and the files made from it.

mod documents;
mod files;
mod guide;
mod inward;
mod outward;
