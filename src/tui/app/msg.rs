//! Everything that can happen to the screen ([`Msg`]), everything it can ask for ([`Effect`]), and what a pane
//! may ask of the root ([`Intent`]). All data: comparable, loggable, no callbacks.

use std::{fmt, path::PathBuf, time::Duration};

use crossterm::event::Event;
use jiff::Timestamp;

use crate::{
    http::{ApiError, Record, endpoints::Endpoints},
    local::state::Remembered,
    model::{
        caller::{Caller, Choice, Switch},
        credential::MintRequest,
        jwt::Verdict,
        secret::Secret,
    },
    ops::{Call, Part, Reply},
    session::failure::LastFailure,
    tui::overlays::Overlay,
};

pub use super::clip::Clip;

/// The time a message was received; `update` and `draw` know no other clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// By the wall clock, for expiry.
    pub utc: Timestamp,
    /// Since the program started, for durations: does not jump when the wall clock is set.
    pub mono: Duration,
}

/// Names a request; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReqId(pub u64);

/// The panes on the right, and the list on the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PaneId {
    /// The accounts of the project.
    Accounts,
    /// The opened account.
    Overview,
    /// Who may do what with the opened account.
    Policy,
    /// Forms and shelf.
    Mint,
    /// A token, decoded.
    Inspect,
    /// Every request.
    Activity,
}

/// Whom an answer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A pane.
    Pane(PaneId),
    /// The root: caller, projects.
    Root,
}

/// Names a timer; a late one is harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimerId {
    /// A countdown on screen shows another second.
    Second,
    /// The spinner turns.
    Spinner,
    /// This notice has been seen long enough.
    Notice(u64),
    /// This revealing of a secret ends.
    Mask(u64),
    /// A write was waited for long enough.
    Patience,
    /// No key may have been pressed for as long as secrets are to be held without one.
    Idle,
}

/// Something that happened.
pub enum Msg {
    /// The program starts.
    Start,
    /// Keys, pastes, sizes.
    Input(Event),
    /// A timer that was asked for.
    Timer(TimerId),
    /// A call ended.
    Reply {
        /// Which call.
        req: ReqId,
        /// Who asked.
        owner: Owner,
        /// How it ended.
        reply: Result<Reply, ApiError>,
    },
    /// A page of an answer.
    Part {
        /// Which call.
        req: ReqId,
        /// Who asked.
        owner: Owner,
        /// The page.
        part: Part,
    },
    /// A request began or ended.
    Http(Box<Record>),
    /// So many records of requests were lost so far: they came faster than they were taken in.
    RecordsLost(u64),
    /// What became of something copied, as a sentence.
    Copied(Result<String, String>),
    /// What became of a file to save.
    Saved(Result<PathBuf, String>),
    /// The callers that are there.
    Callers(Vec<Choice>),
    /// Who calls from now on, or why nothing has changed.
    Switched(Result<Box<Switched>, ApiError>),
    /// A credentials file that wants to send secrets elsewhere: a question, and what is done after a yes.
    Doubted {
        /// A sentence.
        question: String,
        /// What was wished for; none for the caller of the start.
        wish: Option<Switch>,
    },
    /// Back from being suspended.
    Resumed,
    /// A signal asks to end with this exit code.
    Leave(u8),
}

/// The caller after a switch.
#[derive(Clone, Debug)]
pub struct Switched {
    /// Who calls now, as far as it is known without asking.
    pub caller: Caller,
    /// Where requests go now: a universe may have changed.
    pub endpoints: Endpoints,
    /// Those who became somebody else, the first first.
    pub before: Vec<String>,
}

/// What is pasted may be a credential: printed is its length only.
impl fmt::Debug for Msg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Msg::Start => f.write_str("Start"),
            Msg::Input(Event::Paste(text)) => write!(f, "Paste({} bytes)", text.len()),
            Msg::Input(event) => f.debug_tuple("Input").field(event).finish(),
            Msg::Timer(timer) => f.debug_tuple("Timer").field(timer).finish(),
            Msg::Reply { req, owner, reply } => {
                f.debug_tuple("Reply").field(req).field(owner).field(reply).finish()
            }
            Msg::Part { req, owner, part } => {
                f.debug_tuple("Part").field(req).field(owner).field(part).finish()
            }
            Msg::Http(record) => f.debug_tuple("Http").field(record).finish(),
            Msg::RecordsLost(count) => f.debug_tuple("RecordsLost").field(count).finish(),
            Msg::Copied(outcome) => f.debug_tuple("Copied").field(outcome).finish(),
            Msg::Saved(outcome) => f.debug_tuple("Saved").field(outcome).finish(),
            Msg::Callers(choices) => f.debug_tuple("Callers").field(choices).finish(),
            Msg::Switched(outcome) => f.debug_tuple("Switched").field(outcome).finish(),
            Msg::Doubted { question, .. } => f.debug_tuple("Doubted").field(question).finish(),
            Msg::Resumed => f.write_str("Resumed"),
            Msg::Leave(code) => f.debug_tuple("Leave").field(code).finish(),
        }
    }
}

/// Something to be done outside.
#[derive(Debug)]
pub enum Effect {
    /// Make a call; its answer comes back to the owner.
    Call {
        /// Its name.
        req: ReqId,
        /// Who asks.
        owner: Owner,
        /// What.
        call: Call,
    },
    /// Stop waiting for a read or a mint.
    Cancel(ReqId),
    /// Wake me.
    After(TimerId, Duration),
    /// Copy.
    Copy(Clip),
    /// Empty the clipboard, if what is on it is ours.
    ClearClipboard,
    /// Wipe what is under way to the terminal, and close the connections: libraries keep what went over one for as long
    /// as it is open.
    Forget,
    /// Write a new file that only its owner can read; never over an existing one.
    Save {
        /// A name in the current folder.
        name: String,
        /// What goes in.
        text: Secret,
    },
    /// Look for callers.
    FindCallers,
    /// Call as somebody else.
    Switch(Switch),
    /// The file in doubt was confirmed: go on with the wish, or with the caller of the start.
    Trust(Option<Switch>),
    /// Keep recents and favourites.
    Remember(Remembered),
    /// Keep a failure for `impersona doctor`.
    KeepFailure(Box<LastFailure>),
    /// Asking again is allowed after a run of denials.
    ResetProbing,
    /// Stop until `fg`.
    Suspend,
    /// Give the terminal back at once, and say a line on it: something is still awaited.
    GiveBack(String),
    /// A line for the terminal after it was given back.
    Farewell(String),
    /// End with this exit code.
    Quit(u8),
}

/// How loud a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Done.
    Info,
    /// Done, but.
    Warning,
    /// Not done.
    Error,
}

/// What a pane asks of the root.
#[derive(Debug)]
pub enum Intent {
    /// Say a sentence.
    Notice(Level, String),
    /// Show a pane and focus it.
    Show(PaneId),
    /// Go back to the list of accounts.
    FocusList,
    /// Make this account the opened one and show its overview.
    OpenAccount(String),
    /// Open an overlay.
    Open(Overlay),
    /// Mint this, and show the shelf.
    Mint(MintRequest),
    /// This credential is gone from the shelf: nobody else is to show or hold it.
    Wiped(Secret),
    /// Decode and show a token.
    Inspect {
        /// The token.
        token: Secret,
        /// Where it is from, for the title.
        from: String,
        /// What is known about it besides what it says itself: labels and texts.
        about: Vec<(&'static str, String)>,
        /// When it ends, for tokens that do not say so themselves.
        expires: Option<Timestamp>,
        /// What its signature was found to be when it was made.
        verdict: Option<Verdict>,
        /// The request it was minted with, if it was minted here.
        request: Option<MintRequest>,
    },
}
