//! The least that the same work can cost: this file's program, started again under another task.

use std::io::{self, Write};

use crossterm::{
    event::{self, Event, KeyCode},
    execute,
    terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
};
use ratatui::{Terminal, backend::CrosstermBackend, style::Style};

use crate::{Outcome, scan};

/// Does what the words say.
pub fn run(words: &[String]) -> Outcome<()> {
    let word = |at: usize| words.get(at).map(String::as_str).unwrap_or_default();
    match word(0) {
        "list" => list(word(1).parse()?),
        "mint" => mint(word(1)),
        "sockets" => scan::sockets(word(1).parse()?, word(2).parse()?, word(3).parse()?),
        "reqwest-scan" => scan::reqwest(word(1).parse()?, word(2).parse()?, word(3).parse()?),
        "app-scan" => scan::app(word(1).parse()?, word(2).parse()?, word(3).parse()?, None),
        "app-scan-200" => scan::app(word(1).parse()?, word(2).parse()?, word(3).parse()?, Some(200.0)),
        other => Err(format!("no floor “{other}”").into()),
    }
}

/// A list of so many rows, and nothing else.
fn list(count: usize) -> Outcome<()> {
    let rows: Vec<String> = (0..count).map(|n| format!("account-{n:06}@acme-prod")).collect();
    enable_raw_mode()?;
    let mut out = io::BufWriter::with_capacity(256 * 1024, io::stdout());
    execute!(out, EnterAlternateScreen)?;
    let mut terminal = Terminal::new(CrosstermBackend::new(out))?;
    let mut at = 0;
    loop {
        terminal.draw(|frame| {
            let area = frame.area();
            let top = at - at % usize::from(area.height.max(1));
            let buf = frame.buffer_mut();
            for (y, row) in (area.y..area.bottom()).zip(rows.iter().enumerate().skip(top)) {
                let mark = if row.0 == at { "▌" } else { " " };
                buf.set_string(area.x, y, mark, Style::new());
                buf.set_string(area.x + 2, y, row.1, Style::new());
            }
        })?;
        if let Event::Key(key) = event::read()? {
            match key.code {
                KeyCode::Up => at = at.saturating_sub(1),
                KeyCode::Down => at = (at + 1).min(count.saturating_sub(1)),
                KeyCode::Char('q') => break,
                _ => {}
            }
        }
    }
    disable_raw_mode()?;
    execute!(terminal.backend_mut(), LeaveAlternateScreen)?;
    Ok(terminal.backend_mut().flush()?)
}

/// Two requests by a bare client: the caller's token, and a token of the account.
fn mint(base: &str) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = reqwest::Client::new();
        let form = [("grant_type", "refresh_token"), ("refresh_token", "r"), ("client_id", "c"), ("client_secret", "s")];
        let token: serde_json::Value = client.post(format!("{base}token")).form(&form).send().await?.json().await?;
        let bearer = token["access_token"].as_str().unwrap_or_default().to_owned();
        let url = format!("{base}v1/projects/-/serviceAccounts/sa@acme-prod.iam.gserviceaccount.com:generateAccessToken");
        let body = serde_json::json!({"scope": ["https://www.googleapis.com/auth/cloud-platform"], "lifetime": "3600s"});
        let minted: serde_json::Value = client.post(url).bearer_auth(bearer).json(&body).send().await?.json().await?;
        println!("{}", minted["accessToken"].as_str().unwrap_or_default());
        Ok(())
    })
}
