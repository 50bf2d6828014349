//! What gcloud's commands for the kinds have in common.

use super::MintContext;
use crate::model::shell::quote;

/// A gcloud command, without what belongs to all of them: the environment before it, and the project to charge.
#[derive(Default)]
pub(in crate::api) struct Gcloud {
    /// The command whose output it reads.
    pub(in crate::api) input: Option<String>,
    pub(in crate::api) words: Vec<String>,
    /// What turns its output into that of the request.
    pub(in crate::api) output: Option<&'static str>,
    /// A clause; empty when it does the same as the request.
    pub(in crate::api) differs: &'static str,
}

fn impersonate(chain: &[&str]) -> String {
    format!("--impersonate-service-account={}", quote(&chain.join(",")))
}

impl MintContext<'_> {
    fn delegates(&self) -> Vec<&str> {
        self.request.delegates.iter().map(String::as_str).collect()
    }

    /// gcloud reads a list: the delegates in order, then the account itself.
    pub(super) fn as_account(&self) -> String {
        let mut chain = self.delegates();
        chain.push(&self.request.account);
        impersonate(&chain)
    }

    /// A command that signs what is in a file; it names the account itself, and the delegates are its caller.
    pub(super) fn signing(&self, command: &str, file: &str) -> Gcloud {
        let delegates = self.delegates();
        let mut words = vec![
            format!("gcloud iam service-accounts {command}"),
            format!("--iam-account={}", quote(&self.request.account)),
        ];
        words.extend((!delegates.is_empty()).then(|| impersonate(&delegates)));
        words.push(format!("{file} -"));
        let differs =
            if delegates.is_empty() { "" } else { "it mints an access token for the last delegate first" };
        Gcloud { words, differs, ..Gcloud::default() }
    }
}
