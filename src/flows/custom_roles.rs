//! What roles give that the table of predefined ones doesn't know, read from IAM.

use std::collections::{BTreeSet, HashMap};

use futures_util::future::join_all;

use crate::{api::Client, model::role};

/// Each role is a request: more than this many aren't looked up.
const MOST: usize = 40;

/// The permissions of those of these roles that aren't predefined, each asked for once, all at the same time. A role
/// that can't be read is left out.
pub(crate) async fn custom_roles<'a>(
    client: &Client,
    names: impl Iterator<Item = &'a str>,
) -> HashMap<String, Vec<String>> {
    let names: BTreeSet<&str> = names.filter(|name| role::find(name).is_none()).collect();
    let asked = names.into_iter().take(MOST).map(async |name| {
        let role = client.get_role(name).await.ok()?;
        Some((name.to_owned(), role.permissions))
    });
    join_all(asked).await.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::{Server, answer};

    #[tokio::test]
    async fn role_is_looked_up_once_when_it_cant_be_read() {
        let server = Server::start([answer(403, "", "{}")]).await;
        let names = ["projects/p/roles/a", "roles/viewer", "projects/p/roles/a"];
        assert!(custom_roles(&server.client(), names.into_iter()).await.is_empty());
        assert_eq!(server.requests().await.len(), 1);
    }

    #[tokio::test]
    async fn roles_beyond_the_bound_are_not_looked_up() {
        let server = Server::start([answer(403, "", "{}")]).await;
        let names: Vec<String> = (0..MOST + 5).map(|i| format!("projects/p/roles/r{i}")).collect();
        custom_roles(&server.client(), names.iter().map(String::as_str)).await;
        assert_eq!(server.requests().await.len(), MOST);
    }
}
