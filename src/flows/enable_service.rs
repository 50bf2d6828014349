//! Enabling an API: started once, then its operation is polled until it is done. Nothing is sent twice: if the answer
//! to the start is lost, the result is an error that says so, and another attempt reads the state first.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{
    api::Client,
    flows::Patience,
    http::{ApiError, ErrorKind},
    model::denial::{self, RequestContext},
};

/// As gcloud asks about operations: after two seconds, then ever more seldom up to ten, for half an hour.
pub(crate) const PATIENCE: Patience = Patience {
    first: Duration::from_secs(2),
    longest: Duration::from_secs(10),
    limit: Duration::from_secs(30 * 60),
};

/// How far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enabling {
    /// `operations/acat.p2-…`
    pub(crate) operation: String,
    pub(crate) elapsed: Duration,
    /// How often it was asked about.
    pub(crate) polls: u32,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enabled {
    /// It is on.
    On {
        /// The API.
        service: String,
        /// The project, as it was named.
        project: String,
        /// How long it took.
        after: Duration,
    },
    /// It was begun, and how far it is cannot be read.
    Begun {
        /// `operations/acat.p2-…`
        operation: String,
        /// Why not, in a sentence.
        why: String,
    },
}

/// Switches `service` on in `project` (id, number or `projects/…`).
///
/// # Errors
/// A refusal, also one that comes with the operation's end; [`ErrorKind::Timeout`] when it does not end in time.
pub(crate) async fn enable_service(
    client: &Client,
    project: &str,
    service: &str,
    patience: Patience,
    progress: &mut (dyn FnMut(Enabling) + Send),
) -> Result<Enabled, ApiError> {
    let since = Instant::now();
    let on = || Enabled::On { service: service.into(), project: project.into(), after: since.elapsed() };
    // Someone might have been faster, or the answer to an earlier attempt was lost.
    if matches!(client.is_enabled(project, service).await, Ok(true)) {
        return Ok(on());
    }
    let mut operation = match client.enable(project, &[service.to_owned()]).await {
        Ok(begun) => begun,
        Err(lost) if lost.leaves_doubt() => {
            return match client.is_enabled(project, service).await {
                Ok(true) => Ok(on()),
                // Off now tells nothing: switching on takes its time.
                _ => Err(in_doubt(&lost, project, service)),
            };
        }
        Err(error) => return Err(error),
    };
    let (mut wait, mut polls) = (patience.first, 0);
    loop {
        if let Some(mut refusal) = operation.error {
            refusal.asked = RequestContext {
                service: service.to_owned(),
                resource: project.to_owned(),
                ..RequestContext::default()
            };
            refusal.metadata.entry("consumer".into()).or_insert_with(|| project.to_owned());
            let told = denial::explain(&refusal);
            return Err(ApiError::refused(ErrorKind::Invalid, refusal).with_next(told.next));
        }
        if operation.done {
            return Ok(on());
        }
        progress(Enabling { operation: operation.name.clone(), elapsed: since.elapsed(), polls });
        if since.elapsed() + wait > patience.limit {
            let message = format!(
                "{service} is still being enabled in {project}: {} continues at Google.",
                operation.name
            );
            return Err(ApiError::new(ErrorKind::Timeout, message).with_next("Check again in a few minutes."));
        }
        sleep(wait).await;
        wait = wait.mul_f32(1.5).min(patience.longest);
        polls += 1;
        operation = match client.operation(&operation.name).await {
            Ok(found) => found,
            // It goes on, whether it can be asked about or not.
            Err(error) if error.passes() => continue_with(&operation.name),
            Err(error) => return Ok(Enabled::Begun { operation: operation.name, why: error.sentence() }),
        };
    }
}

/// The answer to the beginning was lost.
fn in_doubt(lost: &ApiError, project: &str, service: &str) -> ApiError {
    let how = lost.sentence();
    let how = how.trim_end_matches('.');
    let message = format!(
        "The response was lost ({how}), so it's unknown whether {service} is being enabled in {project}."
    );
    ApiError::new(lost.kind, message)
        .with_next("Check again in a few minutes; an enabled API isn't enabled twice.")
}

fn continue_with(name: &str) -> crate::api::services::Operation {
    crate::api::services::Operation { name: name.to_owned(), done: false, error: None }
}
