//! Who calls, where requests go, and what this run is allowed to do.

use jiff::Timestamp;

use super::{Start, msg::Switched, slot::Slot};
use crate::{
    http::endpoints::Endpoints,
    model::{
        caller::{Caller, Choice},
        clock::at_google,
        member::Member,
    },
};

/// The badge for endpoints that aren't Google's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EndpointBadge {
    /// The host used instead.
    pub(crate) host: String,
    /// Whether only some services go there, the dangerous case.
    pub(crate) only_some: bool,
}

/// The caller, and what holds for all its calls.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) caller: Slot<Caller>,
    /// Callers that can be switched to, as far as they were searched for.
    pub(crate) choices: Vec<Choice>,
    callers_before: Vec<String>,
    /// Whether the user was told that gcloud's login differs.
    said_other_login: bool,
    endpoints: Endpoints,
    badge: Option<EndpointBadge>,
    /// How far this machine's clock is behind Google's, in milliseconds, by the last answer; negative if ahead.
    pub(crate) skew: Option<i64>,
    /// Whether this is the demo.
    pub(crate) demo: bool,
    /// Read-only mode: no writes are sent.
    pub(crate) read_only: bool,
    /// Projects where a write asks the user to type a name.
    pub(crate) production: Vec<String>,
    /// The rate limit of bulk reads, in calls per second.
    pub(crate) questions_per_second: u32,
}

impl Session {
    pub(crate) fn new(start: &Start) -> Session {
        Session {
            caller: start.caller.clone().map_or_else(Slot::failed, Slot::of),
            choices: Vec::new(),
            callers_before: Vec::new(),
            said_other_login: false,
            badge: badge(&start.endpoints),
            endpoints: start.endpoints.clone(),
            skew: None,
            demo: start.demo,
            read_only: start.read_only,
            production: start.production.clone(),
            questions_per_second: start.questions_per_second,
        }
    }

    /// Another caller from now on, perhaps of another universe.
    pub(crate) fn switch(&mut self, switched: Switched) {
        self.caller = Slot::of(switched.caller);
        self.callers_before = switched.before;
        self.badge = badge(&switched.endpoints);
        self.endpoints = switched.endpoints;
    }

    /// The callers before, the first one first.
    pub(crate) fn callers_before(&self) -> &[String] {
        &self.callers_before
    }

    /// Where requests go, for copied curl commands.
    pub(crate) fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Endpoints that are not Google's.
    pub(crate) fn badge(&self) -> Option<&EndpointBadge> {
        self.badge.as_ref()
    }

    /// gcloud's login if it is another person's than the caller, the first time this is asked.
    pub(crate) fn other_login_once(&mut self) -> Option<String> {
        let login = self.other_login().filter(|_| !self.said_other_login)?.to_owned();
        self.said_other_login = true;
        Some(login)
    }

    /// The time by Google's clock, as far as it is known: credentials expire by that clock.
    pub(crate) fn at_google(&self, now: Timestamp) -> Timestamp {
        at_google(now, self.skew)
    }

    /// The caller as a policy member; none while its identity is unknown.
    pub(crate) fn caller_member(&self) -> Option<Member> {
        self.caller.value()?.member().map(|member| Member::read(&member))
    }

    /// See [`crate::model::caller::Caller::other_login`].
    pub(crate) fn other_login(&self) -> Option<&str> {
        self.caller.value()?.other_login(&self.choices)
    }
}

/// The header's badge for endpoints that aren't Google's.
fn badge(endpoints: &Endpoints) -> Option<EndpointBadge> {
    let only_some = endpoints.partly_overridden();
    let host = endpoints.overridden().into_iter().next().map(|(_, host)| host);
    host.map(|host| EndpointBadge { host, only_some })
}
