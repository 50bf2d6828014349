//! The Google Cloud machine that a world can run on, as data: what its metadata server serves. This file owns
//! the form and the checks of that section of the world.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::hardware::{Disk, NetworkInterface};
use super::tokens::is_scope;
use super::world::{World, WorldError, content};

/// What an account has where the world states no scopes, as on Google Kubernetes Engine.
const SCOPES: [&str; 2] =
    ["https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/userinfo.email"];

/// A machine with a metadata server.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Metadata {
    /// What kind of machine; `compute` if left out.
    pub platform: Platform,
    /// The id of its project.
    pub project: String,
    /// Its accounts; the first is `default`. Without one it has no tokens to give.
    pub accounts: Vec<Attached>,
    /// The machine itself. Only Compute Engine has to have one; elsewhere what is left out is not served.
    pub instance: Instance,
    /// The project's own attributes.
    pub attributes: BTreeMap<String, String>,
    /// On Kubernetes Engine, who asks IAM for the tokens: `serviceAccount:PROJECT.svc.id.goog[NAMESPACE/NAME]`. If
    /// left out, IAM is not asked.
    pub workload: Option<String>,
}

/// The kinds of machines, which differ in how they treat requested scopes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Platform {
    /// A virtual machine of Compute Engine: scopes asked for are ignored, those of the world hold.
    #[default]
    Compute,
    /// A pod of Kubernetes Engine with Workload Identity: scopes are honoured, and IAM may refuse.
    Gke,
    /// Cloud Run, Cloud Functions, App Engine: scopes are honoured.
    Serverless,
}

/// An account of the machine.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Attached {
    /// Its email. It has to be in the world, but on Kubernetes Engine, where an annotation may name anything.
    pub account: String,
    /// Its access scopes; cloud-platform and userinfo.email if left out.
    pub scopes: Vec<String>,
}

/// The machine itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// Its number.
    pub id: u64,
    /// Its zone, as `us-central1-a`.
    pub zone: String,
    /// When it was made, RFC 3339; the epoch if left out. Only identity tokens tell.
    pub created: String,
    /// The licenses of its images, which identity tokens tell when asked.
    pub licenses: Vec<String>,
    /// Its own attributes.
    pub attributes: BTreeMap<String, String>,
    /// Its description. This and what follows only Compute Engine tells.
    pub description: String,
    /// Its type; `e2-medium` if left out.
    pub machine_type: String,
    /// Its processor; `Intel Broadwell` if left out.
    pub cpu_platform: String,
    /// The image it was made of, as `projects/P/global/images/I`.
    pub image: String,
    /// Its network tags.
    pub tags: Vec<String>,
    /// Its network interfaces; one if left out.
    pub network_interfaces: Vec<NetworkInterface>,
    /// Its disks; one to start from if left out.
    pub disks: Vec<Disk>,
    /// Whether it can be preempted at any time.
    pub preemptible: bool,
    /// Whether it is being preempted.
    pub preempted: bool,
    /// The upcoming maintenance event, as `MIGRATE_ON_HOST_MAINTENANCE`; `NONE` if left out.
    pub maintenance_event: String,
}

impl Metadata {
    /// Emails in lower case, scopes where there are none, and what a virtual machine is made of.
    pub(super) fn complete(&mut self) {
        self.instance.complete();
        for attached in &mut self.accounts {
            attached.account = attached.account.to_lowercase();
            if attached.scopes.is_empty() {
                attached.scopes = SCOPES.iter().map(ToString::to_string).collect();
            }
        }
    }

    pub(super) fn check(&self, world: &World) -> Result<(), WorldError> {
        let wrong = |field: &str, problem: String| Err(content(format!("metadata.{field}"), problem));
        if !world.projects.iter().any(|project| project.id == self.project) {
            return wrong("project", format!("{:?} is not a project of this world", self.project));
        }
        for (i, Attached { account, scopes }) in self.accounts.iter().enumerate() {
            let field = format!("accounts[{i}].account");
            if self.platform != Platform::Gke && !world.has_account(account) {
                return wrong(&field, format!("{account:?} is not an account of this world"));
            }
            if !account.contains('@') {
                return wrong(&field, format!("{account:?} is not an email address"));
            }
            if self.accounts[..i].iter().any(|before| before.account == *account) {
                return wrong(&field, format!("{account} appears twice"));
            }
            if let Some((j, scope)) = scopes.iter().enumerate().find(|(_, scope)| !is_scope(scope)) {
                return wrong(&format!("accounts[{i}].scopes[{j}]"), format!("{scope:?} is not a scope"));
            }
        }
        let Instance { name, id, zone, created, .. } = &self.instance;
        if self.platform == Platform::Compute {
            let missing = [("name", name.is_empty()), ("id", *id == 0), ("zone", zone.is_empty())];
            if let Some((name, _)) = missing.iter().find(|(_, missing)| *missing) {
                return wrong(&format!("instance.{name}"), "Compute Engine needs one".into());
            }
        }
        if !created.is_empty() && created.parse::<jiff::Timestamp>().is_err() {
            return wrong("instance.created", format!("{created:?} is not an RFC 3339 time"));
        }
        match &self.workload {
            Some(_) if self.platform != Platform::Gke => {
                wrong("workload", "only the platform gke has workloads".into())
            }
            Some(member) if !is_workload(member) => wrong(
                "workload",
                format!("{member:?} is not serviceAccount:PROJECT.svc.id.goog[NAMESPACE/NAME]"),
            ),
            _ => Ok(()),
        }
    }

    /// An account of the machine by email or as `default`.
    pub(crate) fn attached(&self, name: &str) -> Option<&Attached> {
        match name {
            "default" => self.accounts.first(),
            email => self.accounts.iter().find(|attached| attached.account.eq_ignore_ascii_case(email)),
        }
    }
}

impl Instance {
    fn complete(&mut self) {
        for (field, usual) in [
            (&mut self.machine_type, "e2-medium"),
            (&mut self.cpu_platform, "Intel Broadwell"),
            (&mut self.image, "projects/debian-cloud/global/images/debian-12-bookworm-v20260909"),
            (&mut self.maintenance_event, "NONE"),
        ] {
            if field.is_empty() {
                usual.clone_into(field);
            }
        }
        if self.network_interfaces.is_empty() {
            self.network_interfaces.push(NetworkInterface::default());
        }
        if self.disks.is_empty() {
            self.disks.push(Disk::default());
        }
    }

    pub(crate) fn region(&self) -> Option<&str> {
        self.zone.rsplit_once('-').map(|(region, _)| region)
    }

    /// When it was made, in seconds since the epoch.
    pub(crate) fn created_seconds(&self) -> i64 {
        self.created.parse::<jiff::Timestamp>().map_or(0, |time| time.as_second())
    }
}

fn is_workload(member: &str) -> bool {
    let pool = member.strip_prefix("serviceAccount:").and_then(|rest| rest.split_once(".svc.id.goog["));
    pool.and_then(|(project, rest)| Some((project, rest.strip_suffix(']')?.split_once('/')?))).is_some_and(
        |(project, (namespace, name))| !(project.is_empty() || namespace.is_empty() || name.is_empty()),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn problem(change: Value) -> String {
        let mut metadata = json!({"project": "p", "accounts": [{"account": "A@p.iam.gserviceaccount.com"}],
            "instance": {"name": "vm", "id": 1, "zone": "us-central1-a"}});
        for (name, value) in change.as_object().unwrap() {
            metadata[name] = value.clone();
        }
        let projects = json!([{"id": "p", "number": 1, "accounts": [{"email": "a"}]}]);
        let world = json!({"projects": projects, "metadata": metadata});
        World::parse(&world.to_string()).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_is_wrong_with_the_machine_is_named_by_its_field() {
        assert_eq!(problem(json!({})), "");
        let a = "a@p.iam.gserviceaccount.com";
        for (change, field) in [
            (json!({"project": "q"}), "metadata.project: \"q\""),
            (
                json!({"accounts": [{"account": "b@p.iam.gserviceaccount.com"}]}),
                "metadata.accounts[0].account: ",
            ),
            (json!({"accounts": [{"account": a}, {"account": a}]}), "metadata.accounts[1].account: "),
            (
                json!({"accounts": [{"account": a, "scopes": ["all"]}]}),
                "metadata.accounts[0].scopes[0]: \"all\"",
            ),
            (json!({"instance": {"name": "vm", "zone": "z"}}), "metadata.instance.id: "),
            (
                json!({"instance": {"name": "vm", "id": 1, "zone": "z", "created": "today"}}),
                "instance.created: ",
            ),
            (json!({"platform": "gke", "workload": "user:x@example.com"}), "metadata.workload: "),
            (json!({"workload": "serviceAccount:p.svc.id.goog[a/b]"}), "metadata.workload: only"),
            (json!({"platform": "vm"}), "unknown variant `vm`"),
            (json!({"zone": "z"}), "unknown field `zone`"),
        ] {
            let problem = problem(change);
            assert!(problem.contains(field), "{problem}");
        }
    }

    #[test]
    fn a_pod_may_be_annotated_with_an_account_that_is_not_there_and_needs_no_instance() {
        let workload = "serviceAccount:p.svc.id.goog[shop/mail]";
        let accounts = json!([{"account": "gone@p.iam.gserviceaccount.com"}]);
        let gke = json!({"platform": "gke", "accounts": accounts, "instance": {}, "workload": workload});
        assert_eq!(problem(gke), "");
    }
}
