//! Resource Manager's projects and what is above them: builders of requests and readers of answers, pure, and
//! the client's methods over them. Nothing here knows an address or a token.

use serde::Deserialize;

use crate::{
    api::{Client, pages::Read},
    http::{
        ApiError, ErrorKind,
        answer::{decode, decode_list, lacks},
        endpoints::{self, Service},
        request_spec::{RequestSpec, segment},
    },
    model::{
        denial::RequestContext,
        project::{Ancestor, Project},
    },
};

/// Resource Manager's limit of folders inside folders is ten; more than this is a loop.
const DEEPEST: usize = 16;

const PAGE_SIZE: &str = "500";

fn asked(method: &'static str, resource: &str, permission: &'static str) -> RequestContext {
    RequestContext {
        resource: resource.to_owned(),
        permission: Some(permission.into()),
        ..RequestContext::new(endpoints::service(Service::Projects), method)
    }
}

fn search_spec() -> RequestSpec {
    let asked =
        asked("google.cloudresourcemanager.v3.Projects.SearchProjects", "", "resourcemanager.projects.get");
    let query = vec![("pageSize", PAGE_SIZE.to_owned())];
    RequestSpec { query, ..RequestSpec::get(Service::Projects, "/v3/projects:search".to_owned(), asked) }
}

fn get_spec(project: &str) -> RequestSpec {
    let asked =
        asked("google.cloudresourcemanager.v3.Projects.GetProject", project, "resourcemanager.projects.get");
    RequestSpec::get(Service::Projects, format!("/v3/projects/{}", segment(project)), asked)
}

/// The request for one level above; `None` unless `name` is a folder or organization.
fn level_spec(name: &str) -> Option<RequestSpec> {
    let (sort, id) = name.split_once('/')?;
    let asked = match sort {
        "folders" => {
            asked("google.cloudresourcemanager.v3.Folders.GetFolder", name, "resourcemanager.folders.get")
        }
        "organizations" => asked(
            "google.cloudresourcemanager.v3.Organizations.GetOrganization",
            name,
            "resourcemanager.organizations.get",
        ),
        _ => return None,
    };
    Some(RequestSpec::get(Service::Projects, format!("/v3/{sort}/{}", segment(id)), asked))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ProjectPage {
    projects: Vec<ProjectAnswer>,
    next_page_token: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ProjectAnswer {
    name: String,
    project_id: String,
    display_name: String,
    parent: String,
    state: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct LevelAnswer {
    parent: String,
    display_name: String,
}

impl From<ProjectAnswer> for Project {
    fn from(answer: ProjectAnswer) -> Project {
        Project {
            id: answer.project_id,
            number: answer.name.strip_prefix("projects/").unwrap_or_default().to_owned(),
            display_name: answer.display_name,
            parent: answer.parent,
            active: answer.state == "ACTIVE",
        }
    }
}

fn read_page(body: &[u8]) -> Result<(Vec<Project>, Option<String>), ApiError> {
    let page: ProjectPage =
        decode_list(body, endpoints::name(Service::Projects), &["projects", "nextPageToken"])?;
    let named = page.projects.into_iter().filter(|project| !project.project_id.is_empty());
    Ok((named.map(Project::from).collect(), page.next_page_token))
}

fn read_project(body: &[u8]) -> Result<Project, ApiError> {
    let answer: ProjectAnswer = decode(body, endpoints::name(Service::Projects))?;
    if answer.project_id.is_empty() {
        return Err(lacks(endpoints::name(Service::Projects), "project"));
    }
    Ok(Project::from(answer))
}

impl Client {
    /// Every project the caller can see, page by page, in the server's order.
    ///
    /// # Errors
    /// As for every call; pages given before stay given.
    pub(crate) async fn search_projects(
        &self,
        on_page: &mut (dyn FnMut(Vec<Project>) + Send),
    ) -> Result<(), ApiError> {
        self.follow(search_spec(), |body| {
            let (projects, next) = read_page(body)?;
            let read = Read::of(next, projects.iter().map(|project| project.id.as_str()));
            on_page(projects);
            Ok(read)
        })
        .await
    }

    /// One project, by id or number.
    ///
    /// # Errors
    /// As for every call; a project that does not exist is a denial, because Resource Manager does not tell.
    pub async fn get_project(&self, project: &str) -> Result<Project, ApiError> {
        read_project(&self.send(get_spec(project)).await?.body)
    }

    /// The folders and the organization above a project, nearest first, starting at its `parent`. The walk ends at the
    /// first unreadable level, which is returned without a display name.
    ///
    /// # Errors
    /// Whatever is not a refusal to show a level: network, credentials, quota.
    pub(crate) async fn ancestors(&self, parent: &str) -> Result<Vec<Ancestor>, ApiError> {
        let mut above = Vec::new();
        let mut name = parent.to_owned();
        while above.len() < DEEPEST
            && let Some(spec) = level_spec(&name)
        {
            let level = match self.send(spec).await {
                Ok(answer) => {
                    let known = ["name", "displayName", "parent"];
                    decode_list::<LevelAnswer>(&answer.body, endpoints::name(Service::Projects), &known)?
                }
                Err(error) if matches!(error.kind, ErrorKind::Denied | ErrorKind::NotFound) => {
                    LevelAnswer::default()
                }
                Err(error) => return Err(error),
            };
            above.push(Ancestor { name, display_name: level.display_name });
            name = level.parent;
        }
        Ok(above)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_read_from_what_resource_manager_sends() {
        let body = br#"{
  "name": "projects/415104041262",
  "parent": "folders/876",
  "projectId": "tokyo-rain-123",
  "state": "ACTIVE",
  "displayName": "My Project",
  "createTime": "2024-01-01T00:00:00.123Z",
  "updateTime": "2024-01-01T00:00:00Z",
  "etag": "W/\"4d9c1ad7f5a1b0c2\"",
  "labels": { "team": "x" }
}
"#;
        let project = read_project(body).unwrap();
        assert_eq!((project.id.as_str(), project.number.as_str()), ("tokyo-rain-123", "415104041262"));
        assert!(project.active && project.parent == "folders/876" && project.display_name == "My Project");
    }

    #[test]
    fn only_folders_and_organizations_are_above_a_project() {
        assert_eq!(level_spec("folders/876").unwrap().path, "/v3/folders/876");
        assert_eq!(level_spec("organizations/2").unwrap().path, "/v3/organizations/2");
        assert_eq!(level_spec("folders/../x").unwrap().path, "/v3/folders/..%2Fx");
        assert!(level_spec("").is_none() && level_spec("projects/1").is_none());
    }

    #[test]
    fn nothing_visible_is_an_empty_object() {
        assert_eq!(read_page(b"{}").unwrap(), (vec![], None));
    }
}
