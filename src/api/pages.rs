//! Lists that come in pages: where one ends, and that it does. A server that always names a next page would be read for
//! ever otherwise, and what it says kept until there is no more memory.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use crate::http::{ApiError, ErrorKind};

/// Pages of one list at most: at 100 to a page, more accounts than any project can have.
pub(super) const MOST_PAGES: usize = 5_000;

/// Entries of one list at most, however many a server puts on a page: twice the accounts of the largest projects that the
/// explorer is made for.
const MOST_ENTRIES: usize = 200_000;

/// Bytes of one list at most: that many accounts with everything that can be said of each.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// Pages in a row without anything new. A search may give some empty ones before it comes to what there is.
const MOST_IN_VAIN: usize = 100;

const ENDLESS: &str = "Try again; if the error stays, check the endpoint settings.";

/// What was read of a page.
pub(super) struct Read {
    next: Option<String>,
    names: Vec<u64>,
}

impl Read {
    /// The token of the next page, where it has one, and the names of all that is on this one.
    pub(super) fn of<'a>(next: Option<String>, names: impl Iterator<Item = &'a str>) -> Read {
        let hash = |name: &str| {
            let mut hasher = DefaultHasher::new();
            name.hash(&mut hasher);
            hasher.finish()
        };
        Read { next: next.filter(|token| !token.is_empty()), names: names.map(hash).collect() }
    }
}

/// The pages of one list so far.
pub(super) struct Pages {
    service: String,
    most: usize,
    tokens: HashSet<String>,
    names: HashSet<u64>,
    in_vain: usize,
    entries: usize,
    bytes: usize,
}

impl Pages {
    /// Of a service's list, `most` pages of it.
    pub(super) fn new(service: &str, most: usize) -> Pages {
        let (tokens, names) = (HashSet::new(), HashSet::new());
        Pages { service: service.to_owned(), most, tokens, names, in_vain: 0, entries: 0, bytes: 0 }
    }

    /// The token of the page to read now, after one of so many bytes; none at the end.
    ///
    /// # Errors
    /// [`ErrorKind::Server`], for a list that does not end, or is longer than any that Google has.
    pub(super) fn after(&mut self, read: Read, bytes: usize) -> Result<Option<String>, ApiError> {
        self.entries += read.names.len();
        self.bytes = self.bytes.saturating_add(bytes);
        let too_long = |what: String| {
            let message = format!("The list from {} is too long: it has more than {what}.", self.service);
            Err(ApiError::new(ErrorKind::Server, message).with_next(ENDLESS))
        };
        if self.entries > MOST_ENTRIES {
            return too_long(format!("{MOST_ENTRIES} entries"));
        }
        if self.bytes > MOST_BYTES {
            return too_long(format!("{} MiB", MOST_BYTES / 1024 / 1024));
        }
        let before = self.names.len();
        self.names.extend(read.names);
        let Some(token) = read.next else { return Ok(None) };
        let endless = |why: String| {
            Err(ApiError::new(
                ErrorKind::Server,
                format!("The list from {} doesn't end: {why}.", self.service),
            )
            .with_next(ENDLESS))
        };
        self.in_vain = if self.names.len() > before { 0 } else { self.in_vain + 1 };
        if self.in_vain >= MOST_IN_VAIN {
            return endless(format!("{MOST_IN_VAIN} pages in a row had nothing new"));
        }
        if !self.tokens.insert(token.clone()) {
            return endless("the same page keeps coming back".to_owned());
        }
        if self.tokens.len() >= self.most {
            return endless(format!("{} pages were read", self.most));
        }
        Ok(Some(token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pages: &mut Pages, token: usize, names: &[&str]) -> Result<Option<String>, ApiError> {
        pages.after(Read::of(Some(token.to_string()), names.iter().copied()), 0)
    }

    #[test]
    fn a_list_with_nothing_new_in_it_ends_with_a_sentence() {
        for names in [&[][..], &["a", "b"]] {
            let mut pages = Pages::new("iam.googleapis.com", MOST_PAGES);
            let error = (0..).find_map(|page| read(&mut pages, page, names).err()).unwrap();
            assert!(error.sentence().contains("100 pages in a row had nothing new"), "{error}");
            assert!(pages.tokens.len() <= MOST_IN_VAIN);
        }
    }

    #[test]
    fn a_list_larger_than_any_of_googles_ends_with_a_sentence() {
        // Few pages, each with far more than was asked for; the last one counts as well.
        let full = || Read { next: None, names: (0..MOST_ENTRIES as u64).collect() };
        let mut pages = Pages::new("iam.googleapis.com", MOST_PAGES);
        assert_eq!(pages.after(full(), 1), Ok(None));
        let error = pages.after(Read::of(None, ["one more"].into_iter()), 1).unwrap_err();
        assert!(error.sentence().contains("more than 200000 entries"), "{error}");

        let mut pages = Pages::new("x", MOST_PAGES);
        let mut page = |n: usize, bytes| pages.after(Read::of(Some(n.to_string()), [].into_iter()), bytes);
        assert!(page(0, MOST_BYTES).is_ok());
        assert!(page(1, 1).unwrap_err().sentence().contains("more than 256 MiB"));
    }

    #[test]
    fn a_long_list_and_empty_pages_within_it_are_read() {
        let mut pages = Pages::new("x", MOST_PAGES);
        for page in 0..MOST_PAGES - 1 {
            let name = page.to_string();
            // Every fiftieth page has something.
            let names = if page % 50 == 0 { vec![name.as_str()] } else { vec![] };
            assert!(read(&mut pages, page, &names).unwrap().is_some());
        }
        assert_eq!(pages.after(Read::of(Some(String::new()), ["z"].into_iter()), 0).unwrap(), None);
        assert!(
            read(&mut pages, MOST_PAGES, &["y"]).unwrap_err().sentence().contains("5000 pages were read")
        );
    }
}
