//! `x`: explains the last denial. The facts about it are read while the overlay is open, and its steps are carried
//! out from here, each by existing means of the panes.

use super::{
    AppState,
    msg::{Clip, Effect, Intent, Level, Now, Owner, PaneId, ReqId},
    shared::{Cx, Out},
    writes::Write,
};
use crate::{
    api::commands,
    flows::{self, Enabled, Watched},
    http::{ApiError, ErrorKind, endpoints::Service},
    keymap::Action,
    model::{
        account::AccountRef,
        caller::{Caller, Charge, Switch},
        credential::What,
        denial::{Cause, ORDINARY_LIFETIME},
        doctor::StepAction,
        lifetime,
        member::Member,
        permission::Permission,
    },
    ops::{self, Part, Pending, Reply},
    session::failure::LastFailure,
    tui::overlays::{
        Api, Confirmed, Doctor, Overlay, Picker,
        doctor::{Denied, Doing},
    },
};

/// Calls whose denials are shown as errors; others only leave a part of a pane "not visible".
const SEEN: [&str; 5] =
    ["ListServiceAccounts", "GetServiceAccount", "GetIAMPolicy", "SetIAMPolicy", "BatchEnableServices"];

/// The API being enabled, and the call that does it.
struct BeingEnabled {
    pending: Pending<Enabled>,
    api: Api,
}

/// The last denial, and what goes on after the doctor closed.
#[derive(Default)]
pub(super) struct Denials {
    /// The last one that was shown.
    last: Option<Denied>,
    enabling: Option<BeingEnabled>,
}

impl AppState {
    /// Remembers a shown denial; that of a mint or a write is also kept for the command line.
    pub(super) fn note_denial(
        &mut self,
        req: ReqId,
        reply: &Result<Reply, ApiError>,
        now: Now,
        out: &mut Out,
    ) {
        let Err(error) = reply else { return };
        let Some(refusal) = error.refusal.as_deref() else { return };
        let name = refusal.asked.method.rsplit('.').next().unwrap_or_default();
        let of_caller = matches!(error.kind, ErrorKind::Credentials);
        if !(refusal.is_mint() || of_caller || SEEN.contains(&name)) {
            return;
        }
        let caller = self.shared.session.caller.value().cloned();
        if (refusal.is_mint() || name == "SetIAMPolicy")
            && let Some(failure) = LastFailure::of(error, now.utc)
        {
            let principal = caller.as_ref().and_then(|caller| caller.principal.clone());
            let endpoint = self.shared.session.endpoints().url(Service::Iam).to_owned();
            out.effects.push(Effect::KeepFailure(Box::new(failure.by(principal, endpoint))));
        }
        let request = self.panes.mint.request(req).cloned();
        self.denials.last = Some(Denied { error: error.clone(), caller, request });
    }

    /// Drops denials of the old caller after a switch.
    pub(super) fn forget_denials(&mut self) {
        self.denials.last = None;
        self.panes.mint.forget_refusal();
        self.overlays.retain(|overlay| !matches!(overlay, Overlay::Doctor(_)));
    }

    /// Explains the error in the mint pane if that is visible, else the last denial that was shown, else
    /// the error in the focused pane.
    pub(super) fn explain(&mut self, now: Now, out: &mut Out) {
        let in_mint = self.focused() == PaneId::Mint;
        let shown = self.panes.get(self.focused()).denial(&self.shared).map(|error| Denied {
            error: error.clone(),
            caller: self.shared.session.caller.value().cloned(),
            request: self.panes.mint.refused_request().filter(|_| in_mint).cloned(),
        });
        let first = shown.clone().filter(|_| in_mint);
        let Some(denied) = first.or(self.denials.last.clone()).or(shown) else {
            return self.say(Level::Info, "No denials so far".into(), out);
        };
        let sentence = format!("{}{}", denied.error.sentence(), denied.error.next_words());
        let Some(mut doctor) = Doctor::new(denied, now.utc) else {
            return self.say(Level::Info, sentence, out);
        };
        if self.shared.session.caller.value().is_some() {
            self.examine(&mut doctor, false, now, out);
        }
        // Enabling continues even if its overlay was closed.
        if let Some(BeingEnabled { pending, api }) = &self.denials.enabling
            && doctor.offers(api)
        {
            doctor.doing = Some(Doing::Enabling(*pending, flows::Enabling::default()));
        }
        self.overlays.push(Overlay::Doctor(Box::new(doctor)));
    }

    /// Reads the facts that bear on the cause, if there are any.
    fn examine(&mut self, doctor: &mut Doctor, deep: bool, now: Now, out: &mut Out) {
        let worth = matches!(
            doctor.diagnosis().cause,
            Cause::PermissionMissing
                | Cause::ConditionFalse
                | Cause::DenyPolicy
                | Cause::ChainHop
                | Cause::OnItself
                | Cause::Propagating
                | Cause::ApiDisabled
                | Cause::NotFoundOrHidden
                | Cause::AccountGone
        );
        if !worth {
            return;
        }
        let caller = doctor.caller.clone().map(Box::new);
        let mut cx = Cx { shared: &mut self.shared, now, out };
        let examine = ops::examine(Box::new(doctor.refusal.clone()), caller, deep);
        cx.read_into(&mut doctor.examined, Owner::Root, examine);
    }

    /// The caller's identity is known now, or better than `before`: earlier denials were denials to that
    /// caller, and an open doctor examines again as that caller.
    pub(super) fn doctor_meets_caller(&mut self, before: &Option<Caller>, now: Now, out: &mut Out) {
        if before.as_ref() == self.shared.session.caller.value() {
            return;
        }
        if let Some(denied) = self.denials.last.as_mut().filter(|denied| denied.caller == *before) {
            denied.caller = self.shared.session.caller.value().cloned();
        }
        let unmet = |overlay: &Overlay| match overlay {
            Overlay::Doctor(doctor) => doctor.caller.is_none() || doctor.caller == *before,
            _ => false,
        };
        let Some(at) = self.overlays.iter().position(unmet) else { return };
        let Overlay::Doctor(mut doctor) = self.overlays.remove(at) else { return };
        doctor.caller = self.shared.session.caller.value().cloned();
        doctor.think(now.utc);
        self.examine(&mut doctor, false, now, out);
        self.overlays.insert(at, Overlay::Doctor(doctor));
    }

    /// The open doctor, if any.
    pub(super) fn doctor(&mut self) -> Option<&mut Doctor> {
        self.overlays.iter_mut().rev().find_map(|overlay| match overlay {
            Overlay::Doctor(doctor) => Some(&mut **doctor),
            _ => None,
        })
    }

    /// The doctor closes: its reads are cancelled. Enabling an API continues and ends in a notice.
    pub(super) fn close_doctor(&mut self, doctor: &Doctor, now: Now, out: &mut Out) {
        let mut cx = Cx { shared: &mut self.shared, now, out };
        doctor.reads().for_each(|req| cx.cancel(Some(req)));
    }

    /// Handles an answer for the doctor; gives back one that is for others. A write that outlives the overlay ends in a notice.
    pub(super) fn on_doctor_reply(
        &mut self,
        now: Now,
        req: ReqId,
        reply: Result<Reply, ApiError>,
        out: &mut Out,
    ) -> Option<Result<Reply, ApiError>> {
        if let Some(enabling) = self.denials.enabling.take_if(|enabling| enabling.pending == req) {
            self.enabled(now, enabling.pending, reply, out);
            return None;
        }
        let again = self.shared.keymap.key(Action::MintAgain);
        let Some(doctor) = self.doctor() else { return Some(reply) };
        if doctor.examined.awaits(req) {
            doctor.examined.settle(req, reply);
            doctor.think(now.utc);
            return None;
        }
        let watching = match &doctor.doing {
            Some(Doing::Watching(awaited, _)) if *awaited == req => *awaited,
            _ => return Some(reply),
        };
        doctor.doing = None;
        doctor.done = Some(match watching.open(reply) {
            Ok(Watched::Works { after, .. }) => {
                let after = lifetime::words(after.as_secs() as i64);
                (true, format!("IAM allows it now (after {after}). Press {again} to retry"))
            }
            Ok(Watched::NotYet { after, .. }) => {
                (false, format!("IAM still denies it after {}", lifetime::words(after.as_secs() as i64)))
            }
            Err(error) => (false, error.sentence()),
        });
        None
    }

    /// Handles the end of enabling an API; without an open overlay, a notice shows it.
    fn enabled(
        &mut self,
        now: Now,
        enabling: Pending<Enabled>,
        reply: Result<Reply, ApiError>,
        out: &mut Out,
    ) {
        self.shared.requests.writes.end(enabling.id);
        let again = self.shared.keymap.key(Action::MintAgain);
        let (good, text) = match enabling.open(reply) {
            Ok(Enabled::On { service, project, after }) => {
                let after = lifetime::words(after.as_secs() as i64);
                (
                    true,
                    format!(
                        "{service} is enabled in project {project} (after {after}). It can take a few minutes to work everywhere. Press {again} to retry"
                    ),
                )
            }
            Ok(Enabled::Begun { operation, why }) => {
                (false, format!("Started as {operation}, but its progress can't be read: {why}"))
            }
            Err(error) => (false, format!("{}{}", error.sentence(), error.next_words())),
        };
        match self.doctor().filter(|doctor| doctor.is_enabling(enabling.id)) {
            Some(doctor) => {
                (doctor.doing, doctor.done) = (None, Some((good, text)));
                if good && let Some(seen) = doctor.examined.value_mut() {
                    seen.api_enabled = Some(true);
                    doctor.think(now.utc);
                }
            }
            None => self.say(if good { Level::Info } else { Level::Error }, text, out),
        }
    }

    /// Progress of something that the doctor started.
    pub(super) fn on_doctor_part(&mut self, req: ReqId, part: &Part) {
        // Once the operation has a name, the write is answered: the rest is up to Google.
        if matches!(part, Part::Enabling(_)) {
            self.shared.requests.writes.end(req);
        }
        let Some(doctor) = self.doctor() else { return };
        match (&mut doctor.doing, part) {
            (Some(Doing::Enabling(awaited, shown)), Part::Enabling(progress)) if *awaited == req => {
                shown.clone_from(progress);
            }
            (Some(Doing::Watching(awaited, shown)), Part::Watching(progress)) if *awaited == req => {
                *shown = *progress;
            }
            _ => {}
        }
    }

    /// Carries out a step. Steps that lead elsewhere close the overlay.
    pub(super) fn do_step(&mut self, now: Now, what: StepAction, out: &mut Out) {
        match what {
            StepAction::Enable { service, project } => {
                if self.shared.session.read_only {
                    return self.say(
                        Level::Error,
                        "Read-only mode (--read-only): nothing is written".into(),
                        out,
                    );
                }
                if self.denials.enabling.is_some() {
                    return self.say(Level::Warning, "An API is already being enabled".into(), out);
                }
                let question = format!(
                    "Enable {service} in project {project}? Anyone with access to the project can then call it, and its use may be billed there."
                );
                let yes = Confirmed::Enable(Api { service, project });
                self.overlays.push(Overlay::Confirm { question, yes });
            }
            StepAction::Copy { text, what } => match Clip::text(&text, what) {
                Ok(clip) => out.effects.push(Effect::Copy(clip)),
                Err(why) => self.say(Level::Warning, why, out),
            },
            StepAction::Troubleshoot => {
                let Some(Overlay::Doctor(mut doctor)) = self.overlays.pop() else { return };
                self.examine(&mut doctor, true, now, out);
                self.overlays.push(Overlay::Doctor(doctor));
            }
            StepAction::Watch { account, permission } => self.watch_for_doctor(account, permission, now, out),
            StepAction::QuotaProject => self.pick_charged(now, out),
            StepAction::NoQuotaProject => {
                self.leave_doctor(now, out);
                self.switch(Switch::Charge(Charge::Unnamed), out);
            }
            StepAction::OtherCaller => self.choose_caller(out),
            StepAction::Grant { account, member, permission, .. } => {
                self.leave_doctor(now, out);
                if self.shared.workspace.opened.as_deref() != Some(account.as_str()) {
                    self.open_account(now, &AccountRef::read(&account), out);
                }
                let member = member.map(|member| Member::read(&member));
                let mut cx = Cx { shared: &mut self.shared, now, out };
                self.panes.policy.open_grant(Some(permission), member, &mut cx);
                cx.intend(Intent::Show(PaneId::Policy));
            }
            StepAction::ReadPolicy(account) => {
                self.leave_doctor(now, out);
                if self.shared.workspace.opened.as_deref() != Some(account.as_str()) {
                    self.open_account(now, &AccountRef::read(&account), out);
                }
                let mut cx = Cx { shared: &mut self.shared, now, out };
                self.panes.policy.read(&mut cx);
                cx.intend(Intent::Show(PaneId::Policy));
            }
            StepAction::ShorterLifetime => self.try_again(now, Some(ORDINARY_LIFETIME), out),
            StepAction::Again => self.try_again(now, None, out),
            StepAction::WhoCanGrant(_) | StepAction::Told => {}
        }
    }

    /// Sends the denied request again, with another lifetime if one is given; a read is made again by a refresh.
    fn try_again(&mut self, now: Now, lifetime: Option<u32>, out: &mut Out) {
        let request = self.doctor().and_then(|doctor| doctor.request.clone());
        self.leave_doctor(now, out);
        let Some(mut request) = request else {
            self.act(now, Action::Refresh, out);
            return;
        };
        if let (Some(seconds), What::AccessToken { lifetime_seconds, .. }) = (lifetime, &mut request.what) {
            *lifetime_seconds = seconds;
        }
        let mut cx = Cx { shared: &mut self.shared, now, out };
        self.panes.mint.resend(request, &mut cx);
        cx.intend(Intent::Show(PaneId::Mint));
    }

    fn watch_for_doctor(&mut self, account: String, permission: Permission, now: Now, out: &mut Out) {
        let mut cx = Cx { shared: &mut self.shared, now, out };
        let req = cx.call(Owner::Root, ops::watch_grant(account, vec![permission]));
        let Some(doctor) = self.doctor() else { return };
        let old = doctor.doing.replace(Doing::Watching(req, flows::Watching::default()));
        doctor.done = None;
        if let Some(Doing::Watching(old, _)) = old {
            let mut cx = Cx { shared: &mut self.shared, now, out };
            cx.cancel(Some(old));
        }
    }

    /// Enables an API, once confirmed.
    pub(super) fn enable_api(&mut self, now: Now, api: Api, out: &mut Out) {
        if self.denials.enabling.is_some() {
            return;
        }
        let Api { service, project } = &api;
        let mut cx = Cx { shared: &mut self.shared, now, out };
        let req = cx.call(Owner::Root, ops::enable_service(project.clone(), service.clone()));
        let write = Write {
            what: format!("the state of {service} in project {project}"),
            check: commands::show_api(project, service),
        };
        cx.shared.requests.writes.begin(req.id, write);
        self.denials.enabling = Some(BeingEnabled { pending: req, api });
        if let Some(doctor) = self.doctor() {
            doctor.doing = Some(Doing::Enabling(req, flows::Enabling::default()));
            doctor.done = None;
        }
    }

    fn leave_doctor(&mut self, now: Now, out: &mut Out) {
        if let Some(Overlay::Doctor(doctor)) = self.overlays.pop() {
            self.close_doctor(&doctor, now, out);
        }
    }

    /// Opens the picker of the quota project.
    pub(super) fn pick_charged(&mut self, now: Now, out: &mut Out) {
        if !self.shared.workspace.projects.is_awaiting() && self.shared.session.caller.value().is_some() {
            self.search_projects(now, out);
        }
        self.overlays.push(Overlay::Picker(Box::new(Picker::charged(&self.shared))));
    }

    /// Charges calls to this project until the caller is switched.
    pub(super) fn charge(&mut self, project: String, out: &mut Out) {
        self.switch(Switch::Charge(Charge::Project(project)), out);
    }
}
