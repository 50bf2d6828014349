//! The caller: from a bearer token to a principal, its scopes, the boundary of its token and the project that
//! pays.

use std::sync::Arc;

use super::{ApiCall, CLOUD_PLATFORM};
use crate::boundary::{Boundary, TokenHolder};
use crate::check::Query;
use crate::error::Failure;
use crate::keys;
use crate::state::{Resource, State};
use crate::tokens::{Principal, Token, secret};

/// Who calls, and on whose account.
#[derive(Debug, Clone)]
pub(crate) struct ApiCaller {
    pub(crate) principal: Principal,
    /// What the token may be used for.
    pub(crate) scopes: Vec<String>,
    /// What the token is limited to.
    pub(crate) boundary: Option<Arc<Boundary>>,
    /// The number of the project that pays.
    consumer: String,
}

impl<'a> From<&'a ApiCaller> for TokenHolder<'a> {
    fn from(caller: &'a ApiCaller) -> TokenHolder<'a> {
        TokenHolder { who: &caller.principal, within: caller.boundary.as_deref() }
    }
}

impl ApiCall {
    /// The token that comes with a call, in its header or its query.
    pub(crate) fn bearer(&self) -> Option<String> {
        let header = self.header("authorization").and_then(|value| value.split_once(' '));
        match header {
            Some((kind, token)) if kind.eq_ignore_ascii_case("bearer") => Some(token.trim().to_owned()),
            _ => {
                let query = Query::parse(&self.query);
                query.text("access_token").or_else(|| query.text("oauth_token")).map(str::to_owned)
            }
        }
    }

    /// The caller: its token is known and not over, may be used for this API, and the project that pays has the API
    /// on and may be used.
    pub(crate) async fn caller(&self) -> Result<ApiCaller, Failure> {
        let at = self.place();
        let bearer = self.bearer().ok_or_else(|| Failure::no_credentials(at))?;
        let (mut caller, client) = self.identify(&bearer).await?;
        let scopes = self.route.api.scopes(self.route.writes());
        if !scopes.is_empty() && !caller.scopes.iter().any(|scope| scopes.contains(&scope.as_str())) {
            return Err(Failure::scope_insufficient(at));
        }
        let state = self.state().await;
        // The project that a workforce pool's user named in the exchange counts as if it were named here.
        let of_workforce = match &caller.principal {
            Principal::Federated(who) if who.is_workforce() => {
                state.project(&client).map(|_| client.as_str())
            }
            _ => None,
        };
        let consumer = match self.header("x-goog-user-project").or(of_workforce) {
            Some(named) => {
                let project =
                    state.project(named).ok_or_else(|| Failure::consumer_invalid(at.service, named))?;
                let on = Resource::Project(project);
                if !state.allows(&caller, "serviceusage.services.use", on, self.now()) {
                    return Err(Failure::user_project_denied(at.service, named));
                }
                state.projects[project].number.to_string()
            }
            // The token of a user whom an account impersonates has that account as its client.
            None => match state.account(caller.principal.email()).or_else(|| state.account(&client)) {
                Some(account) => state.project_of(account).number.to_string(),
                // A person without a quota project: the project of the OAuth client pays.
                None => client.split_once('-').map_or(client.clone(), |(number, _)| number.to_owned()),
            },
        };
        if state.is_disabled(at.service, &consumer, self.now()) {
            return Err(match state.project(&consumer) {
                Some(_) => Failure::service_disabled(at, &consumer),
                None => Failure::quota_project_required(at.service, &consumer),
            });
        }
        caller.consumer = consumer;
        // Whether a perimeter is asked before or after roles is not known; nothing of what is inside is told this way.
        self.guard(&state, &caller, self.about(&state))?;
        Ok(caller)
    }

    /// Refuses a call about something inside of a perimeter that keeps the caller out. Folders and organizations are in
    /// none (VPC Service Controls documentation, supported products). What a body names is for its handler.
    pub(crate) fn guard(
        &self,
        state: &State,
        caller: &ApiCaller,
        about: Option<Resource>,
    ) -> Result<(), Failure> {
        let service = self.route.api.host();
        let project = about.and_then(|on| {
            state.ancestors(on).find_map(|level| match level {
                Resource::Project(i) => Some(i),
                _ => None,
            })
        });
        if project.is_some_and(|project| state.keeps_out(&caller.principal, service, project)) {
            return Err(Failure::perimeter(service, &caller.consumer, &secret()[..22]));
        }
        Ok(())
    }

    /// What the path is about.
    fn about(&self, state: &State) -> Option<Resource> {
        if let Some(i) = state.account(self.param("account")) {
            return Some(Resource::Account(i));
        }
        // Resource Manager calls everything `id`, and Cloud Asset has the kind in the path.
        let searched = self.params.get("kind").is_some_and(|kind| kind == "projects");
        let by_id = searched || self.route.path.contains("/projects/{id}");
        state.project(self.param(if by_id { "id" } else { "project" })).map(Resource::Project)
    }

    /// Whose token it is, and which client it was given to.
    async fn identify(&self, bearer: &str) -> Result<(ApiCaller, String), Failure> {
        let at = self.place();
        let found = match self.state().await.tokens.find(bearer) {
            Some(token) if token.expires <= self.now() => return Err(Failure::expired(at)),
            Some(token) => Some(token.clone()),
            None => None,
        };
        let Token { principal, scopes, client, boundary, .. } = match found {
            Some(found) => found,
            None => self.self_signed(bearer).await.ok_or_else(|| Failure::unsupported_token(at))?,
        };
        if self.token_expired {
            return Err(Failure::expired(at));
        }
        let mut state = self.state().await;
        if let Principal::Account(email) = &principal {
            let account = state.issued_to(email, &client).ok_or_else(|| Failure::account_state(at))?;
            state.authenticated(account, self.now());
        }
        Ok((ApiCaller { principal, scopes, boundary, consumer: String::new() }, client))
    }

    /// A JWT that an account signed for itself is as good as an access token: `iss` and `sub` are the account, `exp`
    /// is at most an hour ahead, and there are scopes or the API as the audience.
    async fn self_signed(&self, bearer: &str) -> Option<Token> {
        let jwt = keys::Jwt::parse(bearer)?;
        let email = jwt.text("iss").filter(|iss| jwt.text("sub") == Some(*iss))?.to_lowercase();
        let now = self.now();
        let fresh = jwt.time("exp").is_some_and(|exp| exp > now && exp <= now + 3_900);
        let scopes = match (jwt.text("scope"), jwt.text("aud")) {
            (Some(scopes), _) => scopes.split_whitespace().map(str::to_owned).collect(),
            (None, Some(aud))
                if aud.trim_end_matches('/') == format!("https://{}", self.route.api.host())
                    || aud == self.shared.base =>
            {
                vec![CLOUD_PLATFORM.to_owned()]
            }
            _ => return None,
        };
        let (client, keys) = {
            let state = self.state().await;
            let i = state.account(&email)?;
            (state.accounts[i].unique_id.clone(), state.keys_in_use(i, now))
        };
        let key = signed_by(&jwt, &client, &keys).await.filter(|_| fresh)?;
        self.state().await.activity.note(&key, now);
        let expires = jwt.time("exp").unwrap_or_default();
        let principal = Principal::Account(email);
        Some(Token { principal, scopes, expires, client, boundary: None })
    }

    /// Refuses unless the caller has the permission.
    pub(crate) fn require(
        &self,
        state: &State,
        caller: &ApiCaller,
        permission: &str,
        on: Resource,
    ) -> Result<(), Failure> {
        if state.allows(caller, permission, on, self.now()) {
            return Ok(());
        }
        Err(Failure::denied(permission))
    }
}

/// The id of the key with which an account signed a JWT: Google's key of it or one of its own.
pub(crate) async fn signed_by(
    jwt: &keys::Jwt<'_>,
    unique_id: &str,
    own: &[(Arc<keys::Key>, keys::Validity)],
) -> Option<String> {
    let google = keys::existing_key_of(unique_id).await;
    let mut all = own.iter().map(|(key, _)| key).chain(&google);
    all.find(|key| jwt.is_signed_by(key)).map(|key| key.id.clone())
}
