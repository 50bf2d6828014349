//! Everything that can happen to the screen ([`Msg`]), everything it can cause ([`Effect`]), and what a pane
//! can ask of the root ([`Intent`]). All plain data: comparable, loggable, no callbacks.

use std::{fmt, path::PathBuf, time::Duration};

use crossterm::event::Event;
use jiff::Timestamp;

use crate::{
    http::{ApiError, Record, endpoints::Endpoints},
    local::state::Remembered,
    model::{
        account::AccountRef,
        caller::{Caller, Choice, Switch},
        credential::MintRequest,
        jwt::Verdict,
        secret::Secret,
    },
    ops::{Call, Part, Reply},
    session::failure::LastFailure,
    tui::overlays::Overlay,
};

pub(crate) use super::clip::Clip;
pub use crate::{keymap::PaneId, ops::ReqId};

/// The time a message was received; `update` and `draw` know no other clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// By the wall clock, for expiry.
    pub utc: Timestamp,
    /// Since the program started, for durations: monotonic, unlike the wall clock.
    pub mono: Duration,
}

/// The recipient of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A pane.
    Pane(PaneId),
    /// The root: caller, projects.
    Root,
}

/// Identifies a timer; a late one is harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimerId {
    /// A countdown on screen moves on by a second.
    Second,
    /// The spinner turns.
    Spinner,
    /// The time of this notice is over.
    Notice(u64),
    /// This secret is masked again.
    Mask(u64),
    /// The time to wait for a write is over.
    Patience,
    /// The idle limit may be reached.
    Idle,
}

/// Something that happened.
pub enum Msg {
    /// The program starts.
    Start,
    /// Keys, pastes, sizes.
    Input(Event),
    /// Characters that came faster than anyone types: a paste from a terminal without brackets, or typed ahead of us.
    Burst(String),
    /// A timer fired.
    Timer(TimerId),
    /// A call ended.
    Reply {
        /// Which call.
        req: ReqId,
        /// The recipient.
        owner: Owner,
        /// The outcome.
        reply: Result<Reply, ApiError>,
    },
    /// A page of an answer.
    Part {
        /// Which call.
        req: ReqId,
        /// The recipient.
        owner: Owner,
        /// The page.
        part: Part,
    },
    /// A request began or ended.
    Http(Box<Record>),
    /// So many request records were lost so far, because they came too fast.
    RecordsLost(u64),
    /// The outcome of a copy, as a sentence.
    Copied(Result<String, String>),
    /// The outcome of saving a file.
    Saved(Result<PathBuf, String>),
    /// The callers that were found.
    Callers(Vec<Choice>),
    /// The new caller, or why it wasn't switched.
    Switched(Result<Box<Switched>, ApiError>),
    /// A credentials file would send secrets to other hosts: the user has to trust it first.
    TrustNeeded {
        /// A sentence.
        question: String,
        /// The switch that waits; none for the initial caller.
        wish: Option<Switch>,
    },
    /// The program was resumed.
    Resumed,
    /// A signal asks to exit with this code.
    Leave(u8),
}

/// The caller after a switch.
#[derive(Clone, Debug)]
pub struct Switched {
    /// The caller, as far as it is known without a call.
    pub(crate) caller: Caller,
    /// The endpoints, which may be those of another universe.
    pub(crate) endpoints: Endpoints,
    /// The callers before, the first one first.
    pub(crate) before: Vec<String>,
}

/// Pasted text may be a credential: only its length is printed.
impl fmt::Debug for Msg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Msg::Start => f.write_str("Start"),
            Msg::Input(Event::Paste(text)) => write!(f, "Paste({} bytes)", text.len()),
            Msg::Burst(text) => write!(f, "Burst({} bytes)", text.len()),
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
            Msg::TrustNeeded { question, .. } => f.debug_tuple("TrustNeeded").field(question).finish(),
            Msg::Resumed => f.write_str("Resumed"),
            Msg::Leave(code) => f.debug_tuple("Leave").field(code).finish(),
        }
    }
}

/// Something to do outside of the state.
#[derive(Debug)]
pub enum Effect {
    /// Make a call; the answer goes to the owner.
    Call {
        /// Its name.
        req: ReqId,
        /// Who asks.
        owner: Owner,
        /// What.
        call: Call,
    },
    /// Cancel a read or a mint.
    Cancel(ReqId),
    /// Start a timer.
    After(TimerId, Duration),
    /// Copy.
    Copy(Clip),
    /// Clear the clipboard, if its content was copied from here.
    ClearClipboard,
    /// Wipe unsent output to the terminal, and close the connections: libraries keep what went over one for as long
    /// as it is open.
    Forget,
    /// Write a new file that only its owner can read; never overwrite one.
    Save {
        /// Its name, in the current folder.
        name: String,
        /// Its contents.
        text: Secret,
    },
    /// Search for callers.
    FindCallers,
    /// Switch to another caller.
    Switch(Switch),
    /// The credentials file is trusted: continue with the switch, or with the initial caller.
    Trust(Option<Switch>),
    /// Save recents and favourites.
    Remember(Remembered),
    /// Save a failure for `impersona doctor`.
    KeepFailure(Box<LastFailure>),
    /// Allow bulk reads again after a run of denials.
    ResetProbing,
    /// Stop until `fg`.
    Suspend,
    /// Restore the terminal now and print a line: the program still waits for something.
    GiveBack(String),
    /// A line to print after the terminal was restored.
    Farewell(String),
    /// End with this exit code.
    Quit(u8),
}

/// How loud a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Info,
    /// Done, with a reservation.
    Warning,
    Error,
}

/// A request of a pane to the root.
#[derive(Debug)]
pub(crate) enum Intent {
    Notice(Level, String),
    /// Show a pane and focus it.
    Show(PaneId),
    /// Make this account the opened one and show its overview.
    OpenAccount(AccountRef),
    /// This account has another name by now.
    Renamed {
        from: String,
        to: String,
    },
    Open(Overlay),
    /// Mint this, and show the shelf.
    Mint(MintRequest),
    /// This credential was wiped from the shelf: no other part may show or hold it.
    Wiped(Secret),
    /// Decode and show a token.
    Inspect {
        token: Secret,
        /// Its origin, for the title.
        from: String,
        /// Facts in addition to its own contents: labels and texts.
        about: Vec<(&'static str, String)>,
        /// The expiry, for tokens that don't contain it.
        expires: Option<Timestamp>,
        /// The verdict on its signature when it was minted.
        verdict: Option<Verdict>,
        /// The request it was minted with, if it was minted here.
        request: Option<MintRequest>,
    },
}
