//! The shelf: credentials minted since start, newest first, in memory only, masked until revealed.

use jiff::Timestamp;

use crate::model::credential::Credential;

/// More than anybody keeps an eye on; the oldest go first.
const MOST: usize = 200;

/// The credentials held, and which one is revealed.
#[derive(Debug, Default)]
pub struct Shelf {
    items: Vec<Credential>,
    /// Counts revealings, so that the timer of an earlier one masks nothing.
    turn: u64,
    revealed: Option<usize>,
}

impl Shelf {
    /// Newest first.
    pub fn items(&self) -> &[Credential] {
        &self.items
    }

    /// The one in this place.
    pub fn get(&self, at: usize) -> Option<&Credential> {
        self.items.get(at)
    }

    /// Puts a fresh one in front.
    pub fn push(&mut self, credential: Credential) {
        self.mask();
        self.items.insert(0, credential);
        self.items.truncate(MOST);
    }

    /// Takes out the one in this place.
    pub fn remove(&mut self, at: usize) -> Option<Credential> {
        self.mask();
        (at < self.items.len()).then(|| self.items.remove(at))
    }

    /// Drops all; each wipes itself.
    pub fn wipe(&mut self) {
        self.mask();
        self.items.clear();
    }

    /// The one whose secret is shown.
    pub fn revealed(&self) -> Option<usize> {
        self.revealed
    }

    /// Shows the secret in this place; gives the name of this revealing, for the timer that ends it.
    pub fn reveal(&mut self, at: usize) -> u64 {
        self.turn += 1;
        self.revealed = (at < self.items.len()).then_some(at);
        self.turn
    }

    /// Hides what is shown.
    pub fn mask(&mut self) {
        self.turn += 1;
        self.revealed = None;
    }

    /// Hides what is shown, if it is still that revealing.
    pub fn mask_turn(&mut self, turn: u64) {
        if self.turn == turn {
            self.mask();
        }
    }

    /// Whether any is still running down.
    pub fn counts_down(&self, now: Timestamp) -> bool {
        self.items.iter().any(|credential| credential.remaining(now).is_some_and(|left| left > 0))
    }
}
