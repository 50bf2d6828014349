//! THE table of keys. Dispatch, the hint line, help, the palette, the README and `impersona keys` all read it:
//! a key named anywhere else is a mistake. It knows what an action is called, not what it does.

pub mod chord;
pub mod docs;

use std::collections::HashMap;

pub use chord::Chord;

/// Where a row of the table is live. A place lights several contexts at once: see [`Place::contexts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyCtx {
    /// Everywhere but in text, forms and pop-ups.
    Global,
    /// Anything with a cursor or a scroll position.
    List,
    /// The list of accounts.
    Accounts,
    /// The Policy pane.
    Policy,
    /// The review of staged edits.
    Review,
    /// The history of a policy.
    History,
    /// The shelf of minted credentials.
    Shelf,
    /// The Inspect pane.
    Inspect,
    /// The Activity pane.
    Activity,
    /// A form: fields and a button, one context.
    Form,
    /// One line of text with what it finds: filter, picker, palette.
    Text,
    /// The help pop-up.
    Help,
    /// A question with yes and no.
    Confirm,
    /// The mint menu.
    MintMenu,
    /// The copy menu.
    CopyMenu,
    /// The doctor's pop-up.
    Doctor,
    /// Everywhere, even in text.
    Always,
}

/// Where the keyboard is, which decides the contexts that are live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The list of accounts.
    Accounts,
    /// A pane that only scrolls: Overview.
    Reading,
    /// The policy.
    Policy,
    /// The review.
    Review,
    /// The review, while a name is typed to accept what it says.
    ReviewTyping,
    /// The history of a policy.
    History,
    /// The shelf.
    Shelf,
    /// Inspect.
    Inspect,
    /// Activity.
    Activity,
    /// A form.
    Form,
    /// A line of text.
    Text,
    /// The help pop-up.
    Help,
    /// A question.
    Confirm,
    /// The mint menu.
    MintMenu,
    /// The copy menu.
    CopyMenu,
    /// The doctor's pop-up.
    Doctor,
}

impl Place {
    /// All places, for tests and documents.
    pub const ALL: [Place; 16] = [
        Place::Accounts,
        Place::Reading,
        Place::Policy,
        Place::Review,
        Place::ReviewTyping,
        Place::History,
        Place::Shelf,
        Place::Inspect,
        Place::Activity,
        Place::Form,
        Place::Text,
        Place::Help,
        Place::Confirm,
        Place::MintMenu,
        Place::CopyMenu,
        Place::Doctor,
    ];

    /// The contexts live here, the nearest first. Within one place a chord has one meaning: a test holds it.
    pub fn contexts(self) -> &'static [KeyCtx] {
        use KeyCtx::*;
        match self {
            Place::Accounts => &[Accounts, List, Global, Always],
            Place::Reading => &[List, Global, Always],
            Place::Policy => &[Policy, List, Global, Always],
            Place::Review => &[Review, List, Always],
            Place::ReviewTyping => &[Text, Always],
            Place::History => &[History, List, Always],
            Place::Shelf => &[Shelf, List, Global, Always],
            Place::Inspect => &[Inspect, List, Global, Always],
            Place::Activity => &[Activity, List, Global, Always],
            Place::Form => &[Form, Always],
            Place::Text => &[Text, Always],
            Place::Help => &[Help, List, Always],
            Place::Confirm => &[Confirm, Always],
            Place::MintMenu => &[MintMenu, Always],
            Place::CopyMenu => &[CopyMenu, Always],
            Place::Doctor => &[Doctor, List, Always],
        }
    }
}

/// What a key may ask for. The name of each is its kebab-case form in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(
    missing_docs,
    reason = "the table below describes every action, and help, README and palette print that"
)]
pub enum Action {
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
    ShowAccounts,
    ShowOverview,
    ShowPolicy,
    ShowMint,
    ShowInspect,
    ShowActivity,
    Zoom,
    Palette,
    Help,
    Refresh,
    Quit,
    Leave,
    Suspend,
    Project,
    Callers,
    Become,
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
    Yes,
    No,
}

/// One row: an action, where it is live, its keys and its words.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Where it is live.
    pub ctx: KeyCtx,
    /// What it asks for.
    pub action: Action,
    /// The name in the config file and in `impersona keys`.
    pub name: &'static str,
    /// Chords, separated by spaces; empty for what only the palette offers.
    pub keys: &'static str,
    /// What it does, for help and palette.
    pub label: &'static str,
    /// The short word for the hint line with its rank there (1 first); rank 0 is never shown there.
    pub hint: (u8, &'static str),
}

const fn row(
    ctx: KeyCtx,
    action: Action,
    name: &'static str,
    keys: &'static str,
    label: &'static str,
    hint: (u8, &'static str),
) -> Row {
    Row { ctx, action, name, keys, label, hint }
}

/// The table.
#[rustfmt::skip]
pub const TABLE: &[Row] = &[
    // moving
    row(KeyCtx::List, Action::Down, "down", "j Down", "move down", (1, "move")),
    row(KeyCtx::List, Action::Up, "up", "k Up", "move up", (0, "")),
    row(KeyCtx::List, Action::Top, "top", "g Home", "go to the top", (0, "")),
    row(KeyCtx::List, Action::Bottom, "bottom", "G End", "go to the bottom", (0, "")),
    row(KeyCtx::List, Action::HalfDown, "half-page-down", "ctrl-d", "half a page down", (0, "")),
    row(KeyCtx::List, Action::HalfUp, "half-page-up", "ctrl-u", "half a page up", (0, "")),
    row(KeyCtx::List, Action::PageDown, "page-down", "PgDn", "a page down", (0, "")),
    row(KeyCtx::List, Action::PageUp, "page-up", "PgUp", "a page up", (0, "")),
    row(KeyCtx::Global, Action::FocusLeft, "focus-left", "h Left", "focus the list on the left", (0, "")),
    row(KeyCtx::Global, Action::FocusRight, "focus-right", "l Right", "focus the pane on the right", (0, "")),
    row(KeyCtx::Global, Action::FocusNext, "focus-next", "tab", "next focus", (0, "")),
    row(KeyCtx::Global, Action::FocusPrevious, "focus-previous", "shift-tab", "previous focus", (0, "")),
    // accounts
    row(KeyCtx::Accounts, Action::Open, "open", "enter", "open this account", (3, "open")),
    row(KeyCtx::Accounts, Action::Filter, "filter", "/", "filter: words that must all occur, !word that must not", (2, "filter")),
    row(KeyCtx::Accounts, Action::Sort, "sort", "o", "sort by the next column", (0, "")),
    row(KeyCtx::Accounts, Action::SortDirection, "sort-direction", "O", "turn the sort order round", (0, "")),
    row(KeyCtx::Accounts, Action::Favourite, "favourite", "f", "make this account a favourite, or no longer", (0, "")),
    row(KeyCtx::Accounts, Action::TestAll, "test-all", "m", "test what you may do with every listed account; again: pause", (0, "")),
    row(KeyCtx::Accounts, Action::TypeAccount, "type-account", "A", "open an account by its name, without a list", (8, "by name")),
    // places
    row(KeyCtx::Global, Action::ShowAccounts, "accounts", "0", "go to the accounts", (0, "")),
    row(KeyCtx::Global, Action::ShowOverview, "overview", "1", "show the overview of the opened account", (0, "")),
    row(KeyCtx::Global, Action::ShowPolicy, "policy", "p 2", "show who may do what with the opened account", (5, "policy")),
    row(KeyCtx::Global, Action::ShowMint, "mint", "3", "show the mint forms and the shelf", (0, "")),
    row(KeyCtx::Global, Action::ShowInspect, "inspect", "4", "show the inspector of tokens", (6, "inspect")),
    row(KeyCtx::Global, Action::ShowActivity, "activity", "6 @", "show every request that was made", (0, "")),
    row(KeyCtx::Global, Action::Zoom, "zoom", "+", "give the focused pane all the room, or no longer", (0, "")),
    row(KeyCtx::Global, Action::Project, "project", "P", "pick another project", (7, "project")),
    row(KeyCtx::Global, Action::Callers, "callers", "i", "call as somebody else: all credentials that are there, or a file", (0, "")),
    row(KeyCtx::Global, Action::Become, "become", "", "become the opened account: everything is asked as it from then on", (0, "")),
    row(KeyCtx::Global, Action::CallerBack, "caller-back", "", "be the caller again that became an account", (0, "")),
    // the policy
    row(KeyCtx::Global, Action::Grant, "grant", "a", "grant access to the opened account: staged, never immediate", (3, "grant")),
    row(KeyCtx::Policy, Action::Fold, "fold", "enter", "fold or unfold", (0, "")),
    row(KeyCtx::Policy, Action::Revoke, "revoke", "D", "revoke this grant: staged", (3, "revoke")),
    row(KeyCtx::Policy, Action::EditGrant, "edit", "e", "change the condition or role of this grant: staged", (4, "edit")),
    row(KeyCtx::Policy, Action::ToggleView, "by-member", "v", "by role, or by member", (8, "view")),
    row(KeyCtx::Policy, Action::Mark, "mark", "space", "mark this grant, so that several are revoked together", (0, "")),
    row(KeyCtx::Policy, Action::Sort, "sort-policy", "o", "sort by what is granted, by name, or by count", (0, "")),
    row(KeyCtx::Policy, Action::SortDirection, "sort-policy-direction", "O", "turn the sort order round", (0, "")),
    row(KeyCtx::Policy, Action::Review, "review", "s", "review what is staged, and write it", (2, "review")),
    row(KeyCtx::Policy, Action::Undo, "undo", "z", "undo the last staged edit", (7, "undo")),
    row(KeyCtx::Policy, Action::Redo, "redo", "Z", "redo it", (0, "")),
    row(KeyCtx::Policy, Action::History, "history", "H", "the policy as it was before each write", (9, "history")),
    row(KeyCtx::Policy, Action::Filter, "filter-policy", "/", "filter by role, member or condition", (0, "")),
    row(KeyCtx::Review, Action::Write, "write", "enter", "write it", (1, "write")),
    row(KeyCtx::Review, Action::CopyGcloud, "review-gcloud", "c", "copy it as gcloud commands", (2, "copy as gcloud")),
    row(KeyCtx::History, Action::Restore, "restore", "enter", "stage what leads back to this policy", (1, "stage going back")),
    // minting
    row(KeyCtx::Global, Action::MintMenu, "mint-menu", "t", "choose what to mint as this account: in the list the one under the cursor, else the opened one", (4, "mint")),
    row(KeyCtx::MintMenu, Action::MintAccess, "mint-access-token", "a", "mint an access token", (1, "access token")),
    row(KeyCtx::MintMenu, Action::MintId, "mint-id-token", "i", "mint an ID token", (2, "ID token")),
    row(KeyCtx::MintMenu, Action::MintJwt, "sign-jwt", "j", "sign a JWT: claims of your own", (3, "signed JWT")),
    row(KeyCtx::MintMenu, Action::MintBlob, "sign-blob", "b", "sign a blob: text, bytes or a file", (4, "signed blob")),
    row(KeyCtx::MintMenu, Action::MintUrl, "sign-url", "u", "sign a URL of Cloud Storage", (5, "signed URL")),
    row(KeyCtx::MintMenu, Action::MintMetadata, "metadata-token", "m", "get a token from this machine's metadata server", (6, "metadata")),
    row(KeyCtx::Global, Action::MintAgain, "mint-again", "T", "mint again: on the shelf the selected one, else the last", (0, "")),
    row(KeyCtx::Global, Action::ProbeChain, "probe-chain", "", "probe the chain in the form: try each hop by minting, after a question", (0, "")),
    // the shelf
    row(KeyCtx::Shelf, Action::Inspect, "inspect-this", "enter", "inspect this credential", (3, "inspect this")),
    row(KeyCtx::Shelf, Action::Reveal, "reveal", "*", "show the secret for 30 seconds, or hide it", (0, "")),
    row(KeyCtx::Shelf, Action::MintEdited, "mint-edited", "e", "put its request into the form, to change something and mint again", (6, "change")),
    row(KeyCtx::Shelf, Action::FavouriteTarget, "favourite-target", "f", "make its scopes or audience a favourite, or no longer", (0, "")),
    row(KeyCtx::Shelf, Action::Exchange, "exchange", "E", "exchange this signed JWT for a Workspace user's access token", (0, "")),
    row(KeyCtx::Shelf, Action::WipeOne, "wipe-one", "D", "wipe this credential", (0, "")),
    row(KeyCtx::Global, Action::Wipe, "wipe", "X", "wipe the shelf and the clipboard", (0, "")),
    // inspecting
    row(KeyCtx::Inspect, Action::CheckSignature, "check-signature", "enter", "check the signature with the signer's public keys; of an opaque access token, ask Google what it is", (2, "check")),
    row(KeyCtx::Inspect, Action::Expect, "expect", "e", "say what you will call, and see what would be refused; or check with keys of a file", (3, "expectations")),
    row(KeyCtx::Inspect, Action::Fix, "fix", "f", "mint the token that would do", (4, "fix")),
    row(KeyCtx::Inspect, Action::ToggleRaw, "toggle-raw", "v", "claims with meaning, or as they are written", (5, "raw")),
    // activity
    row(KeyCtx::Activity, Action::Open, "open-request", "enter", "show what was sent and answered", (2, "details")),
    row(KeyCtx::Activity, Action::ExportHar, "export-har", "s", "save the requests as a HAR file, secrets left out", (3, "save as HAR")),
    // denials
    row(KeyCtx::Global, Action::Explain, "explain", "x", "explain the last denial: cause, evidence, next steps", (9, "explain")),
    row(KeyCtx::Global, Action::Charge, "charge", "", "charge API calls to another project, until the caller is switched", (0, "")),
    row(KeyCtx::Doctor, Action::DoctorGrant, "doctor-grant", "a", "stage the grant that is missing, or write the request for it", (2, "grant")),
    row(KeyCtx::Doctor, Action::DoctorEnable, "doctor-enable", "e", "enable the API, after a question", (2, "enable")),
    row(KeyCtx::Doctor, Action::DoctorWho, "doctor-who", "w", "show who could grant it", (4, "who")),
    row(KeyCtx::Doctor, Action::DoctorCopy, "doctor-copy", "c", "copy the command, or the request for an administrator", (3, "copy")),
    row(KeyCtx::Doctor, Action::DoctorCharge, "doctor-charge", "u", "charge another project", (5, "charge")),
    row(KeyCtx::Doctor, Action::DoctorUncharged, "doctor-uncharged", "n", "go on without a quota project", (5, "no project")),
    row(KeyCtx::Doctor, Action::DoctorCaller, "doctor-caller", "i", "call as somebody else", (6, "caller")),
    row(KeyCtx::Doctor, Action::DoctorShorter, "doctor-shorter", "h", "mint again for one hour", (2, "1 hour")),
    row(KeyCtx::Doctor, Action::DoctorAgain, "doctor-again", "T", "try it again", (2, "again")),
    row(KeyCtx::Doctor, Action::DoctorWatch, "doctor-watch", "W", "wait until IAM says yes", (3, "wait")),
    row(KeyCtx::Doctor, Action::DoctorTroubleshoot, "doctor-troubleshoot", "t", "ask Policy Troubleshooter", (6, "troubleshoot")),
    row(KeyCtx::Doctor, Action::DoctorPolicy, "doctor-policy", "p", "show the policy, read anew", (2, "policy")),
    row(KeyCtx::Doctor, Action::Back, "close-doctor", "q x", "close", (2, "close")),
    // copying
    row(KeyCtx::Global, Action::CopyMenu, "copy-menu", "y", "choose what to copy", (2, "copy")),
    row(KeyCtx::Global, Action::CopyObvious, "copy", "Y", "copy the obvious thing", (0, "")),
    row(KeyCtx::CopyMenu, Action::CopyRaw, "copy-raw", "y", "the thing itself", (1, "raw")),
    row(KeyCtx::CopyMenu, Action::CopyHeader, "copy-header", "h", "as an Authorization header", (2, "header")),
    row(KeyCtx::CopyMenu, Action::CopyEnv, "copy-env", "e", "as an export for gcloud (CLOUDSDK_AUTH_ACCESS_TOKEN)", (3, "env")),
    row(KeyCtx::CopyMenu, Action::CopyTerraform, "copy-terraform", "t", "as an export for Terraform (GOOGLE_OAUTH_ACCESS_TOKEN)", (4, "terraform")),
    row(KeyCtx::CopyMenu, Action::CopyCurl, "copy-curl", "c", "the request as curl, without the token", (5, "curl")),
    row(KeyCtx::CopyMenu, Action::CopyGcloud, "copy-gcloud", "g", "the gcloud command that does the same", (6, "gcloud")),
    row(KeyCtx::CopyMenu, Action::CopyDecoded, "copy-decoded", "d", "the decoded claims; of what has none, all that is known of it", (7, "decoded")),
    row(KeyCtx::CopyMenu, Action::CopyHex, "copy-hex", "x", "the signature in hexadecimal", (8, "hex")),
    row(KeyCtx::CopyMenu, Action::Save, "save", "s", "save it to a new file only you can read", (9, "save")),
    // forms
    row(KeyCtx::Form, Action::NextField, "next-field", "tab", "next field", (1, "field")),
    row(KeyCtx::Form, Action::PreviousField, "previous-field", "shift-tab", "previous field", (0, "")),
    row(KeyCtx::Form, Action::Toggle, "toggle", "space", "turn a box on or off, or take the next of a few words; in text a space", (3, "toggle")),
    row(KeyCtx::Form, Action::Accept, "accept", "enter", "take the completion, else go to the next field; on the button: send", (0, "")),
    row(KeyCtx::Form, Action::Submit, "submit", "ctrl-s", "send", (2, "send")),
    row(KeyCtx::Form, Action::Down, "next-completion", "Down", "next completion", (0, "")),
    row(KeyCtx::Form, Action::Up, "previous-completion", "Up", "previous completion", (0, "")),
    // a line of text
    row(KeyCtx::Text, Action::Accept, "take", "enter", "take it", (1, "take")),
    row(KeyCtx::Text, Action::Down, "next-hit", "Down tab", "next hit", (2, "next")),
    row(KeyCtx::Text, Action::Up, "previous-hit", "Up shift-tab", "previous hit", (0, "")),
    // questions
    row(KeyCtx::Confirm, Action::Yes, "yes", "y enter", "yes", (1, "yes")),
    row(KeyCtx::Confirm, Action::No, "no", "n", "no", (2, "no")),
    // everywhere
    row(KeyCtx::Always, Action::Palette, "palette", "ctrl-p", "every command, by name", (0, "")),
    row(KeyCtx::Global, Action::Palette, "palette-colon", ":", "every command, by name", (20, "command")),
    row(KeyCtx::Always, Action::Help, "help", "F1", "help for this place", (0, "")),
    row(KeyCtx::Global, Action::Help, "help-mark", "?", "help for this place", (21, "help")),
    row(KeyCtx::Help, Action::Back, "close-help", "q ?", "close the help", (1, "close")),
    row(KeyCtx::Always, Action::Back, "back", "esc", "one step back; never quits", (22, "back")),
    row(KeyCtx::Global, Action::Refresh, "refresh", "r ctrl-r", "ask again, keeping the place", (0, "")),
    row(KeyCtx::Global, Action::Quit, "quit", "q", "quit", (0, "")),
    row(KeyCtx::Always, Action::Leave, "leave", "ctrl-c", "leave at once", (0, "")),
    row(KeyCtx::Always, Action::Suspend, "suspend", "ctrl-z", "suspend; fg brings it back", (0, "")),
];

/// The table with the config file's changes applied, ready for look-ups.
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
    /// Applies rebindings, each the name of an action with its new keys (separated by spaces, replacing the old).
    ///
    /// # Errors
    /// The index of the offending rebinding and a sentence: no such action, no such key, or a clash.
    pub fn new(rebind: &[(String, String)]) -> Result<Keymap, (usize, String)> {
        let parse =
            |keys: &str| keys.split_whitespace().map(str::parse).collect::<Result<Vec<Chord>, String>>();
        let mut chords = Vec::with_capacity(TABLE.len());
        for row in TABLE {
            chords.push(parse(row.keys).expect("the built-in table names real keys: a test reads it"));
        }
        for (index, (name, keys)) in rebind.iter().enumerate() {
            let at = TABLE.iter().position(|row| row.name == name).ok_or_else(|| {
                (index, format!("there is no action “{name}”: `impersona keys` lists them"))
            })?;
            chords[at] = parse(keys).map_err(|sentence| (index, sentence))?;
        }
        for (row, chords) in TABLE.iter().zip(&chords) {
            let text = matches!(row.ctx, KeyCtx::Form | KeyCtx::Text | KeyCtx::Always);
            let typed = |chord: &&Chord| chord.typed().is_some() && row.action != Action::Toggle;
            if let Some(chord) = chords.iter().find(typed).filter(|_| text) {
                let index = rebind.iter().rposition(|(name, _)| name == row.name).unwrap_or_default();
                return Err((
                    index,
                    format!("{chord} types a character, and “{}” works in text and forms too", row.name),
                ));
            }
        }
        let clash = Place::ALL.iter().find_map(|place| clash_in(place.contexts(), &chords));
        if let Some((chord, one, other)) = clash {
            let index = rebind.iter().rposition(|(name, _)| name == one || name == other).unwrap_or_default();
            return Err((
                index,
                format!("{chord} would mean both “{one}” and “{other}”: give one of them another key"),
            ));
        }
        let map = TABLE
            .iter()
            .zip(&chords)
            .flat_map(|(row, chords)| chords.iter().map(|chord| ((row.ctx, *chord), row.action)))
            .collect();
        Ok(Keymap { chords, map })
    }

    /// What a key asks for in a place, if anything.
    pub fn action(&self, place: Place, chord: Chord) -> Option<Action> {
        place.contexts().iter().find_map(|ctx| self.map.get(&(*ctx, chord)).copied())
    }

    /// The rows live in a place, nearest context first, each with its keys.
    pub fn rows(&self, place: Place) -> impl Iterator<Item = (&'static Row, &[Chord])> + '_ {
        place.contexts().iter().flat_map(move |ctx| {
            TABLE
                .iter()
                .zip(&self.chords)
                .filter(move |(row, _)| row.ctx == *ctx)
                .map(|(row, chords)| (row, chords.as_slice()))
        })
    }

    /// Every row with its keys.
    pub fn all(&self) -> impl Iterator<Item = (&'static Row, &[Chord])> + '_ {
        TABLE.iter().zip(self.chords.iter().map(Vec::as_slice))
    }

    /// The key of an action where the keyboard is in this place.
    pub fn key_in(&self, place: Place, action: Action) -> String {
        let mut found = self.rows(place).filter(|(row, chords)| row.action == action && !chords.is_empty());
        found.next().map(|(_, chords)| chords[0].to_string()).unwrap_or_default()
    }

    /// The digit of an action that shows a pane; any key of it where it was bound otherwise.
    pub fn digit(&self, action: Action) -> String {
        let mut chords = self.all().filter(|(row, _)| row.action == action).flat_map(|(_, chords)| chords);
        let digit = chords.find(|chord| chord.typed().is_some_and(|c| c.is_ascii_digit()));
        digit.map_or_else(|| self.key(action), ToString::to_string)
    }

    /// The first key of an action, for sentences: `t`. Empty when it has none.
    pub fn key(&self, action: Action) -> String {
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
mod tests {
    use super::*;

    #[test]
    fn in_every_place_a_key_means_one_thing() {
        Keymap::new(&[]).expect("no clash");
    }

    #[test]
    fn every_action_has_its_own_name() {
        let mut names: Vec<_> = TABLE.iter().map(|row| row.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn no_letter_acts_in_a_form_or_in_text() {
        let keymap = Keymap::default();
        for place in [Place::Form, Place::Text] {
            for letter in ('!'..='~').map(Chord::char) {
                assert_eq!(keymap.action(place, letter), None, "{letter} in {place:?}");
            }
        }
    }

    #[test]
    fn a_rebinding_replaces_the_keys_and_a_clash_is_refused_with_its_place() {
        let bind = |name: &str, keys: &str| (name.to_owned(), keys.to_owned());
        let keymap = Keymap::new(&[bind("refresh", "F5")]).expect("free key");
        assert_eq!(keymap.action(Place::Accounts, Chord::char('r')), None);
        assert_eq!(keymap.key(Action::Refresh), "F5");
        assert!(
            matches!(Keymap::new(&[bind("zoom", "z"), bind("refresh", "q")]), Err((1, why)) if why.contains("quit"))
        );
        assert!(matches!(Keymap::new(&[bind("no-such", "z")]), Err((0, why)) if why.contains("no-such")));
        assert!(matches!(Keymap::new(&[bind("leave", "x")]), Err((0, why)) if why.contains("text")));
        assert!(matches!(Keymap::new(&[bind("quit", "zz")]), Err((0, why)) if why.contains("no key")));
    }
}
