//! The bank as it is now, shared by everybody who reads it and replaced as a whole. No rules.

use std::sync::Arc;

use parking_lot::RwLock;

use super::Bank;

/// Holds the bank in use.
#[derive(Debug)]
pub struct Shelf {
    bank: RwLock<Arc<Bank>>,
}

impl Shelf {
    /// A shelf with this bank.
    pub fn new(bank: Bank) -> Arc<Self> {
        Arc::new(Self {
            bank: RwLock::new(Arc::new(bank)),
        })
    }

    /// The bank as it is now. It does not change in the hands of whoever has it.
    pub fn bank(&self) -> Arc<Bank> {
        Arc::clone(&self.bank.read())
    }

    /// From now on this one.
    pub fn replace(&self, bank: Bank) {
        *self.bank.write() = Arc::new(bank);
    }
}
