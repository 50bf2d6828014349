//! The names in the example organization ([`World::demo`](super::World::demo)) that tests, benchmarks and the
//! demo use: in one place, so that they cannot drift apart.

macro_rules! accounts {
    ($($(#[$doc:meta])* $name:ident = $email:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $email;)*

        /// The accounts as policies name them: `serviceAccount:EMAIL`.
        pub mod member {
            $($(#[$doc])* pub const $name: &str = concat!("serviceAccount:", $email);)*
        }

        /// The accounts as IAM's URLs name them: `v1/projects/-/serviceAccounts/EMAIL`.
        pub mod path {
            $($(#[$doc])* pub const $name: &str = concat!("v1/projects/-/serviceAccounts/", $email);)*
        }
    };
}

accounts! {
    /// dev can mint everything as this one, but not edit its policy.
    DEPLOYER = "deployer@acme-prod.iam.gserviceaccount.com";
    /// dev can mint ID tokens as this one; it is the machine's default account.
    API = "api@acme-prod.iam.gserviceaccount.com";
    /// The other account of the machine.
    REPORTS = "reports@acme-prod.iam.gserviceaccount.com";
    /// dev can edit the policy of this one, but not mint as it.
    EDITABLE = "editable@acme-prod.iam.gserviceaccount.com";
    /// The end of the chain: only [`RELAY_B`] can mint as this one.
    VAULT = "vault@acme-prod.iam.gserviceaccount.com";
    /// The chain's first hop: dev can delegate through it.
    RELAY_A = "relay-a@acme-ci.iam.gserviceaccount.com";
    /// The chain's second hop, after [`RELAY_A`].
    RELAY_B = "relay-b@acme-ci.iam.gserviceaccount.com";
    /// A caller with a key file.
    CI = "ci@acme-ci.iam.gserviceaccount.com";
    /// In a project where the IAM Credentials API is off.
    NIGHTLY = "nightly@acme-dark.iam.gserviceaccount.com";
}

/// The default caller.
pub const DEV: &str = "user:dev@example.com";
/// A user without any role on [`EDITABLE`] at the start.
pub const CAROL: &str = "user:carol@example.com";

/// The role to mint every kind of credential.
pub const CREATOR: &str = "roles/iam.serviceAccountTokenCreator";
/// The role to mint ID tokens.
pub const OPEN_ID: &str = "roles/iam.serviceAccountOpenIdTokenCreator";
/// The role to edit policies of accounts; dev holds it of [`EDITABLE`].
pub const ADMIN: &str = "roles/iam.serviceAccountAdmin";
/// The role to attach accounts to machines.
pub const USER: &str = "roles/iam.serviceAccountUser";

/// What minting an access token needs.
pub const GET_ACCESS_TOKEN: &str = "iam.serviceAccounts.getAccessToken";
/// What reading an account's policy needs, which faults and the request log call it by as well.
pub const GET_POLICY: &str = "iam.serviceAccounts.getIamPolicy";
/// What writing an account's policy needs, which faults and the request log call it by as well.
pub const SET_POLICY: &str = "iam.serviceAccounts.setIamPolicy";

#[cfg(test)]
mod tests {
    use crate::{World, role, testable};

    #[test]
    fn every_name_is_one_of_the_demo_or_of_iam() {
        let world = World::demo();
        let own = include_str!("names.rs").split("#[cfg(test)]").next().unwrap();
        let mut names: Vec<&str> =
            own.lines().filter_map(|line| line.strip_suffix("\";")?.rsplit('"').next()).collect();
        assert!(names.len() > 15, "the search finds the names");
        for name in &names {
            let there = if let Some(email) = name.strip_prefix("user:") {
                world.users.iter().any(|user| user.email == email)
            } else if name.contains('@') {
                world.has_account(name)
            } else {
                role::predefined().contains_key(*name) || testable::known().contains(*name)
            };
            assert!(there, "{name}");
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), own.matches("\";").count(), "a name twice");
    }
}
