//! Web pages that Google sends in place of an API's JSON. Its front end has one form, for requests that never reach an
//! API; what runs in front of hosted services (Cloud Run, load balancers) has another. A page of neither form comes
//! from someone else: a proxy or a login page.

use super::error::plain;
use crate::model::denial::Answerer;

/// A page of Google's.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WebPage {
    /// Who sent it, by its form.
    pub(super) by: Answerer,
    /// The status that it names.
    pub(super) status: u16,
    /// What it says, in one line.
    pub(super) words: String,
}

/// What the page in front of Cloud Run and of functions says to 401 and 403, whatever the markup around it.
pub(super) const NO_PERMISSION: &str = "Your client does not have permission to ";

/// Phrases of the front end's pages without any information.
const EMPTY_WORDS: [&str; 2] = ["That’s an error.", "That’s all we know."];

/// The Google page that a text is or contains; `None` for anyone else's.
pub(super) fn find(text: &str) -> Option<WebPage> {
    let title = between(text, "<title>", "</title>")?.trim();
    // `Error 411 (Length Required)!!1`
    if let Some(rest) = title.strip_prefix("Error ").and_then(|rest| rest.strip_suffix(")!!1")) {
        let (status, name) = rest.split_once(" (")?;
        let status = status.parse().ok()?;
        let words = said(text.split_once("</ins>").map_or("", |(_, rest)| rest));
        let words = if words.is_empty() { name.to_owned() } else { words };
        return Some(WebPage { by: Answerer::FrontEnd, status, words: plain(&words) });
    }
    // `<title>401 Unauthorized</title>` over `<h1>Error: Unauthorized</h1>`
    let (status, name) = title.split_once(' ')?;
    let heading = between(text, "<h1>Error: ", "</h1>").unwrap_or_default();
    let known = text.find(NO_PERMISSION);
    if !name.eq_ignore_ascii_case(heading.trim()) && known.is_none() {
        return None;
    }
    let heading = text.split_once("</h1>").map(|(_, rest)| rest);
    let words = said(heading.or(known.map(|at| &text[at..])).unwrap_or_default());
    Some(WebPage { by: Answerer::CalledService, status: status.parse().ok()?, words: plain(&words) })
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(inside, _)| inside)
}

/// The words of some HTML, without tags and empty phrases.
fn said(html: &str) -> String {
    let html = html.split("</html").next().unwrap_or_default();
    let mut words = String::new();
    for part in html.split('<') {
        // Text before the first tag is not inside one.
        let text = part.split_once('>').map_or(if words.is_empty() { part } else { "" }, |(_, text)| text);
        words.push_str(text);
    }
    for empty in EMPTY_WORDS {
        words = words.replace(empty, " ");
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_the_front_end_is_read_with_its_words() {
        let page = "<!DOCTYPE html>\n<html lang=en>\n  <meta charset=utf-8>\n  <title>Error 411 (Length Required)!!1</title>\n  <style>\n    *{margin:0}\n  </style>\n  <a href=//www.google.com/><span id=logo aria-label=Google></span></a>\n  <p><b>411.</b> <ins>That’s an error.</ins>\n  <p>POST requests require a <code>Content-length</code> header.  <ins>That’s all we know.</ins>\n";
        let words = "POST requests require a Content-length header.".to_owned();
        assert_eq!(find(page), Some(WebPage { by: Answerer::FrontEnd, status: 411, words }));
        let short = "<title>Error 404 (Not Found)!!1</title>";
        let words = "Not Found".to_owned();
        assert_eq!(find(short), Some(WebPage { by: Answerer::FrontEnd, status: 404, words }));
    }

    #[test]
    fn a_page_before_a_service_is_another() {
        let page = "\n<html><head>\n<meta http-equiv=\"content-type\" content=\"text/html;charset=utf-8\">\n<title>401 Unauthorized</title>\n</head>\n<body text=#000000 bgcolor=#ffffff>\n<h1>Error: Unauthorized</h1>\n<h2>Your client does not have permission to the requested URL <code>/x</code>.</h2>\n<h2></h2>\n</body></html>\n";
        let words = "Your client does not have permission to the requested URL /x.".to_owned();
        assert_eq!(find(page), Some(WebPage { by: Answerer::CalledService, status: 401, words }));
    }

    #[test]
    fn a_strangers_page_is_nobodys_of_googles() {
        for page in [
            "",
            "<html><title>Sign in to the hotel</title></html>",
            "<title>401 Unauthorized</title><h1>Go away</h1>",
            "<title>Error 404 (Not Found)</title>",
            "<title>Error x (Not Found)!!1</title>",
        ] {
            assert_eq!(find(page), None, "{page}");
        }
    }
}
