//! Writes in progress. They are never cancelled or superseded, and quitting waits for them; if the outcome of one
//! stays unknown, the user is told which command checks it.

use std::{collections::BTreeMap, time::Duration};

use super::msg::ReqId;

/// How long leaving waits for a write.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    /// What is written, in a few words: `the policy of deployer@acme-prod`.
    pub(crate) what: String,
    /// The command that shows the outcome.
    pub(crate) check: String,
}

/// The writes in progress, oldest first, and whether leaving waits for them.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    under_way: BTreeMap<ReqId, Write>,
    leaving: Option<u8>,
}

impl Writes {
    pub(crate) fn begin(&mut self, req: ReqId, write: Write) {
        self.under_way.insert(req, write);
    }

    /// A write ended, in whatever way.
    pub(crate) fn end(&mut self, req: ReqId) {
        self.under_way.remove(&req);
    }

    /// The program ends with this exit code once nothing is being written.
    pub(crate) fn leave(&mut self, code: u8) {
        self.leaving = Some(code);
    }

    /// The exit code, while leaving waits for the last write.
    pub(crate) fn leaving(&self) -> Option<u8> {
        self.leaving
    }

    /// Whether this is one.
    pub(crate) fn holds(&self, req: ReqId) -> bool {
        self.under_way.contains_key(&req)
    }

    /// Whether nothing is being written.
    pub(crate) fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// What is being written, for a sentence.
    pub(crate) fn what(&self) -> String {
        self.under_way.values().map(|write| write.what.as_str()).collect::<Vec<_>>().join(" and ")
    }

    /// A line for each write whose outcome is unknown when the program ends.
    pub(crate) fn unknown(&self) -> Vec<String> {
        let line = |write: &Write| {
            format!("Unknown whether {} was written. Check with: {}", write.what, write.check)
        };
        self.under_way.values().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_at_the_end_is_said_with_the_command_that_checks_it() {
        let mut writes = Writes::default();
        let write = Write {
            what: "the policy of deployer@acme-prod".into(),
            check: "impersona policy get deployer@acme-prod".into(),
        };
        writes.begin(ReqId(7), write);
        assert!(writes.unknown()[0].ends_with("impersona policy get deployer@acme-prod"));
        writes.end(ReqId(7));
        assert!(writes.is_empty() && writes.unknown().is_empty());
    }
}
