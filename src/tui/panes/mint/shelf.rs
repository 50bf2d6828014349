//! Drawing the shelf, and copying from it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use zeroize::Zeroizing;

use super::{REVEALED, kinds::item};
use crate::{
    api::commands,
    keymap::{Action, Keymap, PaneId},
    model::{
        account::short,
        claims,
        credential::{Credential, Kind, Signed, What},
        jwt::{self, State},
        lifetime, scopes,
        secret::Secret,
        visible,
    },
    text::{
        safe::safe_line,
        width::{pad_left, pad_right, truncate, truncate_middle},
    },
    tui::{
        app::{
            msg::{Clip, Effect, Level},
            shared::Shared,
        },
        panes::Look,
        widgets::{
            countdown,
            list::ListCursor,
            text::{fold, thousands, wrapped},
            theme::Theme,
        },
    },
};

/// The chain it was minted through, for the row: ` via relay-a@acme-ci +1`; empty without one.
fn chain(credential: &Credential) -> String {
    match credential.request.delegates.as_slice() {
        [] => String::new(),
        [only] => format!(" via {}", short(only)),
        [first, rest @ ..] => format!(" via {} +{}", short(first), rest.len()),
    }
}

/// What is known about a credential in addition to its own contents.
pub(crate) fn about(credential: &Credential) -> Vec<(&'static str, String)> {
    let request = &credential.request;
    let mut about = vec![("account", credential.account().to_owned())];
    about.extend(item(&request.what).facts);
    about.extend(request.delegates.iter().map(|delegate| ("delegates", delegate.clone())));
    if let Some(signed) = &credential.signed {
        about.push(("key", signed.key_id.clone()));
        about.push(("sha256", signed.sha256.clone()));
        about.extend(signed.key_ends.map(|end| ("key expires", output_time(end))));
    }
    about.extend(credential.remarks.iter().map(|remark| ("remark", remark.clone())));
    about
}

fn output_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// The verdict on a signature, in words.
fn verdict(signed: &Signed) -> String {
    let said = match signed.verdict.state {
        State::Verified => "verified by",
        State::Failed => "NOT verified:",
        State::NotChecked => "not checked:",
    };
    format!("{said} {}", signed.verdict.reason)
}

/// The most important remark on a new credential, as the end of a sentence.
pub(crate) fn first_remark(credential: &Credential) -> (Level, String) {
    if let Some(signed) = credential.signed.as_ref().filter(|signed| signed.verdict.state != State::Verified)
    {
        return (Level::Warning, format!("; {}", verdict(signed)));
    }
    match credential.remarks.first() {
        Some(remark) if credential.request.kind() == Kind::Metadata => (Level::Info, format!("; {remark}")),
        _ => (Level::Info, String::new()),
    }
}

/// Its whole lifetime in seconds, which a full bar stands for.
fn whole(credential: &Credential, shared: &Shared) -> i64 {
    let minted = shared.session.at_google(credential.minted);
    credential.expires.map_or(0, |end| end.as_second() - minted.as_second()).max(1)
}

/// Below this height only rows are shown, unless a secret is revealed.
const ROOM_FOR_DETAILS: u16 = 8;

/// Lines at the bottom of the shelf: details of the selected credential, or the revealed secret.
pub(crate) fn below_height(cursor: &ListCursor, shared: &Shared, area: Rect) -> u16 {
    if let Some(credential) = shared.shelf.revealed().and_then(|at| shared.shelf.get(at)) {
        let lines = credential.secret.len().div_ceil(usize::from(area.width.max(1)));
        // A revealed secret takes all the space but its row.
        return u16::try_from(lines + 1).unwrap_or(u16::MAX).min(area.height.saturating_sub(2));
    }
    let selected =
        cursor.at().and_then(|at| shared.shelf.get(at)).filter(|_| area.height >= ROOM_FOR_DETAILS);
    let lines = selected
        .map_or(0, |credential| details(credential, area.width, &shared.keymap, &Theme::default()).len());
    share(lines, shared, area)
}

/// The details take the space that the rows leave, and at least half.
fn share(lines: usize, shared: &Shared, area: Rect) -> u16 {
    let rows = u16::try_from(shared.shelf.items().len()).unwrap_or(u16::MAX);
    let free = area.height.saturating_sub(rows.saturating_add(2));
    u16::try_from(lines).unwrap_or(u16::MAX).min(free.max(area.height / 2))
}

/// Details of a credential that don't fit into its row.
fn details(credential: &Credential, width: u16, keymap: &Keymap, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    // Those of a metadata token are what the machine has, not what was asked for.
    let scopes = match credential.request.kind() {
        Kind::Metadata => String::new(),
        _ => scopes::set(credential.request.what.scopes()),
    };
    if !scopes.is_empty() {
        lines.push(Line::styled(format!("scopes {}", safe_line(&scopes)), theme.dim));
    }
    if credential.whose.is_some() {
        let account = safe_line(credential.account()).into_owned();
        lines.push(Line::styled(format!("the machine's account {account}"), theme.dim));
    }
    let chain: Vec<_> = credential.request.delegates.iter().map(|name| short(name)).collect();
    if !chain.is_empty() {
        let chain = format!("through you > {} > {}", chain.join(" > "), short(&credential.request.account));
        lines.push(Line::styled(chain, theme.dim));
    }
    if let Some(signed) = &credential.signed {
        let (glyph, style) = match signed.verdict.state {
            State::Verified => (theme.glyphs.yes, theme.good),
            State::Failed => (theme.glyphs.no, theme.bad),
            State::NotChecked => ("?", theme.warning),
        };
        let ends = signed.key_ends.map(|end| format!("; the key is published until {}", output_time(end)));
        lines.push(Line::from(vec![
            Span::styled(format!("{glyph} "), style),
            Span::raw(format!("{}{}", safe_line(&verdict(signed)), ends.unwrap_or_default())),
        ]));
        if credential.request.kind() == Kind::SignedBlob {
            lines.push(Line::styled(format!("sha256 {}", signed.sha256), theme.dim));
        }
    }
    if let What::SignedJwt { claims, .. } = &credential.request.what
        && let Some((subject, _)) = claims::delegation(claims)
    {
        let key = keymap.key(Action::Exchange);
        lines.push(Line::from(format!(
            "{} press {key} to exchange it for an access token of {}",
            theme.glyphs.dot,
            safe_line(&subject)
        )));
    }
    let remarks = credential.remarks.iter().map(|remark| safe_line(remark).into_owned());
    lines.extend(remarks.map(|remark| Line::from(format!("{} {remark}", theme.glyphs.dot))));
    fold(lines, width)
}

/// Draws heading, rows in the window, and the revealed secret.
pub(crate) fn draw(cursor: &ListCursor, area: Rect, buf: &mut Buffer, look: &Look, focused: bool) {
    let (theme, shared) = (look.theme, look.shared);
    if area.is_empty() {
        return;
    }
    let count = shared.shelf.items().len();
    let rule = theme.glyphs.border.horizontal_top;
    let heading = format!("{rule}{rule} Shelf {} ", thousands(count));
    let fill = usize::from(area.width).saturating_sub(heading.chars().count());
    let style = if focused { theme.accent } else { theme.dim };
    buf.set_stringn(
        area.x,
        area.y,
        format!("{heading}{}", rule.repeat(fill)),
        usize::from(area.width),
        style,
    );
    let below = below_height(cursor, shared, area);
    let rows = Rect { y: area.y + 1, height: area.height - 1 - below.min(area.height - 1), ..area };
    if count == 0 {
        let keys = &shared.keymap;
        let text = match shared.workspace.opened {
            Some(_) => format!("Nothing minted yet. Press {} to mint.", keys.key(Action::MintMenu)),
            None => format!(
                "Nothing minted yet. Press {} for the accounts, enter to open one, {} to mint.",
                keys.key(Action::Show(PaneId::Accounts)),
                keys.key(Action::MintMenu)
            ),
        };
        wrapped(&text, rows, buf, theme.dim);
        return;
    }
    for (line, at) in cursor.window().enumerate() {
        let y = rows.y + line as u16;
        if let Some(credential) = shared.shelf.get(at).filter(|_| y < rows.bottom()) {
            let selected = cursor.at() == Some(at);
            buf.set_line(rows.x, y, &row(credential, area.width, look, selected, focused), rows.width);
        }
    }
    let below = Rect { y: rows.bottom(), height: area.bottom() - rows.bottom(), ..area };
    let lines = match (shared.shelf.revealed(), cursor.at()) {
        (Some(at), _) => shared.shelf.get(at).map(|credential| revealed(credential, below.width, look)),
        (None, Some(at)) => {
            shared.shelf.get(at).map(|credential| details(credential, below.width, &shared.keymap, theme))
        }
        (None, None) => None,
    };
    let lines = lines.unwrap_or_default();
    let cut = lines.len() > usize::from(below.height);
    for (y, line) in (below.y..below.bottom()).zip(lines) {
        buf.set_line(below.x, y, &line, below.width);
    }
    if cut && below.height > 0 && below.width > 3 {
        buf.set_string(below.right() - 1, below.bottom() - 1, "…", theme.warning);
    }
}

fn revealed(credential: &Credential, width: u16, look: &Look) -> Vec<Line<'static>> {
    let hide = look.shared.keymap.key(Action::Reveal);
    let heading = format!("visible for {} s; {hide} hides it", REVEALED.as_secs());
    let text = Line::styled(safe_line(credential.secret.expose()).into_owned(), look.theme.secret);
    let mut lines = vec![Line::styled(heading, look.theme.warning)];
    lines.extend(fold(vec![text], width));
    lines
}

fn row(credential: &Credential, width: u16, look: &Look, selected: bool, focused: bool) -> Line<'static> {
    let theme = look.theme;
    let now = look.shared.session.at_google(look.now.utc);
    let ended = credential.ended(now);
    let whole = whole(credential, look.shared);
    let base = match (selected && focused, ended) {
        (true, _) => theme.selected,
        (false, true) => theme.dim,
        (false, false) => Style::new(),
    };
    let (mark, mark_style) =
        if ended { (theme.glyphs.no, theme.bad) } else { (theme.glyphs.live, theme.good) };
    let left = credential.expires.map(|end| end.as_second() - now.as_second());
    let remaining = match left {
        Some(left) => countdown::line(left, whole, theme),
        // A signature doesn't expire itself; the key that verifies it does.
        None => match credential.signed.as_ref().and_then(|signed| signed.key_ends) {
            Some(end) => {
                let left = lifetime::countdown(end.as_second() - now.as_second());
                Line::styled(format!("no expiry; key {left}"), theme.dim)
            }
            None => Line::styled("expiry unknown", theme.dim),
        },
    };
    let remaining: String = remaining.spans.iter().map(|span| span.content.as_ref()).collect();
    let style = match left {
        Some(left) if left <= 0 => theme.bad,
        Some(left) if left * 5 < whole => theme.warning,
        _ => Style::new(),
    };
    let wide = width >= 96;
    let secret_width = if wide { 16 } else { 0 };
    let time_width = if width >= 64 { 22 } else { 8 };
    let remaining = truncate(&remaining, time_width).into_owned();
    let rest = usize::from(width).saturating_sub(13 + secret_width + time_width + 3);
    let account_width = rest / 2;
    let account = truncate_middle(&safe_line(&short(credential.account())), account_width).into_owned();
    let target = format!("{}{}", item(&credential.request.what).target, chain(credential));
    let target = truncate(&safe_line(&target), rest - account_width).into_owned();
    let mut spans = vec![
        Span::styled(if selected { theme.glyphs.cursor } else { " " }, theme.accent),
        Span::styled(mark, mark_style),
        Span::styled(format!(" {:<9}", credential.request.kind().word()), base),
        Span::styled(pad_right(&account, account_width), base),
        Span::raw(" "),
        Span::styled(pad_right(&target, rest - account_width), base),
        Span::raw(" "),
        Span::styled(pad_left(&remaining, time_width), style),
    ];
    if wide {
        spans.push(Span::styled(format!(" {}", credential.secret.masked()), theme.secret));
    }
    Line::from(spans)
}

fn is_jwt(credential: &Credential) -> bool {
    credential.secret.expose().starts_with("eyJ")
}

/// Performs one of them.
pub(crate) fn copy(
    action: Action,
    credential: &Credential,
    shared: &Shared,
    now: Timestamp,
) -> Result<Effect, String> {
    let request = &credential.request;
    let name = format!("{} of {}", request.kind().name(), short(credential.account()));
    let token = credential.secret.expose();
    let secret = |text: String, how: &str| {
        let (text, held) = (Secret::new(text), credential.secret.clone());
        Effect::Copy(Clip::with_credential(text, held, format!("{name}{how}")))
    };
    let plain = |text: String, what: &str| Clip::text(&text, what).map(Effect::Copy);
    Ok(match action {
        Action::CopyRaw => secret(token.to_owned(), ""),
        Action::CopyHeader => secret(format!("Authorization: Bearer {token}"), " as header"),
        Action::CopyEnv => secret(
            commands::export("CLOUDSDK_AUTH_ACCESS_TOKEN", token, shared.session.endpoints()),
            " as export for gcloud",
        ),
        Action::CopyTerraform => secret(
            commands::export("GOOGLE_OAUTH_ACCESS_TOKEN", token, shared.session.endpoints()),
            " as export for Terraform",
        ),
        Action::CopyCurl | Action::CopyGcloud => {
            return super::draw::request_copy(action, request, shared, now);
        }
        Action::CopyDecoded if is_jwt(credential) => {
            let decoded = jwt::decode::pretty(&jwt::read(token));
            return Ok(Effect::Copy(Clip::json(&decoded, "decoded token")));
        }
        Action::CopyDecoded => {
            return plain(described(credential), "details, without the credential");
        }
        Action::CopyHex => secret(hex(token)?, " as hex"),
        Action::Save => {
            let time = credential.minted.strftime("%Y%m%dT%H%M%SZ");
            // The name may come from a server: only characters that can't leave the folder go into a file name.
            let local = request.account.split('@').next().unwrap_or_default();
            let account: String = local.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
            let name = format!("{account}-{}-{time}.txt", request.kind().word());
            Effect::Save { name, text: Secret::new(format!("{token}\n")) }
        }
        _ => return Err("Can't copy that here".into()),
    })
}

/// Everything known about it, one fact per line.
fn described(credential: &Credential) -> String {
    about(credential)
        .into_iter()
        .map(|(label, text)| format!("{label}: {}\n", visible::line(&text)))
        .collect()
}

/// Decodes a base64 signature to hex.
fn hex(base64: &str) -> Result<String, String> {
    let bytes = STANDARD.decode(base64).map_err(|_| "The signature isn't base64".to_owned())?;
    let bytes = Zeroizing::new(bytes);
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
