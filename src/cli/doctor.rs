//! `impersona doctor`: one cause, the evidence, the next steps. An error that somebody has is read and explained without
//! asking anybody; the last failure of this user is looked into, as the caller of now.

use std::path::Path;

use jiff::Timestamp;
use serde_json::json;

use super::input;
use super::output::{self, Failure, columns};
use super::setup::Setup;
use crate::api::{ApiError, ErrorKind, error_text};
use crate::env::Env;
use crate::failure::{self, LastFailure};
use crate::flows;
use crate::history::Snapshots;
use crate::model::caller::Caller;
use crate::model::doctor::{Diagnosis, Examined, Known, Mark, diagnose};

/// Of endless input only this much is read.
const MAX_INPUT: u64 = 4 * 1024 * 1024;

pub(super) async fn run(
    file: Option<&Path>,
    env: &Env,
    setup: impl AsyncFnOnce() -> Result<Setup, Failure>,
    json: bool,
) -> Result<(), Failure> {
    let now = super::now();
    let diagnosis = match file {
        Some(path) => read(path, now)?,
        None => last(env, setup, now).await?,
    };
    if json {
        let evidence = diagnosis.evidence.iter().map(|line| line.text.as_str());
        let evidence: Vec<&str> = std::iter::once(diagnosis.sentence.as_str()).chain(evidence).collect();
        let next: Vec<&str> = diagnosis.steps.iter().map(|step| step.text.as_str()).collect();
        let printed = json!({ "cause": diagnosis.cause.word(), "evidence": evidence, "next": next });
        return output::line(&output::to_json(&printed));
    }
    lines(&diagnosis).iter().try_for_each(|line| output::line(line))
}

/// An error as somebody has it: a body, what gcloud printed, an exception. Nothing is sent.
fn read(path: &Path, now: Timestamp) -> Result<Diagnosis, Failure> {
    let bytes = input::bytes(path, MAX_INPUT, "paste an error")?;
    let error = error_text::find(&String::from_utf8_lossy(&bytes)).ok_or_else(|| {
        Failure::refused(
            "there is no error of Google's in it: give the body of an answer, or what gcloud or a library printed",
        )
    })?;
    let refusal = error.refusal.as_deref().expect("what was found is a refusal");
    let examined = Examined::default();
    Ok(diagnose(refusal, &Known { caller: None, examined: &examined, remedy: None, now }))
}

async fn last(
    env: &Env,
    setup: impl AsyncFnOnce() -> Result<Setup, Failure>,
    now: Timestamp,
) -> Result<Diagnosis, Failure> {
    let kept = env.state_dir().and_then(|folder| LastFailure::load(&failure::file(&folder)));
    let Some(failure) = kept else {
        let error = ApiError::new(ErrorKind::NotFound, "No failure was kept: nothing was refused so far.");
        return Err(error
            .with_next("Give an error to explain: `impersona doctor FILE`, or - for stdin.")
            .into());
    };
    let setup = setup().await?;
    let caller: Option<Caller> = setup.client.caller().await.ok().or_else(|| setup.caller.clone().ok());
    let snapshots = Snapshots::in_state_folder(env.state_dir());
    let seen = match &setup.caller {
        Ok(_) => flows::examine(&setup.client, &snapshots, &failure.refusal, caller.as_ref(), false).await,
        Err(_) => Examined::default(),
    };
    let known = Known { caller: caller.as_ref(), examined: &seen, remedy: failure.remedy.as_deref(), now };
    Ok(diagnose(&failure.refusal, &known))
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
        lines.push(columns(&[(if at == 0 { "next" } else { "" }, 8), (&step.text, 0)]));
        if let Some(text) = step.to_run() {
            lines.push(columns(&[("", 8), ("$", 1), (&text, 0)]));
        }
    }
    lines
}
