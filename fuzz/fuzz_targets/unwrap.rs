//! Any text may be pasted as an error, inside anything that prints errors: nothing breaks, the cost is bounded, and what
//! is found ends in a sentence and a next step.
#![no_main]

use std::time::{Duration, Instant};

use impersona::http::error_text;
use impersona::model::doctor::{Examined, Known, diagnose};
use impersona::text::safe::{is_unsafe, safe_line};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let begun = Instant::now();
    hold(&text);
    hold(&format!("│ {}", text.replace('\n', "\n│ ")));
    hold(&format!("{text:?}"));
    hold(&serde_json::json!({ "message": text }).to_string());
    assert!(begun.elapsed() < Duration::from_secs(5), "the cost is bounded");
});

fn hold(text: &str) {
    let Some(error) = error_text::find(text) else { return };
    let sentence = error.sentence();
    assert!(!sentence.trim().is_empty(), "something is said");
    assert!(!safe_line(&sentence).contains(is_unsafe));
    let (examined, now) = (Examined::default(), "2027-01-15T08:00:00Z".parse().expect("a time"));
    let known = Known { caller: None, examined: &examined, remedy: None, now };
    let refusal = error.refusal.as_deref().expect("what was found is a refusal");
    assert!(!diagnose(refusal, &known).steps.is_empty(), "something can be done");
}
