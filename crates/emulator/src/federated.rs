//! Principals of identity pools: their names in policies, and which members of a policy include them.

use std::collections::BTreeMap;

/// The host before the name of every pool.
const HOST: &str = "//iam.googleapis.com/";

/// An identity that a provider of a pool vouched for, as the provider's mapping made it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Federated {
    /// The pool, as `locations/global/workforcePools/P` or `projects/N/locations/global/workloadIdentityPools/P`.
    pub(crate) pool: String,
    /// `google.subject`.
    pub(crate) subject: String,
    /// `google.groups`.
    pub(crate) groups: Vec<String>,
    /// `attribute.NAME`, by name.
    pub(crate) attributes: BTreeMap<String, String>,
}

impl Federated {
    /// Reads `principal://…/subject/…`; of groups and attributes that tells nothing.
    pub(crate) fn parse(member: &str) -> Option<Federated> {
        let rest = member.strip_prefix("principal:")?.strip_prefix(HOST)?;
        let (pool, subject) = rest.split_once("/subject/")?;
        let parts: Vec<&str> = pool.split('/').collect();
        let is_pool = match parts[..] {
            ["locations", "global", "workforcePools", id] => !id.is_empty(),
            ["projects", number, "locations", "global", "workloadIdentityPools", id] => {
                !id.is_empty() && number.parse::<u64>().is_ok()
            }
            _ => false,
        };
        (is_pool && !subject.is_empty()).then(|| Federated {
            pool: pool.to_owned(),
            subject: subject.to_owned(),
            ..Federated::default()
        })
    }

    /// As in a policy.
    pub(crate) fn member(&self) -> String {
        format!("principal:{HOST}{}/subject/{}", self.pool, self.subject)
    }

    /// Whether it is of a workforce pool: a user, for whom no project pays by default.
    pub(crate) fn is_workforce(&self) -> bool {
        self.pool.starts_with("locations/")
    }

    /// Whether a member of a policy includes it: itself, a group, an attribute's value, or the whole pool. The case of
    /// letters counts.
    pub(crate) fn is_in(&self, member: &str) -> bool {
        if member == self.member() {
            return true;
        }
        let of_pool = member
            .strip_prefix("principalSet:")
            .and_then(|rest| rest.strip_prefix(HOST)?.strip_prefix(&self.pool)?.strip_prefix('/'));
        match of_pool.map(|set| set.split_once('/').unwrap_or((set, ""))) {
            Some(("*", "")) => true,
            Some(("group", group)) => self.groups.iter().any(|ours| ours == group),
            Some((kind, value)) => kind
                .strip_prefix("attribute.")
                .and_then(|name| self.attributes.get(name))
                .is_some_and(|ours| ours == value),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: &str = "projects/1/locations/global/workloadIdentityPools/ci-pool";

    fn runner() -> Federated {
        Federated {
            pool: POOL.into(),
            subject: "repo:acme/app:ref:refs/heads/main".into(),
            groups: vec!["team/a".into()],
            attributes: BTreeMap::from([("repository".into(), "acme/app".into())]),
        }
    }

    #[test]
    fn it_is_in_its_own_name_its_groups_its_attributes_and_its_pool() {
        for member in [
            format!("principal://iam.googleapis.com/{POOL}/subject/repo:acme/app:ref:refs/heads/main"),
            format!("principalSet://iam.googleapis.com/{POOL}/group/team/a"),
            format!("principalSet://iam.googleapis.com/{POOL}/attribute.repository/acme/app"),
            format!("principalSet://iam.googleapis.com/{POOL}/*"),
        ] {
            assert!(runner().is_in(&member), "{member}");
        }
    }

    #[test]
    fn it_is_in_nobody_else_s_name() {
        for member in [
            format!("principal://iam.googleapis.com/{POOL}/subject/repo:acme/app"),
            format!("principal://iam.googleapis.com/{POOL}/subject/REPO:acme/app:ref:refs/heads/main"),
            format!("principalSet://iam.googleapis.com/{POOL}/group/team"),
            format!("principalSet://iam.googleapis.com/{POOL}/attribute.repository/acme"),
            format!("principalSet://iam.googleapis.com/{POOL}/attribute.ref/acme/app"),
            format!("principalSet://iam.googleapis.com/{POOL}-2/*"),
            "principalSet://iam.googleapis.com/locations/global/workforcePools/ci-pool/*".into(),
            "user:repo:acme/app:ref:refs/heads/main".into(),
        ] {
            assert!(!runner().is_in(&member), "{member}");
        }
    }

    #[test]
    fn the_name_in_a_policy_is_read_back() {
        let read = Federated::parse(&runner().member()).unwrap();
        assert_eq!((read.pool, read.subject), (runner().pool, runner().subject));
        for member in [
            "principal://iam.googleapis.com/projects/p/locations/global/workloadIdentityPools/i/subject/s",
            "principal://iam.googleapis.com/locations/global/workforcePools/staff/subject/",
            "user:a@example.com",
        ] {
            assert_eq!(Federated::parse(member), None, "{member}");
        }
    }
}
