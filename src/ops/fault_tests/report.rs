//! What a run came to, in words: what the user is told, what is to be done, what was sent. Calls that end alike stand
//! together, so that the report can be read.

use std::{collections::BTreeMap, fmt::Write as _};

use super::world::SA;
use crate::{
    api::oauth::KeySource,
    flows::{Applied, Enabled, Watched},
    http::ApiError,
    model::{chain::HopState, denial::Answerer, jwt},
    ops::{Call, Reply},
};

/// How a call ended, as far as people are told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct End {
    /// `done`, or the kind of the error.
    pub(super) word: &'static str,
    pub(super) sentences: Vec<String>,
    /// What stands within a sentence or beside a field.
    pub(super) notes: Vec<String>,
    pub(super) next: Option<String>,
    /// Whether the call failed as a whole: then something is to be done.
    is_error: bool,
}

impl End {
    pub(super) fn of(reply: &Result<Reply, ApiError>) -> End {
        let mut end =
            End { word: "done", sentences: vec![], notes: vec![], next: None, is_error: reply.is_err() };
        match reply {
            Err(error) => {
                end.word = error.kind.word();
                // Google's own words are the emulator's here, and not what this is about.
                let words = error.refusal.as_deref().filter(|refusal| refusal.by == Answerer::Api);
                let words = words.map_or("", |refusal| refusal.message.trim_end_matches('.'));
                let reason = error.reason().unwrap_or_default();
                let own = |text: String| {
                    let told = [(words, "WORDS"), (reason, "REASON")]
                        .into_iter()
                        .filter(|(told, _)| !told.is_empty());
                    told.fold(text, |text, (told, name)| text.replace(told, name))
                };
                end.sentences.push(own(error.sentence()));
                end.next = error.next().map(own);
            }
            Ok(Reply::Minted(credential)) => {
                end.notes
                    .extend(credential.remarks.iter().filter(|remark| remark.contains("unknown")).cloned());
                let doubt =
                    credential.signed.as_ref().filter(|signed| signed.verdict.state != jwt::State::Verified);
                end.notes.extend(doubt.map(|signed| signed.verdict.reason.clone()));
            }
            Ok(Reply::Chain(hops)) => {
                end.notes.extend(hops.iter().filter_map(|hop| match &hop.state {
                    HopState::Unread(why) | HopState::CannotTell(why) => Some(why.clone()),
                    HopState::Yes(_) | HopState::No(_) | HopState::NoGrantSeen => None,
                }));
            }
            Ok(Reply::Inherited(levels)) => {
                let failed = levels.iter().filter_map(|level| level.policy.as_ref().err());
                end.sentences.extend(failed.map(ApiError::sentence));
            }
            Ok(Reply::Applied(applied)) if !matches!(**applied, Applied::Applied { .. }) => {
                end.word = match **applied {
                    Applied::Conflict { .. } => "conflict",
                    Applied::NotApplied { .. } => "not applied",
                    _ => "unknown",
                };
                end.sentences.push(applied.sentence());
            }
            Ok(Reply::Enabled(enabled)) if let Enabled::Begun { why, .. } = &**enabled => {
                end.word = "begun";
                end.sentences.push(why.clone());
            }
            Ok(Reply::Watched(watched)) if matches!(**watched, Watched::NotYet { .. }) => {
                end.word = "not yet"
            }
            Ok(Reply::Scanned(tally)) => {
                end.sentences.extend(tally.first_failure.as_ref().map(ApiError::sentence));
            }
            Ok(Reply::Examined(seen)) => end.notes.extend(seen.unread.iter().cloned()),
            Ok(_) => {}
        }
        end.notes.sort();
        end.notes.dedup();
        end.sentences.dedup();
        end
    }

    /// Whether nothing at all is amiss.
    pub(super) fn is_good(&self) -> bool {
        self.word == "done" && self.sentences.is_empty() && self.notes.is_empty()
    }

    pub(super) fn map(self, change: impl Fn(&String) -> String) -> End {
        let all = |texts: Vec<String>| {
            let mut all: Vec<String> = texts.iter().map(&change).collect();
            all.sort();
            all.dedup();
            all
        };
        End {
            sentences: all(self.sentences),
            notes: all(self.notes),
            next: self.next.as_ref().map(&change),
            ..self
        }
    }

    /// What is wrong with what people are told.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        let noise = [
            "%40",
            "%2F",
            "Some(",
            "None",
            "Err(",
            "Ok(",
            " { ",
            "::",
            "..",
            "  ",
            "\u{fffd}",
            "<",
            "(os error",
            ".)",
        ];
        for text in self.sentences.iter().chain(&self.notes).chain(&self.next) {
            let long = text.chars().count() > 400;
            if text.is_empty()
                || long
                || text.chars().any(char::is_control)
                || noise.iter().any(|noise| text.contains(noise))
            {
                found.push(format!("no plain words: {text:?}"));
            }
        }
        for text in self.sentences.iter().chain(&self.next) {
            if !text.ends_with(['.', '?']) {
                found.push(format!("no whole sentence: {text:?}"));
            }
        }
        if self.is_error && self.next.is_none() {
            found.push(format!("no next step after {:?}", self.sentences));
        }
        found
    }
}

/// A call, in a few words: its row, and what is told apart within one.
pub(super) fn name(call: &Call) -> String {
    match call {
        Call::Mint { request } => format!("mint {}", request.kind().name()),
        Call::GetSigningKeys { source: KeySource::Google } => "Google's keys".to_owned(),
        Call::GetSigningKeys { source: KeySource::Account(_) } => "account's keys".to_owned(),
        Call::GetSigningKeys { source: KeySource::Certificates(_) } => "certificates".to_owned(),
        Call::Scan { question, .. } => format!("scan {question:?}").to_lowercase(),
        _ => call.name().replace('_', " "),
    }
}

/// A text without what differs from run to run and from call to call.
pub(super) fn stable(text: &str, host: &str) -> String {
    let mut out = text.replace(host, "HOST").replace(SA, "ACCOUNT");
    for word in out.clone().split(|c: char| c.is_whitespace() || "(),;:`'“”".contains(c)) {
        let word = word.trim_end_matches(['.', '?']);
        let starts = |starts: &[&str]| starts.iter().any(|start| word.starts_with(start));
        let what = if word.ends_with(".googleapis.com") {
            "API"
        } else if word.ends_with("gserviceaccount.com") || word.starts_with("10930000") {
            "ACCOUNT"
        } else if word.starts_with("operations/") {
            "OPERATION"
        } else if starts(&["iam.", "resourcemanager.", "serviceusage."]) {
            "PERMISSION"
        } else if starts(&[
            "folders/",
            "organizations/",
            "projects/",
            "roles/viewer",
            "acme-prod",
            "415104041262",
        ]) {
            "NAME"
        } else if !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit()) && out.contains("(line ") {
            // Where an answer stops short depends on its length.
            out =
                out.replace(&format!("line {word}"), "line N").replace(&format!("column {word}"), "column N");
            continue;
        } else {
            continue;
        };
        out = out.replace(word, what);
    }
    for service in [
        "IAM Credentials",
        "IAM",
        "Resource Manager",
        "Service Usage",
        "Policy Troubleshooter",
        "OAuth token",
    ] {
        out = out.replace(&format!("answer of {service}"), "answer of API");
    }
    // The same words of the emulator's within a flow's sentence.
    if let Some((before, words)) = out.split_once("API answered ")
        && let Some((status, words)) = words.split_once(": ")
        && !words.starts_with("a web page")
    {
        let end = ["),", "):", "."].iter().find_map(|end| words.find(end)).map_or("", |at| &words[at..]);
        out = format!("{before}API returned {status}: WORDS{end}");
    }
    out.replace("answer of tokeninfo", "answer of API").replace("answer of certificates", "answer of API")
}

/// How calls ended that fared alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line {
    /// Which requests were hit.
    pub(super) way: String,
    /// How often: `4x`, of a write `w1`; empty where a call is several requests.
    pub(super) sent: String,
    pub(super) end: End,
}

/// All that happened, fault by fault.
#[derive(Default)]
pub(super) struct Report(Vec<(String, BTreeMap<Line, Vec<String>>)>);

impl Report {
    pub(super) fn begin(&mut self, fault: &str) {
        self.0.push((fault.to_owned(), BTreeMap::new()));
    }

    pub(super) fn add(&mut self, call: String, line: Line) {
        let Some((_, lines)) = self.0.last_mut() else { return };
        let calls = lines.entry(line).or_default();
        if !calls.contains(&call) {
            calls.push(call);
        }
    }

    /// Columns: which requests were hit, how often they were sent, how it ended, what was told; below, whose end it is.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        let mut last = "";
        let blocks: Vec<(String, String)> =
            self.0.iter().map(|(fault, lines)| (fault.clone(), block(lines))).collect();
        for (fault, block) in &blocks {
            if block == last {
                let _ = writeln!(out, "== {fault}: the same");
                continue;
            }
            let _ = write!(out, "== {fault}\n{block}");
            last = block;
        }
        out
    }
}

fn block(lines: &BTreeMap<Line, Vec<String>>) -> String {
    let mut out = String::new();
    for (Line { way, sent, end }, calls) in lines {
        let _ = writeln!(out, "{way:<16}{sent:<4}{:<12}{}", end.word, calls.join(", "));
        let told =
            end.sentences.iter().map(|text| ('|', text)).chain(end.notes.iter().map(|text| ('-', text)));
        for (mark, text) in told.chain(end.next.iter().map(|text| ('>', text))) {
            let _ = writeln!(out, "{:32}{mark} {text}", "");
        }
    }
    out
}
