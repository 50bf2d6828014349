//! Service accounts while the emulator runs: find by email or unique ID, create, delete, undelete. A deleted
//! account keeps its place, policy and keys, so that undeleting it only has to find it again; a new account
//! with the same email has its own unique ID.

use std::collections::{HashMap, HashSet};
use std::ops::{Index, IndexMut};

use super::world::{Account, unique_id};

/// For how long a deleted account can be brought back: 30 days (IAM reference, `undelete`).
const UNDELETE_SECONDS: i64 = 30 * 86_400;

/// Every account, by its index, which never changes.
#[derive(Default)]
pub(crate) struct Accounts {
    all: Vec<Account>,
    project: Vec<usize>,
    in_project: HashMap<usize, Vec<usize>>,
    by_email: HashMap<String, usize>,
    by_unique_id: HashMap<String, usize>,
    /// When the accounts that were made here were made; the others were there before.
    made: HashMap<usize, i64>,
    /// When the deleted accounts were deleted.
    deleted: HashMap<usize, i64>,
}

impl Index<usize> for Accounts {
    type Output = Account;

    fn index(&self, place: usize) -> &Account {
        &self.all[place]
    }
}

impl IndexMut<usize> for Accounts {
    fn index_mut(&mut self, place: usize) -> &mut Account {
        &mut self.all[place]
    }
}

impl Accounts {
    /// Adds an account to a project and gives its place.
    pub(crate) fn add(&mut self, project: usize, account: Account) -> usize {
        let place = self.all.len();
        self.all.push(account);
        self.project.push(project);
        self.list(place);
        place
    }

    /// An account by email or unique id. Deleted ones are not found.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.by_email.get(&name.to_lowercase()).or_else(|| self.by_unique_id.get(name)).copied()
    }

    pub(crate) fn project(&self, place: usize) -> usize {
        self.project[place]
    }

    /// The accounts of a project, in the order in which they were made.
    pub(crate) fn of_project(&self, project: usize) -> &[usize] {
        self.in_project.get(&project).map_or(&[], Vec::as_slice)
    }

    /// Adds an account at a time.
    pub(crate) fn make(&mut self, project: usize, account: Account, now: i64) -> usize {
        let place = self.add(project, account);
        self.made.insert(place, now);
        place
    }

    /// All from a place on that were there at a time.
    pub(crate) fn places_at(&self, time: i64, first: usize) -> impl Iterator<Item = usize> {
        let was_there = move |place: &usize| {
            self.made.get(place).is_none_or(|made| *made <= time)
                && self.deleted.get(place).is_none_or(|deleted| time < *deleted)
        };
        (first..self.all.len()).filter(was_there)
    }

    /// All accounts ever, deleted ones included.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Account> {
        self.all.iter_mut()
    }

    /// A unique ID that no account ever had. The first account with an email always has the same.
    pub(crate) fn fresh_id(&self, email: &str) -> String {
        let taken: HashSet<&str> = self.all.iter().map(|account| account.unique_id.as_str()).collect();
        let others = (2..).map(|n| unique_id(&format!("{email} {n}")));
        let mut ids = std::iter::once(unique_id(email)).chain(others);
        ids.find(|id| !taken.contains(id.as_str())).expect("the ids do not end")
    }

    pub(crate) fn delete(&mut self, place: usize, now: i64) {
        let account = &self.all[place];
        self.by_email.remove(&account.email);
        self.by_unique_id.remove(&account.unique_id);
        self.in_project.entry(self.project[place]).or_default().retain(|other| *other != place);
        self.deleted.insert(place, now);
    }

    /// A deleted account by its unique id, while it can still be brought back.
    pub(crate) fn deleted(&self, unique_id: &str, now: i64) -> Option<usize> {
        let fresh = |(_, when): &(&usize, &i64)| now < when.saturating_add(UNDELETE_SECONDS);
        let mut found = self.deleted.iter().filter(fresh).map(|(place, _)| *place);
        found.find(|place| self.all[*place].unique_id == unique_id)
    }

    /// Brings a deleted account back to where it was.
    pub(crate) fn restore(&mut self, place: usize) {
        self.deleted.remove(&place);
        self.list(place);
    }

    fn list(&mut self, place: usize) {
        let account = &self.all[place];
        self.by_email.insert(account.email.clone(), place);
        self.by_unique_id.insert(account.unique_id.clone(), place);
        let listed = self.in_project.entry(self.project[place]).or_default();
        listed.insert(listed.partition_point(|other| *other < place), place);
    }
}

/// How policies name a deleted account, given how they named it before.
pub(crate) fn deleted_member(account: &Account) -> String {
    format!("deleted:{}?uid={}", live_member(account), account.unique_id)
}

/// How policies name an account.
pub(crate) fn live_member(account: &Account) -> String {
    format!("serviceAccount:{}", account.email)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMAIL: &str = "bot@p.iam.gserviceaccount.com";

    fn account(accounts: &Accounts) -> Account {
        Account { email: EMAIL.into(), unique_id: accounts.fresh_id(EMAIL), ..Account::default() }
    }

    #[test]
    fn account_comes_back_to_its_place_within_thirty_days() {
        let mut accounts = Accounts::default();
        let first = accounts.add(0, account(&accounts));
        let other = Account { email: "x@p".into(), unique_id: "1".into(), ..Account::default() };
        let other = accounts.add(0, other);
        let id = accounts[first].unique_id.clone();
        accounts.delete(first, 1_000);
        assert_eq!((accounts.find(EMAIL), accounts.find(&id)), (None, None));
        assert_eq!(accounts.of_project(0), [other]);
        assert_eq!(accounts.deleted(&id, 1_000 + UNDELETE_SECONDS), None);
        assert_eq!(accounts.deleted(&id, 999 + UNDELETE_SECONDS), Some(first));
        accounts.restore(first);
        assert_eq!(accounts.of_project(0), [first, other]);
        assert_eq!((accounts.find(EMAIL), accounts.deleted(&id, 1_000)), (Some(first), None));
    }

    #[test]
    fn account_is_there_from_when_it_was_made_until_it_was_deleted() {
        let mut accounts = Accounts::default();
        let first = accounts.make(0, account(&accounts), 500);
        let other = Account { email: "x@p".into(), unique_id: "1".into(), ..Account::default() };
        let other = accounts.add(0, other);
        accounts.delete(first, 1_000);
        let there = |time, from| accounts.places_at(time, from).collect::<Vec<_>>();
        assert_eq!((there(499, 0), there(500, 0)), (vec![other], vec![first, other]));
        assert_eq!(
            (there(999, 0), there(999, 1), there(1_000, 0)),
            (vec![first, other], vec![other], vec![other])
        );
    }

    #[test]
    fn account_made_again_has_another_unique_id() {
        let mut accounts = Accounts::default();
        let first = accounts.add(0, account(&accounts));
        accounts.delete(first, 0);
        let second = accounts.add(0, account(&accounts));
        assert_ne!(accounts[first].unique_id, accounts[second].unique_id);
        assert_eq!(accounts.find(EMAIL), Some(second));
        assert_eq!(accounts.places_at(2_000, 0).collect::<Vec<_>>(), [second]);
    }
}
