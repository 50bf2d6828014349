//! Service agents: accounts that Google's services use themselves. They belong to Google's own projects, and many exist
//! only after they were asked for.

use crate::model::{account, shell::quote};

/// Domains of agents that don't name their service, each with the service. All others are `gcp-sa-SERVICE`.
/// <https://cloud.google.com/iam/docs/service-agents>
const SERVICES: [(&str, &str); 15] = [
    ("cloudcomposer-accounts", "composer"),
    ("compute-system", "compute"),
    ("container-analysis", "containeranalysis"),
    ("container-engine-robot", "container"),
    ("containerregistry", "containerregistry"),
    ("dataflow-service-producer-prod", "dataflow"),
    ("dataproc-accounts", "dataproc"),
    ("firebase-rules", "firebaserules"),
    ("gae-api-prod.google.com", "appengine"),
    ("gcf-admin-robot", "cloudfunctions"),
    ("gcp-sa-cloud-sql", "sqladmin"),
    ("gcp-sa-prod-dai-core", "documentai"),
    ("gs-project-accounts", "storage"),
    ("serverless-robot-prod", "run"),
    ("service-consumer-management", "serviceconsumermanagement"),
];

/// Whether a policy member or an email is such an account. An unlisted project's is told by its name, which a customer
/// could choose as well: here it only words a sentence.
pub(in crate::model) fn is_one(member: &str) -> bool {
    let email = member.trim_start_matches("serviceAccount:");
    let numbered = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    let named = |(name, _): (&str, &str)| name.strip_prefix("service-").is_some_and(numbered);
    account::is_service_account(email)
        && (account::is_googles(email) || email.split_once('@').is_some_and(named))
}

/// What makes an agent that doesn't exist; `None` for other accounts.
pub(super) fn creation(email: &str) -> Option<String> {
    let (name, domain) = email.split_once('@').filter(|_| is_one(email))?;
    let project = quote(name.trim_start_matches("service-"));
    let domain = domain.trim_end_matches(".gserviceaccount.com").trim_end_matches(".iam");
    let known = SERVICES.iter().find(|(known, _)| *known == domain).map(|(_, service)| *service);
    let service = known.or(domain.strip_prefix("gcp-sa-")).unwrap_or("SERVICE");
    let command = match service {
        "storage" => format!("gcloud storage service-agent --project={project}"),
        service => {
            let service = quote(&format!("{service}.googleapis.com"));
            format!("gcloud beta services identity create --service={service} --project={project}")
        }
    };
    Some(format!("It is a service agent that wasn't created yet. Create it: `{command}`."))
}
