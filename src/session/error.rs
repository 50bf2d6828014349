//! How anything ends other than well: with a sentence, and an exit code.

use std::io;

use crate::http::{ApiError, ErrorKind};

/// How a subcommand may end other than well.
#[derive(Debug)]
pub enum Failure {
    /// With a sentence, and an exit code by its kind.
    Error(Box<ApiError>),
    /// Nobody reads our output any more: a quiet end.
    Closed,
    /// It has been said already; the exit code.
    Told(u8),
}

impl Failure {
    /// Refused before anything was sent, with the rule.
    pub(crate) fn refused(sentence: impl Into<String>) -> Failure {
        ApiError::new(ErrorKind::Invalid, sentence).into()
    }

    /// Wrong usage or configuration.
    pub(crate) fn usage(sentence: impl Into<String>) -> Failure {
        ApiError::new(ErrorKind::Config, sentence).into()
    }

    /// The file system or the terminal said no.
    pub(crate) fn io(doing: &str, error: &io::Error) -> Failure {
        ApiError::new(ErrorKind::Other, format!("{doing}: {error}")).into()
    }

    /// What the shell gets.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Failure::Error(error) => error.kind.exit_code(),
            Failure::Closed => 0,
            Failure::Told(code) => *code,
        }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Failure {
        Failure::Error(Box::new(error))
    }
}
