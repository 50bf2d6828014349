//! The catalogue of APIs, where they are enabled, and the operations that change that. The routes decide who
//! is allowed to, and word the refusals.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::keys;
use super::role;
use super::state::{Resource, State};
use super::world::Project;

/// How many polls an operation takes where the world does not say: enough that a client has to poll more than once.
const POLLS: u32 = 2;

/// The name of the operation when there was nothing to do (seen on the wire).
pub(crate) const NOTHING_TO_DO: &str = "operations/noop.DONE_OPERATION";

/// Name, title, and whether the project has to have billing before it can be on: the services that the emulator serves
/// and some that every project meets. Whether one needs billing is recalled, not documented in one place.
const CATALOGUE: &[(&str, &str, bool)] = &[
    ("artifactregistry.googleapis.com", "Artifact Registry API", true),
    ("bigquery.googleapis.com", "BigQuery API", false),
    ("cloudasset.googleapis.com", "Cloud Asset API", false),
    ("cloudbuild.googleapis.com", "Cloud Build API", true),
    ("cloudkms.googleapis.com", "Cloud Key Management Service (KMS) API", true),
    ("cloudresourcemanager.googleapis.com", "Cloud Resource Manager API", false),
    ("compute.googleapis.com", "Compute Engine API", true),
    ("container.googleapis.com", "Kubernetes Engine API", true),
    ("iam.googleapis.com", "Identity and Access Management (IAM) API", false),
    ("iamcredentials.googleapis.com", "IAM Service Account Credentials API", false),
    ("logging.googleapis.com", "Cloud Logging API", false),
    ("monitoring.googleapis.com", "Cloud Monitoring API", false),
    ("policytroubleshooter.googleapis.com", "Policy Troubleshooter API", false),
    ("pubsub.googleapis.com", "Cloud Pub/Sub API", false),
    ("run.googleapis.com", "Cloud Run Admin API", true),
    ("secretmanager.googleapis.com", "Secret Manager API", true),
    ("serviceusage.googleapis.com", "Service Usage API", false),
    ("storage.googleapis.com", "Cloud Storage API", false),
    ("sts.googleapis.com", "Security Token Service API", false),
];

/// Whether an API is in the catalogue.
pub(crate) fn is_known(name: &str) -> bool {
    CATALOGUE.iter().any(|(known, ..)| *known == name)
}

/// A name with at most so many different letters is a typo.
const SLIP: usize = 2;

/// Whether there may be an API of that name: one that is in the catalogue, that a predefined role is named after, or that
/// that is not a typo of one in the catalogue. Google has hundreds, and more each month.
pub(crate) fn is_api(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_short = |short: &&str| !short.is_empty() && short.chars().all(plain);
    let Some(short) = name.strip_suffix(".googleapis.com").filter(is_short) else {
        return false;
    };
    let start = format!("roles/{short}.");
    let names_roles =
        role::predefined().range(start.clone()..).next().is_some_and(|(role, _)| role.starts_with(&start));
    let slipped = || CATALOGUE.iter().any(|(known, ..)| strsim::levenshtein(known, name) <= SLIP);
    is_known(name) || names_roles || !slipped()
}

#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) title: String,
    /// Whether a project needs billing to turn it on.
    pub(crate) needs_billing: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServiceChange {
    Enable,
    Disable,
    BatchEnable,
}

/// An operation that was started. It progresses with each poll, so that tests need no clock.
#[derive(Debug)]
struct Operation {
    change: ServiceChange,
    project: usize,
    services: Vec<String>,
    polls_left: u32,
    /// What it came to, once it is done.
    ended: Option<Value>,
}

/// The APIs there are, and the operations.
#[derive(Debug, Default)]
pub(crate) struct Services {
    known: BTreeMap<String, Service>,
    polls: u32,
    lag: i64,
    operations: HashMap<String, Operation>,
    /// Until when an API that was turned on still answers as if it were off.
    dark_until: HashMap<(usize, String), i64>,
}

impl Services {
    /// The catalogue, and whatever else projects state to be off.
    pub(crate) fn new(projects: &[Project], polls: Option<u32>, lag: i64) -> Services {
        let stated = projects.iter().flat_map(|project| &project.disabled_services);
        let mut known: BTreeMap<String, Service> = stated
            .map(|name| (name.clone(), Service { title: name.clone(), needs_billing: false }))
            .collect();
        for &(name, title, needs_billing) in CATALOGUE {
            known.insert(name.to_owned(), Service { title: title.to_owned(), needs_billing });
        }
        Services { known, polls: polls.unwrap_or(POLLS), lag, ..Services::default() }
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.known.keys().map(String::as_str)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Service> {
        self.known.get(name)
    }
}

impl State {
    /// Whether an API is on in a project, by what is configured there.
    pub(crate) fn is_on(&self, project: usize, service: &str) -> bool {
        !self.projects[project].disabled_services.iter().any(|off| off == service)
    }

    /// Whether calls are refused because an API is off in a project or in the project of an OAuth client. For a while
    /// after it was turned on they still are.
    pub(crate) fn is_disabled(&self, service: &str, consumer: &str, now: i64) -> bool {
        match self.project(consumer) {
            Some(i) => {
                let dark = self.services.dark_until.get(&(i, service.to_owned()));
                !self.is_on(i, service) || dark.is_some_and(|until| now < *until)
            }
            None => self.client_has_off(service, consumer),
        }
    }

    /// An API of a project as its own message.
    pub(crate) fn service_json(&self, project: usize, service: &str) -> Value {
        let parent = self.name(Resource::Project(project));
        let title = self.services.get(service).map(|known| known.title.as_str());
        json!({"name": format!("{parent}/services/{service}"), "parent": parent,
            "state": if self.is_on(project, service) { "ENABLED" } else { "DISABLED" },
            "config": {"name": service, "title": title}})
    }

    /// Starts to turn services on or off; the answer is the operation. What is as wanted already takes none.
    pub(crate) fn start(
        &mut self,
        change: ServiceChange,
        project: usize,
        services: Vec<String>,
        now: i64,
    ) -> Value {
        let wanted = change != ServiceChange::Disable;
        if services.iter().all(|service| self.is_on(project, service) == wanted) {
            return json!({"name": NOTHING_TO_DO, "done": true,
                "response": self.response(change, project, &services)});
        }
        let number = self.projects[project].number;
        let count = self.services.operations.len();
        let id = keys::hex(&keys::hash(&format!("{number} {count} {now}"))[..16]);
        let (a, b, c, d, e) = (&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]);
        let name = format!("operations/acat.p2-{number}-{a}-{b}-{c}-{d}-{e}");
        let operation = Operation { change, project, services, polls_left: self.services.polls, ended: None };
        self.services.operations.insert(name.clone(), operation);
        self.look_at(&name, now)
    }

    /// An operation as one who polls it sees it, one step further than the last time.
    pub(crate) fn poll(&mut self, name: &str, now: i64) -> Option<Value> {
        if name == NOTHING_TO_DO {
            return Some(json!({"name": name, "done": true}));
        }
        let operation = self.services.operations.get_mut(name)?;
        operation.polls_left = operation.polls_left.saturating_sub(1);
        Some(self.look_at(name, now))
    }

    /// The operation in its present state. One that has just ended takes effect, once.
    fn look_at(&mut self, name: &str, now: i64) -> Value {
        let Operation { change, project, services, polls_left, ended } = &self.services.operations[name];
        if let Some(ended) = ended {
            return ended.clone();
        }
        let (change, project, services, done) = (*change, *project, services.clone(), *polls_left == 0);
        let parent = self.name(Resource::Project(project));
        let names: Vec<String> =
            services.iter().map(|service| format!("{parent}/services/{service}")).collect();
        let mut operation = json!({"name": name, "metadata": {
            "@type": "type.googleapis.com/google.api.serviceusage.v1.OperationMetadata", "resourceNames": names}});
        if done {
            services.iter().for_each(|service| self.turn(change, project, service, now));
            operation["done"] = true.into();
            operation["response"] = self.response(change, project, &services);
            let kept = self.services.operations.get_mut(name).expect("it was read above");
            kept.ended = Some(operation.clone());
        }
        operation
    }

    fn turn(&mut self, change: ServiceChange, project: usize, service: &str, now: i64) {
        let (wanted, is) = (change != ServiceChange::Disable, self.is_on(project, service));
        let off = &mut self.projects[project].disabled_services;
        if wanted && !is {
            off.retain(|name| name != service);
            self.services.dark_until.insert((project, service.to_owned()), now + self.services.lag);
        } else if !wanted && is {
            off.push(service.to_owned());
        }
    }

    fn response(&self, change: ServiceChange, project: usize, services: &[String]) -> Value {
        let mut all: Vec<Value> =
            services.iter().map(|service| self.service_json(project, service)).collect();
        let kind = |name: &str| format!("type.googleapis.com/google.api.serviceusage.v1.{name}");
        match change {
            ServiceChange::Enable => json!({"@type": kind("EnableServiceResponse"), "service": all.pop()}),
            ServiceChange::Disable => json!({"@type": kind("DisableServiceResponse"), "service": all.pop()}),
            ServiceChange::BatchEnable => {
                json!({"@type": kind("BatchEnableServicesResponse"), "services": all})
            }
        }
    }
}
