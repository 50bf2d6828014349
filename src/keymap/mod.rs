//! The key table, the only place where keys are named. Dispatch, the hint line, help, the palette, `docs/keys.md` and
//! `impersona keys` all read it. It knows what an action is called, not how it is carried out.

pub(crate) mod chord;
pub mod docs;

use std::collections::HashMap;

pub(crate) use chord::Chord;
use strum::IntoEnumIterator as _;

use crate::model::nearest::nearest;

/// The panes: the list of accounts on the left, and those on the right in the order of their tabs. The command line
/// offers the latter as `--pane`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::EnumIter, clap::ValueEnum)]
pub enum PaneId {
    /// The accounts of the project.
    #[value(skip)]
    Accounts,
    /// The account, and what you can do with it.
    Overview,
    /// Who can do what with the account.
    Policy,
    /// Forms, and the credentials minted so far.
    Mint,
    /// Tokens, decoded and checked.
    Inspect,
    /// Every request sent.
    Activity,
}

impl PaneId {
    /// The name on its tab.
    pub(crate) fn name(self) -> &'static str {
        match self {
            PaneId::Accounts => "Accounts",
            PaneId::Overview => "Overview",
            PaneId::Policy => "Policy",
            PaneId::Mint => "Mint",
            PaneId::Inspect => "Inspect",
            PaneId::Activity => "Activity",
        }
    }
}

/// Where a row of the table applies, in the order of the documentation. Several contexts apply in one place: see
/// [`Place::contexts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::EnumIter)]
pub(crate) enum KeyCtx {
    /// Anything with a cursor or a scroll position.
    List,
    /// Everywhere except in text, forms and overlays.
    Global,
    /// The list of accounts.
    Accounts,
    Policy,
    /// The review of staged edits.
    Review,
    /// The history of a policy.
    History,
    MintMenu,
    /// The shelf of minted credentials.
    Shelf,
    CopyMenu,
    Inspect,
    Activity,
    Doctor,
    /// A form: fields and a button, one context.
    Form,
    /// One line of text with its matches: filter, picker, palette.
    Text,
    /// Wherever text is typed.
    Edit,
    Confirm,
    Help,
    /// Everywhere, even in text.
    Always,
}

impl KeyCtx {
    /// The pane that it is a part of, if it is one of a single pane.
    pub(crate) fn pane(self) -> Option<PaneId> {
        match self {
            KeyCtx::Accounts => Some(PaneId::Accounts),
            KeyCtx::Policy | KeyCtx::Review | KeyCtx::History => Some(PaneId::Policy),
            KeyCtx::Shelf => Some(PaneId::Mint),
            KeyCtx::Inspect => Some(PaneId::Inspect),
            KeyCtx::Activity => Some(PaneId::Activity),
            KeyCtx::List
            | KeyCtx::Global
            | KeyCtx::MintMenu
            | KeyCtx::CopyMenu
            | KeyCtx::Doctor
            | KeyCtx::Form
            | KeyCtx::Text
            | KeyCtx::Edit
            | KeyCtx::Confirm
            | KeyCtx::Help
            | KeyCtx::Always => None,
        }
    }

    /// Whether the palette offers its rows: not what only moves, and not what answers something that is open.
    fn is_of_palette(self) -> bool {
        match self {
            KeyCtx::Global | KeyCtx::Always | KeyCtx::MintMenu | KeyCtx::CopyMenu => true,
            KeyCtx::Review | KeyCtx::History => false,
            other => other.pane().is_some(),
        }
    }
}

/// Where the keyboard focus is, which decides the contexts that apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::EnumIter)]
pub(crate) enum Place {
    /// The list of accounts.
    Accounts,
    /// A pane that only scrolls: Overview.
    Reading,
    Policy,
    Review,
    /// The review, while a name is typed to accept a safety check.
    ReviewTyping,
    /// The history of a policy.
    History,
    Shelf,
    Inspect,
    Activity,
    Form,
    /// A line of text.
    Text,
    Help,
    Confirm,
    MintMenu,
    CopyMenu,
    Doctor,
}

impl Place {
    /// The contexts that apply here, nearest first. A test checks that each chord has one meaning within a place.
    pub(crate) fn contexts(self) -> &'static [KeyCtx] {
        use KeyCtx::*;
        match self {
            Place::Accounts => &[Accounts, List, Global, Always],
            Place::Reading => &[List, Global, Always],
            Place::Policy => &[Policy, List, Global, Always],
            Place::Review => &[Review, List, Always],
            Place::ReviewTyping => &[Text, Edit, Always],
            Place::History => &[History, List, Always],
            Place::Shelf => &[Shelf, List, Global, Always],
            Place::Inspect => &[Inspect, List, Global, Always],
            Place::Activity => &[Activity, List, Global, Always],
            Place::Form => &[Form, Edit, Always],
            Place::Text => &[Text, Edit, Always],
            Place::Help => &[Help, List, Always],
            Place::Confirm => &[Confirm, Always],
            Place::MintMenu => &[MintMenu, Always],
            Place::CopyMenu => &[CopyMenu, Always],
            Place::Doctor => &[Doctor, List, Always],
        }
    }
}

/// What a key can do. The table gives each action its name in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(
    missing_docs,
    reason = "the table below describes every action, and help, docs and palette print that"
)]
pub(crate) enum Action {
    Down,
    Up,
    Top,
    Bottom,
    HalfDown,
    HalfUp,
    PageDown,
    PageUp,
    FocusNext,
    FocusPrevious,
    FocusLeft,
    FocusRight,
    Open,
    Back,
    Filter,
    Sort,
    SortDirection,
    Favourite,
    TypeAccount,
    TestAll,
    Show(PaneId),
    Zoom,
    Palette,
    Help,
    Refresh,
    Quit,
    Leave,
    Suspend,
    Project,
    Callers,
    Impersonate,
    CallerBack,
    Grant,
    Revoke,
    EditGrant,
    Undo,
    Redo,
    Review,
    Write,
    History,
    Restore,
    Fold,
    Mark,
    MintMenu,
    MintAccess,
    MintId,
    MintJwt,
    MintBlob,
    MintUrl,
    MintMetadata,
    MintAgain,
    MintEdited,
    ProbeChain,
    Exchange,
    WipeOne,
    FavouriteTarget,
    CopyMenu,
    CopyObvious,
    CopyRaw,
    CopyHeader,
    CopyEnv,
    CopyTerraform,
    CopyCurl,
    CopyGcloud,
    CopyDecoded,
    CopyHex,
    Save,
    Reveal,
    Wipe,
    Inspect,
    CheckSignature,
    Expect,
    Fix,
    ToggleRaw,
    ToggleView,
    ExportHar,
    Explain,
    Charge,
    DoctorGrant,
    DoctorEnable,
    DoctorWho,
    DoctorCopy,
    DoctorCharge,
    DoctorUncharged,
    DoctorCaller,
    DoctorShorter,
    DoctorAgain,
    DoctorWatch,
    DoctorTroubleshoot,
    DoctorPolicy,
    NextField,
    PreviousField,
    Toggle,
    Accept,
    Submit,
    WordLeft,
    WordRight,
    DeleteWordLeft,
    DeleteWordRight,
    Yes,
    No,
}

/// One row: an action, where it applies, its keys and its wording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) ctx: KeyCtx,
    /// The action it triggers.
    pub(crate) action: Action,
    /// The name in the config file and in `impersona keys`.
    pub(crate) name: &'static str,
    /// Chords, separated by spaces; empty for actions that only the palette offers.
    pub(crate) keys: &'static str,
    /// A verb and at most four more words, for menus, help and palette.
    pub(crate) label: &'static str,
    /// More about it, for help; often empty.
    pub(crate) description: &'static str,
    /// Its rank in the hint line (1 comes first; 0 is never shown there) and the short word shown.
    pub(crate) hint: (u8, &'static str),
}

const fn row(
    ctx: KeyCtx,
    action: Action,
    name: &'static str,
    keys: &'static str,
    label: &'static str,
    hint: (u8, &'static str),
) -> Row {
    Row { ctx, action, name, keys, label, description: "", hint }
}

impl Row {
    const fn about(self, description: &'static str) -> Row {
        Row { description, ..self }
    }

    /// Whether the palette offers it. Of rows that do the same in the same pane it offers the first.
    pub(crate) fn is_command(&self) -> bool {
        let same = |row: &Row| row.action == self.action && row.ctx.pane() == self.ctx.pane();
        let is_first = TABLE.iter().find(|row| same(row)).is_some_and(|row| row.name == self.name);
        let opens_palette = matches!(self.action, Action::Palette | Action::Back);
        self.ctx.is_of_palette() && is_first && !opens_palette
    }

    /// Label and description, for help and documentation: `filter the list (all words must match; !word excludes)`.
    pub(crate) fn text(&self) -> String {
        match self.description {
            "" => self.label.to_owned(),
            description => format!("{} ({description})", self.label),
        }
    }
}

/// Former names of actions with their present ones, so that old configurations keep working.
const FORMER_NAMES: [(&str, &str); 1] = [("become", "impersonate")];

/// The present name of an action that might be given by a former one.
fn present_name(name: &str) -> &str {
    FORMER_NAMES.iter().find(|(former, _)| *former == name).map_or(name, |(_, present)| present)
}

#[rustfmt::skip]
pub(crate) const TABLE: &[Row] = &[
    // moving
    row(KeyCtx::List, Action::Down, "down", "j Down", "move down", (1, "move")),
    row(KeyCtx::List, Action::Up, "up", "k Up", "move up", (0, "")),
    row(KeyCtx::List, Action::Top, "top", "g Home", "go to the top", (0, "")),
    row(KeyCtx::List, Action::Bottom, "bottom", "G End", "go to the bottom", (0, "")),
    row(KeyCtx::List, Action::HalfDown, "half-page-down", "ctrl-d", "move half a page down", (0, "")),
    row(KeyCtx::List, Action::HalfUp, "half-page-up", "ctrl-u", "move half a page up", (0, "")),
    row(KeyCtx::List, Action::PageDown, "page-down", "PgDn", "move a page down", (0, "")),
    row(KeyCtx::List, Action::PageUp, "page-up", "PgUp", "move a page up", (0, "")),
    row(KeyCtx::Global, Action::FocusLeft, "focus-left", "h Left", "focus the list", (0, "")),
    row(KeyCtx::Global, Action::FocusRight, "focus-right", "l Right", "focus the pane", (0, "")),
    row(KeyCtx::Global, Action::FocusNext, "focus-next", "tab", "focus next", (0, "")),
    row(KeyCtx::Global, Action::FocusPrevious, "focus-previous", "shift-tab", "focus previous", (0, "")),
    // accounts
    row(KeyCtx::Accounts, Action::Open, "open", "enter", "open this account", (3, "open")),
    row(KeyCtx::Accounts, Action::Filter, "filter", "/", "filter the list", (2, "filter")).about("all words must match; !word excludes"),
    row(KeyCtx::Accounts, Action::Sort, "sort", "o", "sort by the next column", (0, "")),
    row(KeyCtx::Accounts, Action::SortDirection, "sort-direction", "O", "reverse the sort", (0, "")),
    row(KeyCtx::Accounts, Action::Favourite, "favourite", "f", "toggle favourite", (0, "")),
    row(KeyCtx::Accounts, Action::TestAll, "test-all", "m", "test access to listed accounts", (0, "")).about("one audited call each; press again to pause"),
    row(KeyCtx::Accounts, Action::TypeAccount, "type-account", "A", "open an account by name", (8, "by name")).about("even one that isn't listed"),
    // places
    row(KeyCtx::Global, Action::Show(PaneId::Accounts), "accounts", "0", "go to the account list", (0, "")),
    row(KeyCtx::Global, Action::Show(PaneId::Overview), "overview", "1", "show the account overview", (0, "")),
    row(KeyCtx::Global, Action::Show(PaneId::Policy), "policy", "p 2", "show the policy", (5, "policy")).about("who can do what with the account"),
    row(KeyCtx::Global, Action::Show(PaneId::Mint), "mint", "3", "show mint forms and shelf", (0, "")),
    row(KeyCtx::Global, Action::Show(PaneId::Inspect), "inspect", "4", "show the token inspector", (6, "inspect")),
    row(KeyCtx::Global, Action::Show(PaneId::Activity), "activity", "6 @", "show all requests", (0, "")),
    row(KeyCtx::Global, Action::Zoom, "zoom", "+", "zoom pane on/off", (0, "")),
    row(KeyCtx::Global, Action::Project, "project", "P", "switch project…", (7, "project")),
    row(KeyCtx::Global, Action::Callers, "callers", "i", "switch caller…", (0, "")).about("any credentials found here, or a file"),
    row(KeyCtx::Global, Action::Impersonate, "impersonate", "", "impersonate this account", (0, "")).about("for all further calls"),
    row(KeyCtx::Global, Action::CallerBack, "caller-back", "", "switch to the previous caller", (0, "")),
    // the policy
    row(KeyCtx::Global, Action::Grant, "grant", "a", "grant access…", (3, "grant")).about("on the opened account; staged, never immediate"),
    row(KeyCtx::Policy, Action::Fold, "fold", "enter", "fold or unfold", (0, "")),
    row(KeyCtx::Policy, Action::Revoke, "revoke", "D", "revoke this grant", (3, "revoke")).about("staged until you review and write it"),
    row(KeyCtx::Policy, Action::EditGrant, "edit", "e", "edit this grant", (4, "edit")).about("its role or condition; staged"),
    row(KeyCtx::Policy, Action::ToggleView, "by-member", "v", "group by role or member", (8, "view")),
    row(KeyCtx::Policy, Action::Mark, "mark", "space", "mark this grant", (0, "")).about("then revoke several together"),
    row(KeyCtx::Policy, Action::Sort, "sort-policy", "o", "sort the policy's groups", (0, "")).about("by what they grant, by name or by count"),
    row(KeyCtx::Policy, Action::SortDirection, "sort-policy-direction", "O", "reverse the policy's sort", (0, "")),
    row(KeyCtx::Policy, Action::Review, "review", "s", "review staged changes", (2, "review")).about("then write them"),
    row(KeyCtx::Policy, Action::Undo, "undo", "z", "undo the last staged edit", (7, "undo")),
    row(KeyCtx::Policy, Action::Redo, "redo", "Z", "redo the undone edit", (0, "")),
    row(KeyCtx::Policy, Action::History, "history", "H", "show policy history", (9, "history")),
    row(KeyCtx::Policy, Action::Filter, "filter-policy", "/", "filter the policy", (0, "")).about("by role, member or condition"),
    row(KeyCtx::Review, Action::Write, "write", "enter", "write the policy", (1, "write")),
    row(KeyCtx::Review, Action::CopyGcloud, "review-gcloud", "c", "copy as gcloud commands", (2, "copy as gcloud")),
    row(KeyCtx::History, Action::Restore, "restore", "enter", "restore this version", (1, "restore")).about("staged, so that you can review it"),
    // minting
    row(KeyCtx::Global, Action::MintMenu, "mint-menu", "t", "mint a credential…", (4, "mint")).about("for the selected account, else the opened one"),
    row(KeyCtx::MintMenu, Action::MintAccess, "mint-access-token", "a", "mint an access token", (1, "access token")),
    row(KeyCtx::MintMenu, Action::MintId, "mint-id-token", "i", "mint an ID token", (2, "ID token")),
    row(KeyCtx::MintMenu, Action::MintJwt, "sign-jwt", "j", "sign a JWT", (3, "sign JWT")).about("with your own claims"),
    row(KeyCtx::MintMenu, Action::MintBlob, "sign-blob", "b", "sign a blob", (4, "sign blob")).about("text, bytes or a file"),
    row(KeyCtx::MintMenu, Action::MintUrl, "sign-url", "u", "sign a URL", (5, "sign URL")).about("for a Cloud Storage object"),
    row(KeyCtx::MintMenu, Action::MintMetadata, "metadata-token", "m", "get a metadata token", (6, "metadata")).about("from this machine's metadata server"),
    row(KeyCtx::Global, Action::MintAgain, "mint-again", "T", "mint again", (0, "")).about("the selected credential, else the last request"),
    row(KeyCtx::Global, Action::ProbeChain, "probe-chain", "", "test the delegation chain", (0, "")).about("tests each hop by minting (asks first)"),
    // the shelf
    row(KeyCtx::Shelf, Action::Inspect, "inspect-this", "enter", "inspect this credential", (3, "inspect this")),
    row(KeyCtx::Shelf, Action::Reveal, "reveal", "*", "reveal or hide the secret", (0, "")).about("for 30 seconds"),
    row(KeyCtx::Shelf, Action::MintEdited, "mint-edited", "e", "edit and mint again", (6, "edit")),
    row(KeyCtx::Shelf, Action::FavouriteTarget, "favourite-target", "f", "favourite its scopes or audience", (0, "")).about("press again to remove"),
    row(KeyCtx::Shelf, Action::Exchange, "exchange", "E", "exchange this JWT", (0, "")).about("for a Workspace user's access token"),
    row(KeyCtx::Shelf, Action::WipeOne, "wipe-one", "D", "wipe this credential", (0, "")),
    row(KeyCtx::Global, Action::Wipe, "wipe", "X", "wipe all credentials", (0, "")).about("shelf, inspector and clipboard"),
    // inspecting
    row(KeyCtx::Inspect, Action::CheckSignature, "check-signature", "enter", "check the signature", (2, "check")).about("with the signer's public keys; asks Google about an opaque access token"),
    row(KeyCtx::Inspect, Action::Expect, "expect", "e", "check against…", (3, "check against")).about("a URL, an API, an audience, or keys in a file"),
    row(KeyCtx::Inspect, Action::Fix, "fix", "f", "mint a token that fits", (4, "fix")),
    row(KeyCtx::Inspect, Action::ToggleRaw, "toggle-raw", "v", "toggle raw claims", (5, "raw")),
    // activity
    row(KeyCtx::Activity, Action::Open, "open-request", "enter", "show request and response", (2, "details")),
    row(KeyCtx::Activity, Action::ExportHar, "export-har", "s", "save requests as HAR", (3, "save as HAR")).about("without secrets"),
    // denials
    row(KeyCtx::Global, Action::Explain, "explain", "x", "explain the last denial", (9, "explain")).about("cause, evidence, next steps"),
    row(KeyCtx::Global, Action::Charge, "charge", "", "set the quota project…", (0, "")).about("the project charged for API calls, until you switch callers"),
    row(KeyCtx::Doctor, Action::DoctorGrant, "doctor-grant", "a", "stage the missing grant", (2, "grant")).about("or copy a request for it"),
    row(KeyCtx::Doctor, Action::DoctorEnable, "doctor-enable", "e", "enable the API", (2, "enable")).about("asks first"),
    row(KeyCtx::Doctor, Action::DoctorWho, "doctor-who", "w", "show who can grant it", (4, "who")),
    row(KeyCtx::Doctor, Action::DoctorCopy, "doctor-copy", "c", "copy the command", (3, "copy")).about("or the request for an administrator"),
    row(KeyCtx::Doctor, Action::DoctorCharge, "doctor-charge", "u", "set the quota project…", (5, "charge")),
    row(KeyCtx::Doctor, Action::DoctorUncharged, "doctor-uncharged", "n", "continue without a quota project", (5, "no project")),
    row(KeyCtx::Doctor, Action::DoctorCaller, "doctor-caller", "i", "switch caller…", (6, "caller")),
    row(KeyCtx::Doctor, Action::DoctorShorter, "doctor-shorter", "h", "mint for one hour", (2, "1 hour")),
    row(KeyCtx::Doctor, Action::DoctorAgain, "doctor-again", "T", "try again", (2, "retry")),
    row(KeyCtx::Doctor, Action::DoctorWatch, "doctor-watch", "W", "wait until IAM allows it", (3, "wait")),
    row(KeyCtx::Doctor, Action::DoctorTroubleshoot, "doctor-troubleshoot", "t", "ask Policy Troubleshooter", (6, "troubleshoot")),
    row(KeyCtx::Doctor, Action::DoctorPolicy, "doctor-policy", "p", "reload and show the policy", (2, "policy")),
    row(KeyCtx::Doctor, Action::Back, "close-doctor", "q x", "close", (2, "close")),
    // copying
    row(KeyCtx::Global, Action::CopyMenu, "copy-menu", "y", "choose what to copy", (2, "copy")),
    row(KeyCtx::Global, Action::CopyObvious, "copy", "Y", "copy (default)", (0, "")).about("the first entry of the copy menu"),
    row(KeyCtx::CopyMenu, Action::CopyRaw, "copy-raw", "y", "copy raw token / email", (1, "raw")),
    row(KeyCtx::CopyMenu, Action::CopyHeader, "copy-header", "h", "copy as Authorization header", (2, "header")),
    row(KeyCtx::CopyMenu, Action::CopyEnv, "copy-env", "e", "copy export for gcloud", (3, "env")).about("CLOUDSDK_AUTH_ACCESS_TOKEN"),
    row(KeyCtx::CopyMenu, Action::CopyTerraform, "copy-terraform", "t", "copy export for Terraform", (4, "terraform")).about("GOOGLE_OAUTH_ACCESS_TOKEN"),
    row(KeyCtx::CopyMenu, Action::CopyCurl, "copy-curl", "c", "copy request as curl", (5, "curl")).about("without the token"),
    row(KeyCtx::CopyMenu, Action::CopyGcloud, "copy-gcloud", "g", "copy as gcloud command", (6, "gcloud")),
    row(KeyCtx::CopyMenu, Action::CopyDecoded, "copy-decoded", "d", "copy decoded claims or details", (7, "decoded")),
    row(KeyCtx::CopyMenu, Action::CopyHex, "copy-hex", "x", "copy the signature as hex", (8, "hex")),
    row(KeyCtx::CopyMenu, Action::Save, "save", "s", "save to a file", (9, "save")).about("new, readable only by you"),
    // forms
    row(KeyCtx::Form, Action::NextField, "next-field", "tab", "go to the next field", (1, "field")),
    row(KeyCtx::Form, Action::PreviousField, "previous-field", "shift-tab", "go to the previous field", (0, "")),
    row(KeyCtx::Form, Action::Toggle, "toggle", "space", "toggle or next choice", (3, "toggle")).about("types a space in text"),
    row(KeyCtx::Form, Action::Accept, "accept", "enter", "accept or continue", (0, "")).about("accepts the completion, else goes to the next field; submits on the button"),
    row(KeyCtx::Form, Action::Submit, "submit", "ctrl-s", "submit the form", (2, "submit")),
    row(KeyCtx::Form, Action::Down, "next-completion", "Down", "select the next completion", (0, "")),
    row(KeyCtx::Form, Action::Up, "previous-completion", "Up", "select the previous completion", (0, "")),
    // a line of text
    row(KeyCtx::Text, Action::Accept, "take", "enter", "select this match", (1, "select")),
    row(KeyCtx::Text, Action::Down, "next-hit", "Down tab", "go to the next match", (2, "next")),
    row(KeyCtx::Text, Action::Up, "previous-hit", "Up shift-tab", "go to the previous match", (0, "")),
    // text, wherever it is typed
    row(KeyCtx::Edit, Action::WordLeft, "word-left", "alt-b alt-Left ctrl-Left", "go one word left", (0, "")),
    row(KeyCtx::Edit, Action::WordRight, "word-right", "alt-f alt-Right ctrl-Right", "go one word right", (0, "")),
    row(KeyCtx::Edit, Action::DeleteWordLeft, "delete-word-left", "ctrl-w alt-backspace", "delete the word before", (0, "")),
    row(KeyCtx::Edit, Action::DeleteWordRight, "delete-word-right", "alt-d ctrl-delete", "delete the next word", (0, "")),
    // questions
    row(KeyCtx::Confirm, Action::Yes, "yes", "y enter", "answer yes", (1, "yes")),
    row(KeyCtx::Confirm, Action::No, "no", "n", "answer no", (2, "no")),
    // everywhere
    row(KeyCtx::Always, Action::Palette, "palette", "ctrl-p", "run a command", (0, "")).about("find it by name"),
    row(KeyCtx::Global, Action::Palette, "palette-colon", ":", "run a command", (20, "command")).about("find it by name"),
    row(KeyCtx::Always, Action::Help, "help", "F1", "show help", (0, "")).about("for this place"),
    row(KeyCtx::Global, Action::Help, "help-mark", "?", "show help", (21, "help")).about("for this place"),
    row(KeyCtx::Help, Action::Back, "close-help", "q ?", "close the help", (1, "close")),
    row(KeyCtx::Always, Action::Back, "back", "esc", "go back", (22, "back")).about("it never quits"),
    row(KeyCtx::Global, Action::Refresh, "refresh", "r ctrl-r", "refresh", (0, "")),
    row(KeyCtx::Global, Action::Quit, "quit", "q", "quit", (0, "")),
    row(KeyCtx::Always, Action::Leave, "leave", "ctrl-c", "quit at once", (0, "")),
    row(KeyCtx::Always, Action::Suspend, "suspend", "ctrl-z", "suspend", (0, "")).about("resume with fg"),
];

fn unknown_action(name: &str) -> String {
    match nearest(name, TABLE.iter().map(|row| row.name)) {
        Some(near) => format!("Unknown action “{name}”. Did you mean “{near}”?"),
        None => format!("Unknown action “{name}”. `impersona keys` lists all actions."),
    }
}

/// The table with the configuration's changes applied, ready for look-ups.
#[derive(Clone, Debug)]
pub struct Keymap {
    /// Chords of each row of [`TABLE`], in its order.
    chords: Vec<Vec<Chord>>,
    map: HashMap<(KeyCtx, Chord), Action>,
}

impl Default for Keymap {
    fn default() -> Self {
        Keymap::new(&[]).expect("the built-in table has no clash: a test reads it")
    }
}

impl Keymap {
    /// Applies rebindings: the name of an action with its new keys (separated by spaces), which replace the old ones.
    ///
    /// # Errors
    /// The index of the offending rebinding and a message: unknown action, unknown key, or a clash.
    pub(crate) fn new(rebind: &[(String, String)]) -> Result<Keymap, (usize, String)> {
        let parse =
            |keys: &str| keys.split_whitespace().map(str::parse).collect::<Result<Vec<Chord>, String>>();
        let mut chords = Vec::with_capacity(TABLE.len());
        for row in TABLE {
            chords.push(parse(row.keys).expect("the built-in table names real keys: a test reads it"));
        }
        let position_of = |name: &str| rebind.iter().rposition(|(bound, _)| present_name(bound) == name);
        for (index, (name, keys)) in rebind.iter().enumerate() {
            let at = TABLE
                .iter()
                .position(|row| row.name == present_name(name))
                .ok_or_else(|| (index, unknown_action(name)))?;
            chords[at] = parse(keys).map_err(|sentence| (index, sentence))?;
        }
        for (row, chords) in TABLE.iter().zip(&chords) {
            let text = matches!(row.ctx, KeyCtx::Form | KeyCtx::Text | KeyCtx::Edit | KeyCtx::Always);
            let typed = |chord: &&Chord| chord.typed().is_some() && row.action != Action::Toggle;
            if let Some(chord) = chords.iter().find(typed).filter(|_| text) {
                let index = position_of(row.name).unwrap_or_default();
                return Err((
                    index,
                    format!(
                        "{chord} types a character, but “{}” also works in text and forms: choose another key",
                        row.name
                    ),
                ));
            }
        }
        let clash = Place::iter().find_map(|place| clash_in(place.contexts(), &chords));
        if let Some((chord, one, other)) = clash {
            let index = position_of(one).max(position_of(other)).unwrap_or_default();
            let sentence = if one == other {
                format!("{chord} is listed twice for “{one}”: list it once")
            } else {
                format!("{chord} is bound to both “{one}” and “{other}”: choose another key for one of them")
            };
            return Err((index, sentence));
        }
        let map = TABLE
            .iter()
            .zip(&chords)
            .flat_map(|(row, chords)| chords.iter().map(|chord| ((row.ctx, *chord), row.action)))
            .collect();
        Ok(Keymap { chords, map })
    }

    /// The action of a key in a place, if there is one.
    pub(crate) fn action(&self, place: Place, chord: Chord) -> Option<Action> {
        place.contexts().iter().find_map(|ctx| self.map.get(&(*ctx, chord)).copied())
    }

    /// The rows that apply in a place, nearest context first, each with its keys.
    pub(crate) fn rows(&self, place: Place) -> impl Iterator<Item = (&'static Row, &[Chord])> + '_ {
        place.contexts().iter().flat_map(move |ctx| {
            TABLE
                .iter()
                .zip(&self.chords)
                .filter(move |(row, _)| row.ctx == *ctx)
                .map(|(row, chords)| (row, chords.as_slice()))
        })
    }

    /// Every row with its keys.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static Row, &[Chord])> + '_ {
        TABLE.iter().zip(self.chords.iter().map(Vec::as_slice))
    }

    /// The key of an action in this place.
    pub(crate) fn key_in(&self, place: Place, action: Action) -> String {
        let mut found = self.rows(place).filter(|(row, chords)| row.action == action && !chords.is_empty());
        found.next().map(|(_, chords)| chords[0].to_string()).unwrap_or_default()
    }

    /// The digit of an action that shows a pane, or another of its keys if it was rebound.
    pub(crate) fn digit(&self, action: Action) -> String {
        let mut chords = self.all().filter(|(row, _)| row.action == action).flat_map(|(_, chords)| chords);
        let digit = chords.find(|chord| chord.typed().is_some_and(|c| c.is_ascii_digit()));
        digit.map_or_else(|| self.key(action), ToString::to_string)
    }

    /// The first key of an action, for messages: `t`. Empty if it has none.
    pub(crate) fn key(&self, action: Action) -> String {
        let mut found = self.all().filter(|(row, chords)| row.action == action && !chords.is_empty());
        found.next().map(|(_, chords)| chords[0].to_string()).unwrap_or_default()
    }
}

fn clash_in(contexts: &[KeyCtx], chords: &[Vec<Chord>]) -> Option<(Chord, &'static str, &'static str)> {
    let mut seen: HashMap<Chord, &'static str> = HashMap::new();
    for (row, chords) in TABLE.iter().zip(chords).filter(|(row, _)| contexts.contains(&row.ctx)) {
        for chord in chords {
            if let Some(other) = seen.insert(*chord, row.name) {
                return Some((*chord, other, row.name));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests;
