//! Drawing the forms: the kinds, what is known, the fields, the request, and the last error.

use jiff::Timestamp;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use super::{
    BOTH_HALVES, Mint, Minting,
    chain::hops,
    kinds::{MintForm, action},
    may, subject,
};
use crate::{
    api::{commands, credentials},
    keymap::{Action, Place},
    model::{
        account::short,
        credential::{Kind, MintRequest},
    },
    tui::{
        app::{clip::Clip, msg::Effect, shared::Shared},
        panes::Look,
        widgets::{
            form::LABEL,
            text::{fold, wrapped, wrapped_height},
            theme::Theme,
        },
    },
};

/// Most lines for the request.
const MOST_PREVIEW: u16 = 6;

/// Most lines for what is known about a chain or a machine.
const MOST_KNOWN: usize = 8;

/// From this width the kinds have their full names.
const WIDE: u16 = 100;

/// Below this many lines the shelf takes the whole pane while it has the focus: a credential has more details than
/// fit into its row.
const ROOMY: u16 = 26;

/// Up to this height only the fields are shown.
const TIGHT: u16 = 8;

impl Mint {
    /// Divides the pane: form above, shelf below, or only the half with the focus.
    pub(super) fn halves(&self, area: Rect, shared: &Shared, now: Timestamp) -> (Rect, Rect) {
        let nothing = Rect { height: 0, ..area };
        let Some(form) = self.form(shared) else { return (nothing, area) };
        if self.filling && area.height < BOTH_HALVES {
            return (area, nothing);
        }
        if !self.filling && area.height < ROOMY {
            return (nothing, area);
        }
        let wanted = self.fields_height(form, shared, area.width) + self.below_form(shared, area.width, now);
        // The request is more important than the shelf: for a long form its heading is enough.
        let least = if wanted + 4 <= area.height { 4 } else { 1 };
        let form_height = wanted.min(area.height.saturating_sub(least));
        let shelf = Rect { y: area.y + form_height, height: area.height - form_height, ..area };
        (Rect { height: form_height, ..area }, shelf)
    }

    /// Lines above the request: kinds, what is known and the fields, with a blank line after each part.
    fn fields_height(&self, form: &dyn MintForm, shared: &Shared, width: u16) -> u16 {
        2 + self.known_height(form, shared, width) + form.height(width) + 1
    }

    /// Whether an error fits below the fields, and the shelf below that.
    pub(super) fn has_room_below(&self, area: Rect, shared: &Shared) -> bool {
        const REFUSAL: u16 = 4 + 4;
        self.form(shared)
            .is_some_and(|form| self.fields_height(form, shared, area.width) + REFUSAL <= area.height)
    }

    /// Lines below the form: the request to send, and why the last one failed.
    pub(super) fn below_form(&self, shared: &Shared, width: u16, now: Timestamp) -> u16 {
        let preview = wrapped_height(&self.shown_preview(shared, now, width), width).min(MOST_PREVIEW);
        let refused = self.refusal(shared).map_or(0, |text| wrapped_height(&text, width) + 1);
        preview + refused
    }

    /// The request that the form describes; none while a field is wrong.
    pub(super) fn described(&self, shared: &Shared, now: Timestamp) -> Result<MintRequest, String> {
        let (Some(form), Some(account)) = (self.form(shared), subject(self.kind, shared)) else {
            return Err("No form is open".to_owned());
        };
        form.described(&account, now)
    }

    /// As much of the request as fits: it may be large.
    fn shown_preview(&self, shared: &Shared, now: Timestamp, width: u16) -> String {
        let text = self.preview(shared, now);
        if self.described(shared, now).is_err() || self.minting() {
            return text;
        }
        let hint =
            format!("… ({} “copy” copies all of it as curl or gcloud)", shared.keymap.key(Action::Palette));
        let most = usize::from(MOST_PREVIEW) * usize::from(width.max(1));
        let room = most.saturating_sub(hint.chars().count() + usize::from(width / 2));
        match text.char_indices().nth(room) {
            Some((end, _)) => format!("{}{hint}", &text[..end]),
            None => format!("{text}  {}", hint.trim_start_matches("… ").replace(" all of it", " it")),
        }
    }

    pub(super) fn preview(&self, shared: &Shared, now: Timestamp) -> String {
        if let Some(Minting { request, .. }) = &self.minting {
            let (name, account) = (request.kind().name(), short(&request.account));
            let key = shared.keymap.key_in(Place::Form, Action::Back);
            return format!("minting {name} of {account}… {key} cancels");
        }
        let shown = self
            .described(shared, now)
            .and_then(|request| credentials::preview(&request, shared.session.endpoints(), now));
        match shown {
            Ok(preview) => {
                // The common prefix of all paths carries no information; `@` reads better than its escape.
                let path = preview.url_path.replace("/v1/projects/-/", "…/").replace("%40", "@");
                let body = preview.body.map(|body| format!(" {body}")).unwrap_or_default();
                format!("{} {path}{body}", preview.method)
            }
            Err(why) => why,
        }
    }

    pub(super) fn refusal(&self, shared: &Shared) -> Option<String> {
        let (request, error) = self.refused.as_ref()?;
        if shared.workspace.opened.as_deref() != Some(request.account.as_str()) || request.kind() != self.kind
        {
            return None;
        }
        let grant = match self.missing() {
            Some(_) => format!(
                " Press {}, then {} to stage that grant or request it.",
                shared.keymap.key_in(Place::Form, Action::Back),
                shared.keymap.key(Action::Grant)
            ),
            None => String::new(),
        };
        Some(format!("{}{}{}{grant}", error.sentence(), hops(request, error), error.next_words()))
    }

    pub(super) fn draw_form(&self, area: Rect, buf: &mut Buffer, look: &Look, focused: bool) {
        let (theme, shared) = (look.theme, look.shared);
        let Some(form) = self.form(shared).filter(|_| area.height > 0) else { return };
        let active = focused && self.filling;
        buf.set_line(area.x, area.y, &self.kinds(look, area.width), area.width);
        let (mut y, bottom) = (area.y + 1, area.bottom());
        let rest = |y: u16| Rect { y: y.min(bottom), height: bottom.saturating_sub(y), ..area };
        // Where space is short, the fields come first.
        let spare = area.height.saturating_sub(self.fields_height(form, shared, area.width));
        y += spare.min(1);
        if area.height > TIGHT {
            let value =
                Rect { x: area.x + LABEL.min(area.width), width: area.width.saturating_sub(LABEL), ..area };
            let label = if self.kind == Kind::Metadata { "machine" } else { "permission" };
            buf.set_stringn(area.x, y, label, usize::from(area.width), theme.dim);
            let most = area.height.saturating_sub(3 + form.height(area.width));
            for line in self.known(form, look, value.width, most) {
                buf.set_line(value.x, y, &line, value.width);
                y += 1;
            }
        }
        let cursor = form.draw(rest(y), buf, active, theme);
        look.cursor.set(cursor.filter(|_| active).or(look.cursor.get()));
        y += form.height(area.width) + 1;
        if let Some(refusal) = self.refusal(shared) {
            y += wrapped(&refusal, rest(y), buf, theme.bad) + 1;
        }
        let preview = Rect { height: rest(y).height.min(MOST_PREVIEW), ..rest(y) };
        let text = self.shown_preview(shared, look.now.utc, area.width);
        wrapped(&text, preview, buf, theme.dim);
    }

    /// All kinds, the current one marked, with the keys to switch.
    pub(super) fn kinds(&self, look: &Look, width: u16) -> Line<'static> {
        let theme = look.theme;
        let rows: Vec<_> = look.shared.keymap.rows(Place::MintMenu).collect();
        let mut spans = Vec::new();
        for kind in Kind::FORMS {
            let key =
                rows.iter().find(|(row, _)| row.action == action(kind)).and_then(|(_, keys)| keys.first());
            let name = if width >= WIDE { kind.name() } else { kind.word() };
            let text = key.map_or_else(|| format!(" {name} "), |key| format!(" ({key}) {name} "));
            spans.push(Span::styled(text, if kind == self.kind { theme.accent } else { theme.dim }));
        }
        Line::from(spans)
    }

    /// What is known about the caller's access, in the lines available.
    pub(super) fn known(
        &self,
        form: &dyn MintForm,
        look: &Look,
        width: u16,
        most: u16,
    ) -> Vec<Line<'static>> {
        let chain = self.chain_on_screen(look.shared);
        let lines = fold(may::lines(self.kind, form, chain, look.shared, look.theme), width);
        lines.into_iter().take(usize::from(most).clamp(1, MOST_KNOWN)).collect()
    }

    pub(super) fn known_height(&self, form: &dyn MintForm, shared: &Shared, width: u16) -> u16 {
        let lines = may::lines(self.kind, form, self.chain_on_screen(shared), shared, &Theme::default());
        fold(lines, width.saturating_sub(LABEL)).len().min(MOST_KNOWN) as u16
    }
}

/// A request as a command, without any token.
pub(super) fn request_copy(
    action: Action,
    request: &MintRequest,
    shared: &Shared,
    now: Timestamp,
) -> Result<Effect, String> {
    let quota = shared.session.caller.value().and_then(|caller| caller.quota_project.as_deref());
    let (command, name) = match action {
        Action::CopyCurl => {
            (commands::curl(request, shared.session.endpoints(), quota, now)?, "request as curl")
        }
        Action::CopyGcloud => {
            (commands::gcloud(request, shared.session.endpoints(), quota, now)?, "gcloud command")
        }
        _ => return Err("Can't copy that here".into()),
    };
    // gcloud runs as its own login, which may differ from the caller here.
    let whose = shared.session.callers_before().is_empty() && shared.session.other_login().is_none();
    let differs = match (command.differs, whose) {
        (differs, true) => differs.to_owned(),
        ("", false) => "runs as gcloud's own login".to_owned(),
        (differs, false) => format!("runs as gcloud's own login; {differs}"),
    };
    let what = if differs.is_empty() { name.to_owned() } else { format!("{name} ({differs})") };
    Clip::text(&command.text, what).map(Effect::Copy)
}
