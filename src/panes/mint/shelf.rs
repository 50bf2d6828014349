//! How the shelf is drawn, and what can be copied from it.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use crate::{
    api::credentials,
    app::{
        msg::{Clip, Effect},
        shared::Shared,
    },
    keymap::Action,
    model::{
        account::short,
        credential::{Credential, Kind, What},
        jwt, scopes,
        secret::Secret,
        shell::quote,
    },
    panes::{Look, mint::REVEALED},
    widgets::{
        countdown,
        list::ListCursor,
        safe::safe_line,
        text::{fold, thousands, wrapped},
        width::{pad_left, pad_right, truncate, truncate_middle},
    },
};

/// What a credential is meant for, in a few words.
pub fn target(credential: &Credential) -> String {
    match &credential.request.what {
        What::AccessToken { scopes, .. } => {
            let first = scopes.first().map(|scope| scopes::short(scope)).unwrap_or_default();
            let more = if scopes.len() > 1 { format!(" +{}", scopes.len() - 1) } else { String::new() };
            format!("{first}{more}")
        }
        What::IdToken { audience, .. } => audience.clone(),
    }
}

/// What is known of a credential besides what it says itself.
pub fn about(credential: &Credential) -> Vec<(&'static str, String)> {
    let request = &credential.request;
    let mut about = vec![("account", request.account.clone())];
    match &request.what {
        What::AccessToken { scopes, .. } => about.extend(scopes.iter().map(|scope| ("scope", scope.clone()))),
        What::IdToken { audience, .. } => about.push(("audience", audience.clone())),
    }
    about.extend(request.delegates.iter().map(|delegate| ("through", delegate.clone())));
    about
}

/// How long it lives in all, in seconds: what a full bar stands for.
fn whole(credential: &Credential) -> i64 {
    credential.expires.map_or(0, |end| end.as_second() - credential.minted.as_second()).max(1)
}

/// Lines that the revealed secret takes at the bottom of the shelf.
pub fn revealed_height(shared: &Shared, area: Rect) -> u16 {
    let Some(credential) = shared.shelf.revealed().and_then(|at| shared.shelf.get(at)) else { return 0 };
    let lines = credential.secret.len().div_ceil(usize::from(area.width.max(1)));
    u16::try_from(lines + 1).unwrap_or(u16::MAX).min(area.height / 2)
}

/// Draws heading, rows in the window, and the revealed secret.
pub fn draw(cursor: &ListCursor, area: Rect, buf: &mut Buffer, look: &Look, focused: bool) {
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
    let secret_height = revealed_height(shared, area);
    let rows = Rect { y: area.y + 1, height: area.height - 1 - secret_height.min(area.height - 1), ..area };
    if count == 0 {
        let keys = &shared.keymap;
        let text = match shared.opened {
            Some(_) => format!("Nothing minted yet: {} mints.", keys.key(Action::MintMenu)),
            None => format!(
                "Nothing minted yet: {} goes to the accounts, enter opens one, {} mints.",
                keys.key(Action::ShowAccounts),
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
    if let Some(credential) = shared.shelf.revealed().and_then(|at| shared.shelf.get(at)) {
        let below = Rect { y: rows.bottom(), height: area.bottom() - rows.bottom(), ..area };
        let hide = shared.keymap.key(Action::Reveal);
        let heading =
            Line::styled(format!("shown for {} s; {hide} hides it", REVEALED.as_secs()), theme.warning);
        buf.set_line(below.x, below.y, &heading, below.width);
        let text = Line::styled(safe_line(credential.secret.expose()).into_owned(), theme.secret);
        for (y, line) in (below.y + 1..below.bottom()).zip(fold(vec![text], below.width)) {
            buf.set_line(below.x, y, &line, below.width);
        }
    }
}

fn row(credential: &Credential, width: u16, look: &Look, selected: bool, focused: bool) -> Line<'static> {
    let theme = look.theme;
    let ended = credential.ended(look.now.utc);
    let base = match (selected && focused, ended) {
        (true, _) => theme.selected,
        (false, true) => theme.dim,
        (false, false) => Style::new(),
    };
    let (mark, mark_style) =
        if ended { (theme.glyphs.no, theme.bad) } else { (theme.glyphs.live, theme.good) };
    let left = credential.expires.map(|end| end.as_second() - look.now.utc.as_second());
    let remaining = match left {
        Some(left) => countdown::line(left, whole(credential), theme),
        None => Line::styled("no end known", theme.dim),
    };
    let remaining: String = remaining.spans.iter().map(|span| span.content.as_ref()).collect();
    let style = match left {
        Some(left) if left <= 0 => theme.bad,
        Some(left) if left * 5 < whole(credential) => theme.warning,
        _ => Style::new(),
    };
    let wide = width >= 96;
    let secret_width = if wide { 16 } else { 0 };
    let time_width = if width >= 64 { 22 } else { 8 };
    let remaining = truncate(&remaining, time_width).into_owned();
    let rest = usize::from(width).saturating_sub(11 + secret_width + time_width + 3);
    let account_width = rest / 2;
    let account = truncate_middle(&safe_line(short(&credential.request.account)), account_width).into_owned();
    let target = truncate(&safe_line(&target(credential)), rest - account_width).into_owned();
    let mut spans = vec![
        Span::styled(if selected { theme.glyphs.cursor } else { " " }, theme.accent),
        Span::styled(mark, mark_style),
        Span::styled(format!(" {:<7}", credential.request.kind().word()), base),
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

/// What the copy menu offers for a credential.
pub fn copies(credential: &Credential) -> Vec<Action> {
    let kind = credential.request.kind();
    let all = [
        (Action::CopyRaw, true),
        (Action::CopyHeader, true),
        (Action::CopyEnv, kind == Kind::AccessToken),
        (Action::CopyTerraform, kind == Kind::AccessToken),
        (Action::CopyCurl, true),
        (Action::CopyGcloud, true),
        (Action::CopyDecoded, is_jwt(credential)),
        (Action::Save, true),
    ];
    all.into_iter().filter(|(_, offered)| *offered).map(|(action, _)| action).collect()
}

fn is_jwt(credential: &Credential) -> bool {
    credential.secret.expose().starts_with("eyJ")
}

/// Does one of them.
pub fn copy(action: Action, credential: &Credential, shared: &Shared) -> Result<Effect, String> {
    let request = &credential.request;
    let name = format!("{} of {}", request.kind().name(), short(&request.account));
    let token = credential.secret.expose();
    let secret = |text: String, how: &str| {
        Effect::Copy(Clip { text: Secret::new(text), what: format!("{name}{how}"), sensitive: true })
    };
    let plain = |text: String, what: &str| {
        Effect::Copy(Clip { text: Secret::new(text), what: what.to_owned(), sensitive: false })
    };
    Ok(match action {
        Action::CopyRaw => secret(token.to_owned(), ""),
        Action::CopyHeader => secret(format!("Authorization: Bearer {token}"), " as a header"),
        // The leading space keeps the line out of most shells' histories.
        Action::CopyEnv => secret(
            format!(" {}export CLOUDSDK_AUTH_ACCESS_TOKEN={token}", exports(shared)),
            " as an export for gcloud",
        ),
        Action::CopyTerraform => secret(
            format!(" {}export GOOGLE_OAUTH_ACCESS_TOKEN={token}", exports(shared)),
            " as an export for Terraform",
        ),
        Action::CopyCurl => plain(credentials::curl(request, &shared.endpoints), "the request as curl"),
        Action::CopyGcloud => {
            plain(credentials::gcloud(request, &shared.endpoints), gcloud_differs(&request.what))
        }
        Action::CopyDecoded => plain(jwt::decode::pretty(&jwt::read(token)), "the decoded token"),
        Action::Save => {
            let time = credential.minted.strftime("%Y%m%dT%H%M%SZ");
            // The name may come from a server: only what cannot leave the folder goes into a file name.
            let local = request.account.split('@').next().unwrap_or_default();
            let account: String = local.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
            let name = format!("{account}-{}-{time}.txt", request.kind().word());
            Effect::Save { name, text: Secret::new(format!("{token}\n")) }
        }
        _ => return Err("that cannot be copied here".into()),
    })
}

/// Where gcloud's command does otherwise than the request that was sent.
fn gcloud_differs(what: &What) -> &'static str {
    match what {
        What::IdToken { organization_number: true, .. } => {
            "the gcloud command (it mints an access token first, and has no flag for the organization number)"
        }
        What::IdToken { .. } => "the gcloud command (it mints an access token first)",
        What::AccessToken { scopes, .. } if *scopes != [scopes::DEFAULT] => {
            "the gcloud command (its --scopes adds openid and userinfo.email)"
        }
        What::AccessToken { .. } => "the gcloud command",
    }
}

/// Endpoints that are not Google's go along, so that a token of the demo is never taken for a real one.
fn exports(shared: &Shared) -> String {
    shared
        .endpoints
        .as_env()
        .iter()
        .map(|(name, value)| format!("export {name}={}; ", quote(value)))
        .collect()
}
