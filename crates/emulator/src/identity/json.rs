//! A provider as a world states it, with one of three fields for its kind.

use serde::{Deserialize, Serialize};

use super::{Aws, Mapping, Oidc, ProviderKind, Saml};

/// The object. Its name is the public type's, because serde's messages contain it.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Provider {
    id: String,
    disabled: bool,
    oidc: Option<Oidc>,
    saml: Option<Saml>,
    aws: Option<Aws>,
    mapping: Mapping,
}

impl From<Provider> for super::Provider {
    fn from(json: Provider) -> super::Provider {
        let Provider { id, disabled, oidc, saml, aws, mapping } = json;
        let kind = match (oidc, saml, aws) {
            (Some(oidc), None, None) => ProviderKind::Oidc(oidc),
            (None, Some(saml), None) => ProviderKind::Saml(saml),
            (None, None, Some(aws)) => ProviderKind::Aws(aws),
            _ => ProviderKind::Unclear,
        };
        super::Provider { id, disabled, kind, mapping }
    }
}

impl From<super::Provider> for Provider {
    fn from(provider: super::Provider) -> Provider {
        let super::Provider { id, disabled, kind, mapping } = provider;
        let mut json = Provider { id, disabled, mapping, ..Provider::default() };
        match kind {
            ProviderKind::Unclear => {}
            ProviderKind::Oidc(oidc) => json.oidc = Some(oidc),
            ProviderKind::Saml(saml) => json.saml = Some(saml),
            ProviderKind::Aws(aws) => json.aws = Some(aws),
        }
        json
    }
}
