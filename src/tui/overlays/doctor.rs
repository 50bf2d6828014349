//! The doctor's overlay: why something was denied, the evidence, and each next step with its key. It holds the denial
//! and the facts; reading facts and carrying out steps is up to the root.

use jiff::Timestamp;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use crate::{
    flows::{Enabled, Enabling, Watched, Watching},
    http::ApiError,
    keymap::{Action, Keymap, Place},
    model::{
        account::short,
        caller::Caller,
        credential::MintRequest,
        denial::Refusal,
        doctor::{Diagnosis, Examined, Known, Mark, Step, StepAction, diagnose},
        lifetime,
    },
    ops::{Pending, ReqId},
    text::safe::safe_line,
    tui::{
        app::{shared::Shared, slot::Slot},
        panes::{Look, as_move},
        widgets::{
            frame::{popup, popup_area},
            list::{ListCursor, Move},
            text::fold_hanging,
            theme::Theme,
        },
    },
};

use super::{Api, Outcome};

const WIDTH: u16 = 108;

const MOST_NAMES: usize = 12;

/// A denial that was shown.
#[derive(Clone, Debug)]
pub(crate) struct Denied {
    pub(crate) error: ApiError,
    /// Who was denied.
    pub(crate) caller: Option<Caller>,
    /// What was to be minted, if anything was.
    pub(crate) request: Option<MintRequest>,
}

/// A step in progress while the overlay is open.
#[derive(Debug)]
pub(crate) enum Doing {
    /// An API is being enabled.
    Enabling(Pending<Enabled>, Enabling),
    /// Waiting until IAM allows it.
    Watching(Pending<Watched>, Watching),
}

/// One denial being explained.
#[derive(Debug)]
pub(crate) struct Doctor {
    /// What failed, with its facts.
    pub(crate) refusal: Refusal,
    /// What was attempted: `minting an ID token for api@acme-prod`.
    pub(crate) doing_what: String,
    pub(crate) caller: Option<Caller>,
    /// The request that was denied, if it was one to mint.
    pub(crate) request: Option<MintRequest>,
    /// The command to log in again, if the caller's credentials tell.
    remedy: Option<String>,
    /// The facts that were read.
    pub(crate) examined: Slot<Examined>,
    /// The step in progress.
    pub(crate) doing: Option<Doing>,
    /// Its outcome: success or not, and a sentence.
    pub(crate) done: Option<(bool, String)>,
    diagnosis: Diagnosis,
    who: bool,
    scroll: ListCursor,
    width: u16,
}

impl Doctor {
    /// Explains a denial; none for other errors, which explain themselves.
    pub(crate) fn new(denied: Denied, now: Timestamp) -> Option<Doctor> {
        let Denied { error, caller, request } = denied;
        let refusal = (**error.refusal.as_ref()?).clone();
        let remedy = error.own_next().map(str::to_owned);
        let remedy = remedy.or_else(|| caller.as_ref().and_then(|caller| caller.remedy.clone()));
        let examined = Examined::default();
        let known = Known { caller: caller.as_ref(), examined: &examined, remedy: remedy.as_deref(), now };
        Some(Doctor {
            diagnosis: diagnose(&refusal, &known),
            doing_what: what(&refusal),
            refusal,
            caller,
            request,
            remedy,
            examined: Slot::default(),
            doing: None,
            done: None,
            who: false,
            scroll: ListCursor::default(),
            width: 0,
        })
    }

    /// Diagnoses again with the facts read since.
    pub(crate) fn think(&mut self, now: Timestamp) {
        let nothing = Examined::default();
        let examined = self.examined.value().unwrap_or(&nothing);
        let known = Known { caller: self.caller.as_ref(), examined, remedy: self.remedy.as_deref(), now };
        self.diagnosis = diagnose(&self.refusal, &known);
    }

    pub(crate) fn diagnosis(&self) -> &Diagnosis {
        &self.diagnosis
    }

    /// Its reads in flight.
    pub(crate) fn reads(&self) -> impl Iterator<Item = ReqId> {
        let watching = match &self.doing {
            Some(Doing::Watching(req, _)) => Some(req.id),
            _ => None,
        };
        self.examined.awaited().into_iter().chain(watching)
    }

    /// Whether this request enables the API it is about.
    pub(crate) fn is_enabling(&self, req: ReqId) -> bool {
        matches!(&self.doing, Some(Doing::Enabling(awaited, _)) if *awaited == req)
    }

    /// Whether an action is available: steps only if offered, everything else always.
    pub(crate) fn has(&self, action: Action) -> bool {
        !STEPS.contains(&action) || self.step(action).is_some()
    }

    /// Whether enabling this API is one of the steps.
    pub(crate) fn offers(&self, api: &Api) -> bool {
        let is = |step: &Step| matches!(&step.what, StepAction::Enable { service, project } if *service == api.service && *project == api.project);
        self.diagnosis.steps.iter().any(is)
    }

    /// The first step of an action.
    fn step(&self, action: Action) -> Option<&StepAction> {
        self.diagnosis.steps.iter().map(|step| &step.what).find(|what| self::action(what) == Some(action))
    }

    pub(crate) fn on_action(&mut self, action: Action) -> Outcome {
        if let Some(step) = as_move(action) {
            self.scroll.scroll(step);
            return Outcome::Stay;
        }
        match self.step(action).cloned() {
            Some(StepAction::WhoCanGrant(_)) => {
                self.who = !self.who;
                // The names appear below the step.
                self.scroll.scroll(Move::PageDown);
                Outcome::Stay
            }
            Some(what) => Outcome::Step(what),
            None => Outcome::Stay,
        }
    }

    /// How much room there is.
    pub(crate) fn fit(&mut self, screen: Rect, shared: &Shared) {
        self.width = popup_area(screen, WIDTH, screen.height).width.saturating_sub(4);
        let lines = self.lines(&shared.keymap, &Theme::default());
        let room = screen.height.saturating_sub(2).saturating_sub(2);
        self.scroll.set_height(usize::from(room));
        self.scroll.set_len(lines.len());
    }

    pub(crate) fn draw(&self, screen: Rect, buf: &mut Buffer, look: &Look) {
        let theme = look.theme;
        let lines = self.lines(&look.shared.keymap, theme);
        let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX).min(screen.height.saturating_sub(2));
        let more = if self.scroll.window().end < lines.len() { "─ more below " } else { "" };
        let title = Line::raw(format!(" Why {} failed {more}", safe_line(&self.doing_what)));
        let inner = popup(screen, WIDTH, height, buf, title, theme);
        for (y, line) in (inner.y..inner.bottom()).zip(lines.iter().skip(self.scroll.window().start)) {
            buf.set_line(inner.x, y, line, inner.width);
        }
    }

    fn lines(&self, keymap: &Keymap, theme: &Theme) -> Vec<Line<'static>> {
        let mut lines = Vec::new();
        let mut add = |label: &'static str, mut spans: Vec<Span<'static>>, indent: u16| {
            spans.insert(0, Span::styled(format!("{label:<10}"), theme.dim));
            lines.extend(fold_hanging(Line::from(spans), self.width, 10 + indent));
        };
        let text = |text: &str| Span::raw(safe_line(text).into_owned());
        add("cause", vec![Span::styled(safe_line(&self.diagnosis.sentence).into_owned(), theme.strong)], 0);
        for (at, evidence) in self.diagnosis.evidence.iter().enumerate() {
            let (glyph, style) = match evidence.mark {
                Mark::Fact => (theme.glyphs.dot, theme.dim),
                Mark::Fine => (theme.glyphs.yes, theme.good),
                Mark::Wrong => (theme.glyphs.no, theme.bad),
                Mark::Unknown => ("?", theme.warning),
            };
            let label = if at == 0 { "evidence" } else { "" };
            add(label, vec![Span::styled(format!("{glyph} "), style), text(&evidence.text)], 2);
        }
        if self.examined.is_awaiting() {
            add(
                "",
                vec![Span::styled("? checking permissions, policies and the API's state…", theme.dim)],
                2,
            );
        }
        if let Some(error) = self.examined.error() {
            add("", vec![Span::styled(format!("? {}", error.sentence()), theme.warning)], 2);
        }
        for (at, step) in self.diagnosis.steps.iter().enumerate() {
            let key =
                action(&step.what).map(|action| keymap.key_in(Place::Doctor, action)).unwrap_or_default();
            let label = if at == 0 { "next" } else { "" };
            add(label, vec![Span::styled(format!("{key:<2} "), theme.accent), text(&step.text)], 3);
            if let (true, StepAction::WhoCanGrant(names)) = (self.who, &step.what) {
                for name in names.iter().take(MOST_NAMES) {
                    add("", vec![Span::raw("   "), text(name)], 3);
                }
                if names.len() > MOST_NAMES {
                    add(
                        "",
                        vec![Span::styled(format!("   … and {} more", names.len() - MOST_NAMES), theme.dim)],
                        3,
                    );
                }
            }
        }
        if let Some(doing) = &self.doing {
            add("now", vec![Span::styled(said(doing), theme.accent)], 0);
        }
        if let Some((good, sentence)) = &self.done {
            let (glyph, style) =
                if *good { (theme.glyphs.yes, theme.good) } else { (theme.glyphs.no, theme.bad) };
            add("now", vec![Span::styled(format!("{glyph} "), style), text(sentence)], 2);
        }
        lines
    }
}

/// The actions of steps.
const STEPS: [Action; 12] = [
    Action::DoctorEnable,
    Action::DoctorGrant,
    Action::DoctorWho,
    Action::DoctorCopy,
    Action::DoctorCharge,
    Action::DoctorUncharged,
    Action::DoctorCaller,
    Action::DoctorShorter,
    Action::DoctorAgain,
    Action::DoctorWatch,
    Action::DoctorTroubleshoot,
    Action::DoctorPolicy,
];

/// The action of a step.
fn action(what: &StepAction) -> Option<Action> {
    Some(match what {
        StepAction::Enable { .. } => Action::DoctorEnable,
        StepAction::Grant { .. } => Action::DoctorGrant,
        StepAction::WhoCanGrant(_) => Action::DoctorWho,
        StepAction::Copy { .. } => Action::DoctorCopy,
        StepAction::QuotaProject => Action::DoctorCharge,
        StepAction::NoQuotaProject => Action::DoctorUncharged,
        StepAction::OtherCaller => Action::DoctorCaller,
        StepAction::ShorterLifetime => Action::DoctorShorter,
        StepAction::Again => Action::DoctorAgain,
        StepAction::Watch { .. } => Action::DoctorWatch,
        StepAction::Troubleshoot => Action::DoctorTroubleshoot,
        StepAction::ReadPolicy(_) => Action::DoctorPolicy,
        StepAction::Told => return None,
    })
}

fn said(doing: &Doing) -> String {
    let seconds = |elapsed: &std::time::Duration| lifetime::words(elapsed.as_secs() as i64);
    match doing {
        Doing::Enabling(_, Enabling { operation, elapsed, .. })
            if operation.is_empty() && elapsed.is_zero() =>
        {
            "enabling…".into()
        }
        Doing::Enabling(_, Enabling { operation, elapsed, polls }) => {
            if *polls == 0 {
                return format!("enabling: {operation} started");
            }
            let asked = if *polls == 1 { "once".to_owned() } else { format!("{polls} times") };
            format!("enabling: {operation} in progress for {}, checked {asked}", seconds(elapsed))
        }
        Doing::Watching(_, Watching { attempt, elapsed, yeses }) => {
            format!(
                "waiting for IAM: asked {attempt} times in {}, allowed {yeses} times in a row",
                seconds(elapsed)
            )
        }
    }
}

/// What was attempted, in words, from the called method.
fn what(refusal: &Refusal) -> String {
    let on = short(&refusal.asked.resource);
    let name = refusal.asked.method.rsplit('.').next().unwrap_or_default();
    let for_it = |what: &str| if on.is_empty() { what.to_owned() } else { format!("{what} for {on}") };
    match name {
        "GenerateAccessToken" => for_it("minting an access token"),
        "GenerateIdToken" => for_it("minting an ID token"),
        "SignJwt" => for_it("signing a JWT"),
        "SignBlob" => for_it("signing a blob"),
        "GetIAMPolicy" | "GetIamPolicy" => format!("reading the policy of {on}"),
        "SetIAMPolicy" => format!("writing the policy of {on}"),
        "ListServiceAccounts" => format!("listing the accounts of {on}"),
        "GetServiceAccount" => format!("reading {on}"),
        "ListServiceAccountKeys" => format!("listing the keys of {on}"),
        "TestIamPermissions" => format!("checking your access to {on}"),
        "token" => "getting a token".into(),
        "" => "this call".into(),
        name => format!("{name}{}", if on.is_empty() { String::new() } else { format!(" of {on}") }),
    }
}
