//! The permissions on a service account that decide what a caller can do with it, in the order of the "You can" matrix,
//! each with the narrowest predefined role that gives it.

/// One thing that a caller can be allowed to do with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    /// `iam.serviceAccounts.getAccessToken`
    pub(crate) name: &'static str,
    /// What it is for, in a word or two: `access token`.
    pub(crate) label: &'static str,
    /// The same in one word that is quick to type.
    pub(crate) word: &'static str,
    /// The narrowest predefined role with it (public role descriptions, August 2026).
    pub role: &'static str,
}

/// The role that lets Kubernetes and federated identities act as an account.
const FEDERATED_ROLE: &str = "roles/iam.workloadIdentityUser";

impl Permission {
    /// The role that gives it to this policy member: Kubernetes and federated identities have one of their own.
    pub(crate) fn role_for(self, member: Option<&str>) -> &'static str {
        let federated =
            member.is_some_and(|member| member.starts_with("principal") || member.contains(".svc.id.goog["));
        if federated && [GET_ACCESS_TOKEN, GET_OPEN_ID_TOKEN].contains(&self) {
            FEDERATED_ROLE
        } else {
            self.role
        }
    }

    /// The same with that role.
    pub(crate) fn for_member(self, member: Option<&str>) -> Permission {
        Permission { role: self.role_for(member), ..self }
    }
}

/// Mint an access token.
pub const GET_ACCESS_TOKEN: Permission = Permission {
    name: "iam.serviceAccounts.getAccessToken",
    label: "access token",
    word: "access",
    role: "roles/iam.serviceAccountTokenCreator",
};
/// Mint an ID token.
pub const GET_OPEN_ID_TOKEN: Permission = Permission {
    name: "iam.serviceAccounts.getOpenIdToken",
    label: "ID token",
    word: "id",
    role: "roles/iam.serviceAccountOpenIdTokenCreator",
};
/// Sign a JWT with the account's Google-managed key.
pub(crate) const SIGN_JWT: Permission = Permission {
    name: "iam.serviceAccounts.signJwt",
    label: "sign JWT",
    word: "jwt",
    role: "roles/iam.serviceAccountTokenCreator",
};
/// Sign bytes with the account's Google-managed key.
pub(crate) const SIGN_BLOB: Permission = Permission {
    name: "iam.serviceAccounts.signBlob",
    label: "sign blob",
    word: "blob",
    role: "roles/iam.serviceAccountTokenCreator",
};
/// Be a hop of a delegation chain through this account.
pub(crate) const IMPLICIT_DELEGATION: Permission = Permission {
    name: "iam.serviceAccounts.implicitDelegation",
    label: "delegate",
    word: "delegate",
    role: "roles/iam.serviceAccountTokenCreator",
};
/// Attach the account to a resource.
pub(crate) const ACT_AS: Permission = Permission {
    name: "iam.serviceAccounts.actAs",
    label: "act as",
    word: "act-as",
    role: "roles/iam.serviceAccountUser",
};
/// Read the account's allow policy.
pub(crate) const GET_IAM_POLICY: Permission = Permission {
    name: "iam.serviceAccounts.getIamPolicy",
    label: "see policy",
    word: "see-policy",
    role: "roles/iam.serviceAccountViewer",
};
/// Write the account's allow policy.
pub(crate) const SET_IAM_POLICY: Permission = Permission {
    name: "iam.serviceAccounts.setIamPolicy",
    label: "edit policy",
    word: "edit-policy",
    role: "roles/iam.serviceAccountAdmin",
};

/// What one `testIamPermissions` call asks about, in the order it is shown.
pub(crate) const MATRIX: [Permission; 8] = [
    GET_ACCESS_TOKEN,
    GET_OPEN_ID_TOKEN,
    SIGN_JWT,
    SIGN_BLOB,
    IMPLICIT_DELEGATION,
    ACT_AS,
    GET_IAM_POLICY,
    SET_IAM_POLICY,
];

/// IAM's answer for [`MATRIX`], cell by cell. A yes covers allow and deny policies only: the API's state, scopes, VPC
/// Service Controls and propagation can still lead to a denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted([Option<bool>; MATRIX.len()]);

impl Granted {
    /// From the permissions that `testIamPermissions` returned when asked about the whole matrix.
    #[cfg(test)]
    pub(crate) fn from_names<S: AsRef<str>>(granted: &[S]) -> Granted {
        Granted::from_answer(&MATRIX.map(|permission| permission.name), granted)
    }

    /// The same when asked about these: the others are unknown.
    pub(crate) fn from_answer<S: AsRef<str>>(asked: &[&str], granted: &[S]) -> Granted {
        Granted(MATRIX.map(|permission| {
            asked
                .contains(&permission.name)
                .then(|| granted.iter().any(|name| name.as_ref() == permission.name))
        }))
    }

    /// IAM's answer for this permission; `None` if it wasn't asked, or can't be.
    pub(crate) fn answer(&self, permission: Permission) -> Option<bool> {
        MATRIX.iter().position(|p| *p == permission).and_then(|i| self.0[i])
    }

    /// Whether IAM said yes.
    pub(crate) fn has(&self, permission: Permission) -> bool {
        self.answer(permission) == Some(true)
    }

    /// No to everything: the caller has no access, or the account doesn't exist.
    pub(crate) fn is_none(&self) -> bool {
        self.0.iter().all(|answer| *answer == Some(false))
    }
}

/// The permission of the matrix with this name.
pub(crate) fn by_name(name: &str) -> Option<Permission> {
    MATRIX.into_iter().find(|permission| permission.name == name)
}

/// Permissions outside service accounts that credentials are often denied, each with the role that is granted for it.
const USUAL: [(&str, &str); 71] = [
    ("aiplatform.endpoints.predict", "roles/aiplatform.user"),
    ("artifactregistry.repositories.downloadArtifacts", "roles/artifactregistry.reader"),
    ("artifactregistry.repositories.uploadArtifacts", "roles/artifactregistry.writer"),
    ("bigquery.datasets.get", "roles/bigquery.metadataViewer"),
    ("bigquery.jobs.create", "roles/bigquery.jobUser"),
    ("bigquery.readsessions.create", "roles/bigquery.readSessionUser"),
    ("bigquery.tables.get", "roles/bigquery.dataViewer"),
    ("bigquery.tables.getData", "roles/bigquery.dataViewer"),
    ("bigquery.tables.updateData", "roles/bigquery.dataEditor"),
    ("cloudbuild.builds.create", "roles/cloudbuild.builds.editor"),
    ("cloudfunctions.functions.create", "roles/cloudfunctions.developer"),
    ("cloudfunctions.functions.invoke", "roles/cloudfunctions.invoker"),
    ("cloudfunctions.functions.update", "roles/cloudfunctions.developer"),
    ("cloudkms.cryptoKeyVersions.useToDecrypt", "roles/cloudkms.cryptoKeyDecrypter"),
    ("cloudkms.cryptoKeyVersions.useToEncrypt", "roles/cloudkms.cryptoKeyEncrypter"),
    ("cloudkms.cryptoKeyVersions.useToSign", "roles/cloudkms.signer"),
    ("cloudsql.instances.connect", "roles/cloudsql.client"),
    ("cloudsql.instances.get", "roles/cloudsql.client"),
    ("cloudtasks.tasks.create", "roles/cloudtasks.enqueuer"),
    ("compute.backendServices.get", "roles/compute.viewer"),
    ("compute.instances.create", "roles/compute.instanceAdmin.v1"),
    ("compute.instances.get", "roles/compute.viewer"),
    ("compute.instances.list", "roles/compute.viewer"),
    ("compute.networks.create", "roles/compute.networkAdmin"),
    ("compute.projects.get", "roles/compute.viewer"),
    ("container.clusters.create", "roles/container.clusterAdmin"),
    ("container.clusters.get", "roles/container.clusterViewer"),
    ("container.pods.list", "roles/container.viewer"),
    ("datastore.entities.create", "roles/datastore.user"),
    ("datastore.entities.get", "roles/datastore.viewer"),
    ("dns.changes.create", "roles/dns.admin"),
    ("iam.roles.get", "roles/iam.roleViewer"),
    ("iam.serviceAccountKeys.create", "roles/iam.serviceAccountKeyAdmin"),
    ("iam.serviceAccountKeys.list", "roles/iam.serviceAccountViewer"),
    ("iam.serviceAccounts.create", "roles/iam.serviceAccountCreator"),
    ("iam.serviceAccounts.get", "roles/iam.serviceAccountViewer"),
    ("iam.serviceAccounts.list", "roles/iam.serviceAccountViewer"),
    ("iap.tunnelInstances.accessViaIAP", "roles/iap.tunnelResourceAccessor"),
    ("iap.webServiceVersions.accessViaIAP", "roles/iap.httpsResourceAccessor"),
    ("logging.logEntries.create", "roles/logging.logWriter"),
    ("monitoring.timeSeries.create", "roles/monitoring.metricWriter"),
    ("pubsub.subscriptions.consume", "roles/pubsub.subscriber"),
    ("pubsub.subscriptions.create", "roles/pubsub.editor"),
    ("pubsub.topics.create", "roles/pubsub.editor"),
    ("pubsub.topics.publish", "roles/pubsub.publisher"),
    ("resourcemanager.projects.create", "roles/resourcemanager.projectCreator"),
    ("resourcemanager.projects.get", "roles/browser"),
    ("resourcemanager.projects.getIamPolicy", "roles/iam.securityReviewer"),
    ("resourcemanager.projects.setIamPolicy", "roles/resourcemanager.projectIamAdmin"),
    ("run.routes.invoke", "roles/run.invoker"),
    ("run.services.create", "roles/run.developer"),
    ("run.services.get", "roles/run.viewer"),
    ("run.services.update", "roles/run.developer"),
    ("secretmanager.secrets.create", "roles/secretmanager.admin"),
    ("secretmanager.secrets.get", "roles/secretmanager.viewer"),
    ("secretmanager.secrets.list", "roles/secretmanager.viewer"),
    ("secretmanager.versions.access", "roles/secretmanager.secretAccessor"),
    ("secretmanager.versions.get", "roles/secretmanager.viewer"),
    ("serviceusage.services.enable", "roles/serviceusage.serviceUsageAdmin"),
    ("serviceusage.services.get", "roles/serviceusage.serviceUsageViewer"),
    ("serviceusage.services.use", "roles/serviceusage.serviceUsageConsumer"),
    ("spanner.databases.select", "roles/spanner.databaseReader"),
    ("spanner.sessions.create", "roles/spanner.databaseReader"),
    ("storage.buckets.create", "roles/storage.admin"),
    ("storage.buckets.get", "roles/storage.legacyBucketReader"),
    ("storage.buckets.list", "roles/storage.bucketViewer"),
    ("storage.buckets.setIamPolicy", "roles/storage.admin"),
    ("storage.objects.create", "roles/storage.objectCreator"),
    ("storage.objects.delete", "roles/storage.objectUser"),
    ("storage.objects.get", "roles/storage.objectViewer"),
    ("storage.objects.list", "roles/storage.objectViewer"),
];

/// The role that is usually granted for a permission, else the narrowest one of the same service.
pub(crate) fn usual_role(name: &str) -> Option<&'static str> {
    let usual = USUAL.iter().find(|(permission, _)| *permission == name).map(|(_, role)| *role);
    let service = name.split('.').next().unwrap_or_default();
    let of_service = || {
        let own = |role: &super::role::Role| {
            role.name
                .strip_prefix("roles/")
                .and_then(|rest| rest.strip_prefix(service))
                .is_some_and(|rest| rest.starts_with('.'))
        };
        super::role::giving(name).into_iter().find(own).map(|role| role.name)
    };
    by_name(name).map(|known| known.role).or(usual).or_else(of_service)
}

/// A permission as IAM spells it: some services write it in lower case.
pub(crate) fn canonical(name: &str) -> &str {
    let matrix = MATRIX.iter().map(|known| known.name).chain(USUAL.iter().map(|(known, _)| *known));
    let spelled = matrix.chain(super::role::all_permissions()).find(|known| known.eq_ignore_ascii_case(name));
    spelled.unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_iam_gave_back_is_granted() {
        let granted = Granted::from_names(&["iam.serviceAccounts.signJwt", "some.other.permission"]);
        assert!(granted.has(SIGN_JWT) && !granted.has(SIGN_BLOB) && !granted.is_none());
        assert_eq!(MATRIX.iter().filter(|permission| granted.has(**permission)).count(), 1);
        assert!(Granted::from_names::<&str>(&[]).is_none());
        let unasked = Granted::from_answer::<&str>(&[SIGN_JWT.name], &[]);
        assert_eq!((unasked.answer(SIGN_JWT), unasked.answer(SIGN_BLOB)), (Some(false), None));
        assert!(!unasked.is_none() && !unasked.has(SIGN_BLOB));
    }
}
