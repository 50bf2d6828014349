//! What an account inherits: the policies of its project, the folders above and the organization, each read on its
//! own, so that one that is closed hides no other.

use futures_util::future::join_all;

use crate::{
    api::Client,
    http::{ApiError, ErrorKind},
    model::policy::{self, Policy},
};

/// One level above an account.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// `projects/acme-prod`, `folders/4711`, `organizations/123`. Empty for the last one where the walk ended early:
    /// it stands for all that is above and cannot even be named.
    pub(crate) name: String,
    /// The display name; empty if it isn't readable.
    pub(crate) display_name: String,
    /// Its policy, or why it could not be read.
    pub(crate) policy: Result<Policy, ApiError>,
}

impl Level {
    /// Why its policy could not be read, unless it is closed or gone: asked another time it may be there.
    pub(crate) fn out_of_reach(&self) -> Option<&ApiError> {
        let error = self.policy.as_ref().err()?;
        (!matches!(error.kind, ErrorKind::Denied | ErrorKind::NotFound)).then_some(error)
    }

    /// What the model needs to know of it.
    pub(crate) fn to_model(&self) -> policy::Level {
        let name = match self.name.split_once('/') {
            Some((sort, id)) => format!("{} {id}", sort.trim_end_matches('s')),
            None => "the levels above".to_owned(),
        };
        policy::Level { name, policy: self.policy.as_ref().ok().cloned() }
    }
}

/// The policies above the accounts of a project (ID or number), nearest first. An unreadable level is included with its
/// error; the walk continues as far as parents are visible.
pub(crate) async fn inherited(client: &Client, project: &str) -> Vec<Level> {
    let name = format!("projects/{project}");
    let (shown, own) = tokio::join!(client.get_project(project), client.level_policy(&name));
    let display_name = shown.as_ref().map(|project| project.display_name.clone()).unwrap_or_default();
    let mut levels = vec![Level { name, display_name, policy: own }];
    let above = match shown {
        Ok(project) => client.ancestors(&project.parent).await,
        Err(error) => Err(error),
    };
    let above = match above {
        Ok(above) => above,
        Err(error) => {
            levels.push(unnamed(error));
            return levels;
        }
    };
    // A level without a name could not be read, so nobody knows what is above it; an organization has nothing above.
    let closed =
        above.last().filter(|last| last.display_name.is_empty() && last.name.starts_with("folders/"));
    let closed = closed.map(|last| {
        let message = format!("You can't read {}, so what is above it is unknown.", last.name);
        ApiError::new(ErrorKind::Denied, message)
    });
    let policies = join_all(above.iter().map(|level| client.level_policy(&level.name))).await;
    levels.extend(above.into_iter().zip(policies).map(|(level, policy)| Level {
        name: level.name,
        display_name: level.display_name,
        policy,
    }));
    levels.extend(closed.map(unnamed));
    levels
}

fn unnamed(error: ApiError) -> Level {
    Level { name: String::new(), display_name: String::new(), policy: Err(error) }
}
