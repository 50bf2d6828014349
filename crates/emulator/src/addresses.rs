//! Where what the emulator hands out points: at its own port, or at Google's hosts, for which its proxy stands.

use super::routes::Api;

/// The addresses in credentials files and documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addresses {
    /// Everything at one base, `http://127.0.0.1:PORT/`.
    Here(String),
    /// As in the world: `https://oauth2.googleapis.com/`.
    Google,
}

impl Addresses {
    /// The base of a service, with a slash at its end.
    pub fn of(&self, api: Api) -> String {
        match self {
            Addresses::Here(base) => base.clone(),
            Addresses::Google => format!("https://{}/", api.host()),
        }
    }

    /// The base of the keys and certificates.
    pub fn of_keys(&self) -> String {
        match self {
            Addresses::Here(base) => base.clone(),
            Addresses::Google => "https://www.googleapis.com/".to_owned(),
        }
    }
}
