//! The base URLs in what the emulator hands out: its own port, or Google's hosts when it is a proxy for them.

use super::routes::Api;

/// The addresses in credentials files and documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Addresses {
    /// Everything at one base, `http://127.0.0.1:PORT/`.
    Here(String),
    /// As in the world: `https://oauth2.googleapis.com/`.
    Google,
}

impl Addresses {
    /// The base of a service, with a slash at its end.
    pub(crate) fn of(&self, api: Api) -> String {
        match self {
            Addresses::Here(base) => base.clone(),
            Addresses::Google => format!("https://{}/", api.host()),
        }
    }

    /// The base of the keys and certificates.
    pub(crate) fn of_keys(&self) -> String {
        match self {
            Addresses::Here(base) => base.clone(),
            Addresses::Google => "https://www.googleapis.com/".to_owned(),
        }
    }
}
