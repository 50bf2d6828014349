//! `impersona doctor`: one cause, the evidence, the next steps. A given error is read and explained without any call;
//! this user's last failure is examined as the current caller.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::json;

use super::input;
use super::output::{self, columns};
use crate::flows;
use crate::http::endpoints::Service;
use crate::http::{ApiError, ErrorKind, error_text};
use crate::local::history::Snapshots;
use crate::model::caller::Caller;
use crate::model::doctor::{Diagnosis, Evidence, Examined, Known, Mark, diagnose};
use crate::model::jwt::relative;
use crate::session::Failure;
use crate::session::failure::{self, LastFailure};
use crate::session::setup::Setup;

/// Of endless input only this much is read.
const MAX_INPUT: u64 = 4 * 1024 * 1024;

pub(super) async fn run(
    file: Option<&Path>,
    folder: Option<PathBuf>,
    setup: impl AsyncFnOnce() -> Result<Setup, Failure>,
    json: bool,
) -> Result<(), Failure> {
    let now = super::now();
    let diagnosis = match file {
        Some(path) => read(path, now)?,
        None => last(folder, setup, now).await?,
    };
    if json {
        let evidence = diagnosis.evidence.iter().map(|line| line.text.as_str());
        let evidence: Vec<&str> = std::iter::once(diagnosis.sentence.as_str()).chain(evidence).collect();
        let next: Vec<String> = diagnosis
            .steps
            .iter()
            .map(|step| match step.for_shell() {
                (says, Some(does)) => format!("{says}: {does}"),
                (says, None) => says,
            })
            .collect();
        let printed = json!({ "cause": diagnosis.cause.word(), "evidence": evidence, "next": next });
        return output::line(&output::to_json(&printed));
    }
    lines(&diagnosis).iter().try_for_each(|line| output::line(line))
}

/// An error as people have it: a body, what gcloud printed, an exception. Nothing is sent.
fn read(path: &Path, now: Timestamp) -> Result<Diagnosis, Failure> {
    let text = input::any_text(path, MAX_INPUT, "paste an error")?;
    let error = error_text::find(&text).ok_or_else(|| {
        Failure::refused("no Google error found: paste a response body, or what gcloud or a library printed")
    })?;
    let refusal = error.refusal.as_deref().expect("what was found is a refusal");
    let examined = Examined::default();
    Ok(diagnose(refusal, &Known { caller: None, examined: &examined, remedy: None, now }))
}

async fn last(
    folder: Option<PathBuf>,
    setup: impl AsyncFnOnce() -> Result<Setup, Failure>,
    now: Timestamp,
) -> Result<Diagnosis, Failure> {
    let kept = folder.as_deref().map_or(Ok(None), |folder| LastFailure::load(&failure::file(folder)));
    let kept = kept.and_then(|kept| kept.ok_or_else(|| "No denials so far.".to_owned()));
    let failure = kept.map_err(|why| {
        ApiError::new(ErrorKind::NotFound, why)
            .with_next("Pass an error to explain: `impersona doctor FILE`, or - for stdin.")
    })?;
    let setup = setup().await?;
    let caller: Option<Caller> = setup.client.caller().await.ok().or_else(|| setup.caller.clone().ok());
    let snapshots = Snapshots::in_state_folder(folder);
    let present = caller.as_ref().and_then(|caller| caller.principal.clone());
    let endpoint = setup.client.endpoints().url(Service::Iam);
    let same_person = failure.caller.is_none() || present.is_none() || failure.caller == present;
    let same = same_person && (failure.endpoint.is_empty() || failure.endpoint == endpoint);
    let seen = match &setup.caller {
        Ok(_) if same => {
            flows::examine(&setup.client, &snapshots, &failure.refusal, caller.as_ref(), false).await
        }
        _ => Examined::default(),
    };
    let mut seen = seen;
    if let Err(error) = &setup.caller {
        seen.unread.push(format!("couldn't look any further: {}", error.sentence()));
    }
    let caller = caller.filter(|_| same);
    let remedy = failure.remedy.clone().or_else(|| caller.as_ref().and_then(|caller| caller.remedy.clone()));
    let known = Known { caller: caller.as_ref(), examined: &seen, remedy: remedy.as_deref(), now };
    let mut diagnosis = diagnose(&failure.refusal, &known);
    let who = failure.caller.map(|caller| format!(" for {caller}")).unwrap_or_default();
    let when = relative(failure.time.as_second(), now.as_second());
    let text = match same {
        true => format!("denied {when}{who}"),
        false => format!(
            "denied {when}{who} at {}: you are someone else now, so nothing more was looked up",
            failure.endpoint
        ),
    };
    diagnosis.evidence.insert(0, Evidence { mark: Mark::Fact, text });
    Ok(diagnosis)
}

fn lines(diagnosis: &Diagnosis) -> Vec<String> {
    let mut lines = vec![columns(&[("cause", 8), (&diagnosis.sentence, 0)])];
    for (at, evidence) in diagnosis.evidence.iter().enumerate() {
        let mark = match evidence.mark {
            Mark::Fact => "·",
            Mark::Fine => "✓",
            Mark::Wrong => "✗",
            Mark::Unknown => "?",
        };
        lines.push(columns(&[(if at == 0 { "evidence" } else { "" }, 8), (mark, 1), (&evidence.text, 0)]));
    }
    for (at, step) in diagnosis.steps.iter().enumerate() {
        let (says, does) = step.for_shell();
        lines.push(columns(&[(if at == 0 { "next" } else { "" }, 8), (&says, 0)]));
        for line in does.iter().flat_map(|text| text.lines()).filter(|line| !line.is_empty()) {
            lines.push(columns(&[("", 8), ("", 0), (line, 0)]));
        }
    }
    lines
}
