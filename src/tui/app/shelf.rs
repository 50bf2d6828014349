//! The shelf: credentials minted in this run, newest first, in memory only, masked until revealed. It also knows which of
//! them was copied, and what was minted last.

use jiff::Timestamp;

use crate::model::{
    credential::{Credential, MintRequest},
    secret::Secret,
};

/// More than anyone uses; the oldest are dropped first.
const MOST: usize = 200;

/// The held credentials, and which one is revealed.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    items: Vec<Credential>,
    /// Counts reveals, so that the timer of an earlier one has no effect.
    turn: u64,
    revealed: Option<usize>,
    /// The credential that was copied last.
    copied: Option<Secret>,
    last_request: Option<MintRequest>,
}

impl Shelf {
    pub(crate) fn items(&self) -> &[Credential] {
        &self.items
    }

    /// The one at this position.
    pub(crate) fn get(&self, at: usize) -> Option<&Credential> {
        self.items.get(at)
    }

    /// Adds a new one at the front.
    pub(crate) fn push(&mut self, credential: Credential) {
        self.mask();
        self.items.insert(0, credential);
        self.items.truncate(MOST);
    }

    /// Removes the one at this position.
    pub(crate) fn remove(&mut self, at: usize) -> Option<Credential> {
        self.mask();
        (at < self.items.len()).then(|| self.items.remove(at))
    }

    /// Drops all; each wipes itself.
    pub(crate) fn wipe(&mut self) {
        self.mask();
        self.items.clear();
        self.copied = None;
    }

    /// The one whose secret is revealed.
    pub(crate) fn revealed(&self) -> Option<usize> {
        self.revealed
    }

    /// Reveals the secret at this position; returns the number of this reveal, for the timer that ends it.
    pub(crate) fn reveal(&mut self, at: usize) -> u64 {
        self.turn += 1;
        self.revealed = (at < self.items.len()).then_some(at);
        self.turn
    }

    /// Masks the revealed secret.
    pub(crate) fn mask(&mut self) {
        self.turn += 1;
        self.revealed = None;
    }

    /// Masks the revealed secret, if it is still that reveal.
    pub(crate) fn mask_turn(&mut self, turn: u64) {
        if self.turn == turn {
            self.mask();
        }
    }

    /// The credential that is on the clipboard, as far as it was copied from here.
    pub(crate) fn copied(&self) -> Option<&Secret> {
        self.copied.as_ref()
    }

    /// Something was copied: a credential, or a text without one.
    pub(crate) fn set_copied(&mut self, copied: Option<Secret>) {
        self.copied = copied;
    }

    /// This credential was wiped; returns whether it was the one that was copied last.
    pub(crate) fn forget_copied(&mut self, secret: &Secret) -> bool {
        self.copied.take_if(|copied| copied == secret).is_some()
    }

    /// The last request to mint.
    pub(crate) fn last_request(&self) -> Option<&MintRequest> {
        self.last_request.as_ref()
    }

    pub(crate) fn set_last_request(&mut self, request: MintRequest) {
        self.last_request = Some(request);
    }

    /// Whether any has a running countdown.
    pub(crate) fn counts_down(&self, now: Timestamp) -> bool {
        self.items.iter().any(|credential| credential.remaining(now).is_some_and(|left| left > 0))
    }
}
