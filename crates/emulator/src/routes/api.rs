//! The services: their hosts, their titles, and the scopes that they require.

use crate::error::Place;

/// `https://www.googleapis.com/auth/cloud-platform`.
pub(crate) const CLOUD_PLATFORM: &str = "https://www.googleapis.com/auth/cloud-platform";
const READ_ONLY: &str = "https://www.googleapis.com/auth/cloud-platform.read-only";
const IAM_SCOPE: &str = "https://www.googleapis.com/auth/iam";
const SERVICE_MANAGEMENT: &str = "https://www.googleapis.com/auth/service.management";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    Iam,
    Credentials,
    ResourceManager,
    ServiceUsage,
    Troubleshooter,
    PolicyAnalyzer,
    CloudAsset,
    OAuth,
    Sts,
    Metadata,
    External,
}

impl Api {
    pub(crate) fn host(self) -> &'static str {
        match self {
            Api::Iam => "iam.googleapis.com",
            Api::Credentials => "iamcredentials.googleapis.com",
            Api::ResourceManager => "cloudresourcemanager.googleapis.com",
            Api::ServiceUsage => "serviceusage.googleapis.com",
            Api::Troubleshooter => "policytroubleshooter.googleapis.com",
            Api::PolicyAnalyzer => "policyanalyzer.googleapis.com",
            Api::CloudAsset => "cloudasset.googleapis.com",
            Api::OAuth => "oauth2.googleapis.com",
            Api::Sts => "sts.googleapis.com",
            Api::Metadata => "metadata.google.internal",
            Api::External => "external.example",
        }
    }

    /// What refusals call it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Api::Iam => "Identity and Access Management (IAM) API",
            Api::Credentials => "IAM Service Account Credentials API",
            Api::ResourceManager => "Cloud Resource Manager API",
            Api::ServiceUsage => "Service Usage API",
            Api::Troubleshooter => "Policy Troubleshooter API",
            Api::PolicyAnalyzer => "Policy Analyzer API",
            Api::CloudAsset => "Cloud Asset API",
            Api::OAuth => "Google OAuth2 API",
            Api::Sts => "Security Token Service API",
            Api::Metadata => "Metadata Server",
            Api::External => "Services outside of Google",
        }
    }

    /// Whether its answers are messages that can be had in part and without line ends.
    pub(crate) fn speaks_json(self) -> bool {
        !matches!(self, Api::OAuth | Api::Sts | Api::Metadata | Api::External)
    }

    /// What its errors say where no method is known.
    pub(crate) fn place(self) -> Place {
        Place { service: self.host(), title: self.title(), method: "" }
    }

    /// The scopes of which a caller needs one. Discovery names cloud-platform alone; `auth/iam` is what google-auth
    /// really sends to IAM and IAM Credentials; read-only suffices for the reads of Resource Manager and Service Usage.
    pub(crate) fn scopes(self, writes: bool) -> &'static [&'static str] {
        match self {
            Api::Iam | Api::Credentials => &[CLOUD_PLATFORM, IAM_SCOPE],
            Api::Troubleshooter | Api::PolicyAnalyzer | Api::CloudAsset => &[CLOUD_PLATFORM],
            Api::ResourceManager if writes => &[CLOUD_PLATFORM],
            Api::ServiceUsage if writes => &[CLOUD_PLATFORM, SERVICE_MANAGEMENT],
            Api::ResourceManager | Api::ServiceUsage => &[CLOUD_PLATFORM, READ_ONLY],
            Api::OAuth | Api::Sts | Api::Metadata | Api::External => &[],
        }
    }
}
