//! The permissions on a service account that decide what a caller can do with it, in the order of the "You can" matrix,
//! each with the narrowest predefined role that gives it.

/// One thing that a caller can be allowed to do with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    /// `iam.serviceAccounts.getAccessToken`
    pub(crate) name: &'static str,
    /// What it is for, in a word or two: `access token`.
    pub(crate) label: &'static str,
    /// The narrowest predefined role with it (public role descriptions, August 2026).
    pub role: &'static str,
}

/// Mint an access token.
pub const GET_ACCESS_TOKEN: Permission = Permission {
    name: "iam.serviceAccounts.getAccessToken",
    label: "access token",
    role: "roles/iam.serviceAccountTokenCreator",
};
/// Mint an ID token.
pub const GET_OPEN_ID_TOKEN: Permission = Permission {
    name: "iam.serviceAccounts.getOpenIdToken",
    label: "ID token",
    role: "roles/iam.serviceAccountOpenIdTokenCreator",
};
/// Sign a JWT with the account's Google-managed key.
pub(crate) const SIGN_JWT: Permission = Permission {
    name: "iam.serviceAccounts.signJwt",
    label: "sign JWT",
    role: "roles/iam.serviceAccountTokenCreator",
};
/// Sign bytes with the account's Google-managed key.
pub(crate) const SIGN_BLOB: Permission = Permission {
    name: "iam.serviceAccounts.signBlob",
    label: "sign blob",
    role: "roles/iam.serviceAccountTokenCreator",
};
/// Be a hop of a delegation chain through this account.
pub(crate) const IMPLICIT_DELEGATION: Permission = Permission {
    name: "iam.serviceAccounts.implicitDelegation",
    label: "delegate",
    role: "roles/iam.serviceAccountTokenCreator",
};
/// Attach the account to a resource.
pub(crate) const ACT_AS: Permission =
    Permission { name: "iam.serviceAccounts.actAs", label: "act as", role: "roles/iam.serviceAccountUser" };
/// Read the account's allow policy.
pub(crate) const GET_IAM_POLICY: Permission = Permission {
    name: "iam.serviceAccounts.getIamPolicy",
    label: "see policy",
    role: "roles/iam.serviceAccountViewer",
};
/// Write the account's allow policy.
pub(crate) const SET_IAM_POLICY: Permission = Permission {
    name: "iam.serviceAccounts.setIamPolicy",
    label: "edit policy",
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
